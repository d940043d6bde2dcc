#include "shim/client/lane.hpp"

#include <cstring>

namespace ringfence::shim::client {

namespace {

char* put(char* end, std::string_view bytes) noexcept {
  std::memcpy(end, bytes.data(), bytes.size());
  return end + bytes.size();
}

}  // namespace

char* Lane::put_key(char* end, std::string_view key, const Ticket& ticket) noexcept {
  if (const auto behind = tag_of(key, ticket)) {
    end = put(end, key);
    return behind->empty() ? end : put(end, *behind);
  }
  return put(end, WireKey(key, ticket.pool_word, ticket.generation()).view());
}

bool Lane::is_key(std::string_view wire_key, std::string_view key, const Ticket& ticket) noexcept {
  if (const auto behind = tag_of(key, ticket)) {
    return wire_key.size() == key.size() + behind->size() && wire_key.starts_with(key) &&
           wire_key.ends_with(*behind);
  }
  return wire_key == WireKey(key, ticket.pool_word, ticket.generation()).view();
}

}  // namespace ringfence::shim::client
