// The classic text protocol's side of a client: takes commands from the front of its input and
// makes requests of them. Meta commands may stand between them: meta_commands.hpp takes those.
// Its client's I/O thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/port/chunk.hpp"
#include "agent/port/take.hpp"
#include "shim/text/request.hpp"

namespace ringfence::agent::port {

class Client;

class TextCommands {
 public:
  [[nodiscard]] Take next(Client& client);
  // How long the input must be before the command at its front is whole; 0: not known.
  [[nodiscard]] std::size_t wanted_bytes() const noexcept { return wanted_bytes_; }

 private:
  [[nodiscard]] Take take_parsed(Client& client, std::size_t line_bytes);
  [[nodiscard]] Take take_keys(Client& client);
  [[nodiscard]] Take take_storage(Client& client, std::size_t line_bytes);
  [[nodiscard]] Take begin_upload(Client& client, std::size_t line_bytes);
  [[nodiscard]] Take take_flush_all(Client& client, std::size_t line_bytes);
  [[nodiscard]] Take take_without_key(Client& client, std::size_t line_bytes);

  // A retrieval whose keys are asked for as the window allows.
  struct {
    ChunkRef bytes;
    std::string_view keys;  // what is left, between spaces
    std::string_view exptime;
    shim::text::Verb verb{};
  } rest_;
  std::size_t swallow_bytes_ = 0;
  std::size_t wanted_bytes_ = 0;
};

}  // namespace ringfence::agent::port
