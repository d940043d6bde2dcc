#include "agent/port/request.hpp"

namespace ringfence::agent::port {
namespace {

constexpr std::size_t spare_count_max = 4096;  // about 1.3 MiB

}  // namespace

shim::text::CommandWords words_of(const Request& request, std::string_view wire_key,
                                  std::size_t value_bytes) noexcept {
  shim::text::CommandWords words;
  words.verb = request.verb;
  words.wire_key = wire_key;
  words.client_flags = request.client_flags;
  words.exptime = request.exptime;
  words.number = request.number;
  words.value_bytes = value_bytes;
  return words;
}

Request* RequestPool::take() {
  if (spare_.empty()) return new Request;
  Request* request = spare_.back().release();
  spare_.pop_back();
  return request;
}

void RequestPool::give_back(Request* request) {
  if (spare_.size() >= spare_count_max) {
    delete request;
    return;
  }
  ByteQueue reply = std::move(request->reply);  // with its memory
  reply.clear();
  *request = Request{};
  request->reply = std::move(reply);
  spare_.emplace_back(request);
}

}  // namespace ringfence::agent::port
