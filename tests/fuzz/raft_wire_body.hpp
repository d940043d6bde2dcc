// What must hold of the engine's message reader for any bytes. Shared by the fuzzer and by a unit
// test that runs it over real messages that were damaged. Aborts when something does not hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "agent/engine/raft_wire.h"

namespace ringfence::agent::engine {

// How many messages came out; negative: refused. What comes out can be written, and reads alike.
inline int try_engine_message(std::string_view bytes) {
  // A block of its own, so that a read past the end shows.
  const auto exact = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  const int count = raft_wire_try(exact.get(), bytes.size());
  if (count < -1 || count == 0) std::abort();
  return count;
}

}  // namespace ringfence::agent::engine
