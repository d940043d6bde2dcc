#include "agent/port/request.hpp"

#include <array>

namespace ringfence::agent::port {
namespace {

constexpr std::size_t spare_count_max = 4096;  // about 1.3 MiB

}  // namespace

std::string_view name_of(Verb verb) noexcept {
  constexpr std::array<std::string_view, 19> names = {
      "get",       "gets",    "gat",       "gats",  "set",  "add",   "replace",
      "append",    "prepend", "cas",       "incr",  "decr", "touch", "delete",
      "flush_all", "version", "verbosity", "stats", "quit"};
  static_assert(static_cast<std::size_t>(Verb::quit) + 1 == names.size());
  return names[static_cast<std::size_t>(verb)];
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
  *request = Request{};
  spare_.emplace_back(request);
}

}  // namespace ringfence::agent::port
