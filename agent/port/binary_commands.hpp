// The binary protocol's side of a client: takes commands from the front of its input and makes
// requests of them. Its client's I/O thread only.
#pragma once

#include <cstddef>

#include "agent/port/take.hpp"
#include "shim/binary/request.hpp"

namespace ringfence::agent::port {

class Client;

class BinaryCommands {
 public:
  [[nodiscard]] Take next(Client& client);
  // How long the input must be before the command at its front is whole; 0: not known.
  [[nodiscard]] std::size_t wanted_bytes() const noexcept { return wanted_bytes_; }

 private:
  using Parsed = shim::binary::Request;
  [[nodiscard]] Take take_parsed(Client& client, const Parsed& parsed, std::size_t front_bytes);
  [[nodiscard]] Take take_keyed(Client& client, const Parsed& parsed, std::size_t front_bytes);
  [[nodiscard]] Take take_storage(Client& client, const Parsed& parsed, std::size_t front_bytes);
  [[nodiscard]] Take take_flush(Client& client, const Parsed& parsed, std::size_t front_bytes);

  std::size_t swallow_bytes_ = 0;
  std::size_t wanted_bytes_ = 0;
};

}  // namespace ringfence::agent::port
