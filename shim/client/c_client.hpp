// What ringfence.h calls a client, for the files that implement it.
#pragma once

#include "shim/client/client.hpp"
#include "shim/ringfence.h"

// NOLINTNEXTLINE(readability-identifier-naming): the C header names it
struct ringfence_client : ringfence::shim::client::Client {
  using Client::Client;
};
