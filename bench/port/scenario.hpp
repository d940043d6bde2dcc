// What clients do, and how much of it makes a round. Constants only.
#pragma once

#include <cstddef>

namespace ringfence::bench {

enum class Call {
  get,            // one key
  pipelined_get,  // keys_of_call commands in one write, each of one key
  get_many,       // one command of keys_of_call keys
  set,
  get_or_set,  // one in ten calls is a set
};

struct Scenario {
  const char* name;
  Call call;
  bool is_large;                            // of values
  std::size_t clients;                      // each with one call at a time
  std::size_t keys_of_call, calls_a_round;  // a round: 0.1 to 0.5 s of a CPU
};

inline constexpr std::size_t small_count = 100'000, small_value_bytes = 100;
// The largest value that a memcached with default settings takes is 1 MiB less than 1 KiB of an
// item's head, key and bookkeeping: 1,048,276 bytes with a short key. This leaves room for longer
// keys.
inline constexpr std::size_t large_count = 32, large_value_bytes = 1024 * 1024 - 512;

inline constexpr Scenario scenarios[] = {
    {"get_1x1", Call::get, false, 1, 1, 3000},
    {"get_50x1", Call::get, false, 50, 1, 10'000},
    {"get_8x32", Call::pipelined_get, false, 8, 32, 800},
    {"get_1x100", Call::get_many, false, 1, 100, 400},
    {"get_8x100", Call::get_many, false, 8, 100, 800},
    {"mix_50x1", Call::get_or_set, false, 50, 1, 10'000},
    {"get_large_8x1", Call::get, true, 8, 1, 160},
    {"set_large_8x1", Call::set, true, 8, 1, 160},
};

}  // namespace ringfence::bench
