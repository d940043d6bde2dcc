// One request and its answer over one connection, within a deadline. It decides nothing: what its
// ending means is the rules' (single_call.hpp). One call's thread; no allocation but for a value's
// growth.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/client/connection.hpp"
#include "shim/client/operation.hpp"

namespace ringfence::shim::client {

enum class Ending : std::uint8_t {
  answered,   // the status is the server's word
  unsent,     // the connection ended, and nothing of the request left this host
  lost,       // it ended, or the answer was not memcached's, after something was sent
  timed_out,  // the deadline passed
  moved,      // the slot moved before the answer came
  no_memory,  // for the value; it was not read
};

struct Exchanged {
  Ending ending = Ending::lost;
  Status status = RINGFENCE_SYSTEM;
  std::uint64_t number = 0;
  bool must_close = true;  // the connection is of no more use
};

class Exchange {
 public:
  Exchange(Connection& connection, const Operation& operation, Deadline& deadline, SlotWatch watch,
           bool is_port) noexcept
      : connection_(connection),
        operation_(operation),
        deadline_(deadline),
        watch_(watch),
        is_port_(is_port) {}

  [[nodiscard]] Exchanged run(std::string_view wire_key) noexcept;

 private:
  enum class Wait : std::uint8_t { go_on, closed, timed_out, moved };
  [[nodiscard]] Ending send(std::string_view wire_key) noexcept;
  [[nodiscard]] Wait receive() noexcept;
  [[nodiscard]] Wait look_around() noexcept;
  [[nodiscard]] Exchanged read_value(std::string_view wire_key) noexcept;
  [[nodiscard]] Exchanged read_line() noexcept;
  [[nodiscard]] bool take_header() noexcept;
  void take_value() noexcept;
  [[nodiscard]] Answer understand(std::string_view line) const noexcept;

  Connection& connection_;
  const Operation& operation_;
  Deadline& deadline_;
  const SlotWatch watch_;
  const bool is_port_;
  bool has_received_ = false;
};

}  // namespace ringfence::shim::client
