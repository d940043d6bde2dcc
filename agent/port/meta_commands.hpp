// Takes meta commands from the front of a text client's input and makes requests of them. They may
// stand between classic commands and are answered in the order of all.
// Its client's I/O thread only.
#pragma once

#include <cstddef>

#include "agent/port/take.hpp"

namespace ringfence::agent::port {

class Client;

struct MetaTake {
  Take take = Take::taken;
  std::size_t swallow_bytes = 0;  // of the input, behind what was taken
  std::size_t wanted_bytes = 0;   // how long the input must be for the command to be whole; 0: not
                                  // known
};

// The input begins with one: shim::meta::begins_request().
[[nodiscard]] MetaTake take_meta_command(Client& client);

}  // namespace ringfence::agent::port
