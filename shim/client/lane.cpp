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
  if (is_port) return put(end, key);
  if (!tag.is_of(ticket.pool_word, ticket.generation())) {
    tag = Tag(ticket.pool_word, ticket.generation());
  }
  if (tag.fits(key)) return put(put(end, key), tag.view());
  return put(end, WireKey(key, ticket.pool_word, ticket.generation()).view());
}

bool Lane::is_key(std::string_view wire_key, const Item& item, std::string_view key) noexcept {
  const std::string_view sent = sent_key(item);
  if (!sent.empty()) return wire_key == sent;
  std::array<char, key_bytes_max> again;
  const char* end = put_key(again.data(), key, item.ticket);
  return wire_key == std::string_view(again.data(), static_cast<std::size_t>(end - again.data()));
}

}  // namespace ringfence::shim::client
