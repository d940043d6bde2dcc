#include "agent/port/take.hpp"

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {

bool is_reserved(Client& client, std::string_view key) {
  return key.starts_with(shim::reserved_key_prefix) && !client.thread().segment().pool().has_tags();
}

bool is_streamed(Client& client, std::size_t value_bytes) {
  if (value_bytes > held_value_bytes_max) return true;
  return value_bytes > client_input_bytes_free &&
         client.thread().input().bytes > input_budget_bytes;
}

}  // namespace ringfence::agent::port
