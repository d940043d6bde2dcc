// One request as the application gave it, its command line, and what its answer means. Plain
// values; one call's thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "shim/ringfence.h"
#include "shim/text/command.hpp"

namespace ringfence::shim::client {

using Status = ringfence_status;
using text::Verb;

struct Operation {
  Verb verb{};
  std::string_view key;
  std::string_view data;             // storage
  std::int64_t exptime = 0;          // storage, touch, gat
  std::uint64_t number = 0;          // cas: the unique; incr, decr: the delta
  std::uint32_t flags = 0;           // storage
  ringfence_value* value = nullptr;  // retrievals: where it goes
  std::uint64_t* result = nullptr;   // incr, decr: where the number goes, or null
};

// A value is larger than any memcached takes from here on (its largest -I): nothing is sent.
inline constexpr std::size_t data_bytes_max = text::value_bytes_max;

// Bytes of a command line: the longest verb, key, three numbers of 32 bits with a sign, one of 64.
inline constexpr std::size_t command_line_bytes = 8 + 1 + 250 + 3 * 12 + 21 + 2;

// Writes the command line for `key` (the wire key, or the application's through the port) into
// `line`, which holds command_line_bytes; returns its length.
[[nodiscard]] std::size_t write_line(const Operation& operation, std::string_view key,
                                     char* line) noexcept;

// The outcome that a line tells; nothing that a server may say of this verb: `is_violation`.
struct Answer {
  Status status = RINGFENCE_SYSTEM;
  bool is_violation = false;
  // The server refused the line, and may take the value behind it for commands: what it says next
  // answers nothing that was asked.
  bool is_out_of_step = false;
  std::uint64_t number = 0;  // incr, decr
};
// REFUSED also keeps the line for last_error().
[[nodiscard]] Answer answer_of(Verb verb, std::string_view line) noexcept;
// The same for a line of the agent's port, which has words of its own for what went wrong.
[[nodiscard]] Answer answer_of_port(Verb verb, std::string_view line) noexcept;

// What this thread's last refusal said; empty when its last call was not refused.
[[nodiscard]] const char* last_error() noexcept;
void forget_error() noexcept;

// Room for `bytes` and a NUL; false when there is no memory. Keeps nothing of what was there.
[[nodiscard]] bool make_room(ringfence_value& value, std::size_t bytes) noexcept;
void set_value(ringfence_value& value, std::size_t bytes, std::uint32_t flags,
               std::uint64_t cas) noexcept;
void clear_value(ringfence_value& value) noexcept;

}  // namespace ringfence::shim::client
