#include "shim/client/lane.hpp"

#include <cstring>

namespace ringfence::shim::client {

char* Lane::put_key(char* end, std::string_view key, const Ticket& ticket) noexcept {
  std::memcpy(end, key.data(), key.size());
  if (is_port) return end + key.size();
  make_tag(ticket);
  if (tag.fits(key)) {
    std::memcpy(end + key.size(), tag.view().data(), tag.view().size());
    return end + key.size() + tag.view().size();
  }
  const WireKey shortened(key, ticket.pool_word, ticket.generation());
  std::memcpy(end, shortened.view().data(), shortened.view().size());
  return end + shortened.view().size();
}

bool Lane::is_key(std::string_view wire_key, std::string_view key, const Ticket& ticket) noexcept {
  if (is_port) return wire_key == key;
  make_tag(ticket);
  if (!tag.fits(key)) {
    return wire_key == WireKey(key, ticket.pool_word, ticket.generation()).view();
  }
  return wire_key.size() == key.size() + tag.view().size() && wire_key.starts_with(key) &&
         wire_key.ends_with(tag.view());
}

}  // namespace ringfence::shim::client
