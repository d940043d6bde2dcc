#include "agent/port/backend_links.hpp"

#include <algorithm>
#include <utility>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"

namespace ringfence::agent::port {

BackendLink* BackendLinks::find(const Request& request) {
  const std::uint16_t index = request.ticket.backend();
  const ByIndex& links = of(request.wire);
  const std::uint64_t sequence = thread_.segment().backend_sequence(index);
  if (index < links.size() && links[index] != nullptr &&
      links[index]->record_sequence == sequence) {
    return links[index].get();
  }
  return renew(index, request.wire, sequence);
}

BackendLink* BackendLinks::renew(std::uint16_t index, Wire wire, std::uint64_t sequence) {
  const auto info = thread_.segment().backend(index);
  ByIndex& links = of(wire);
  if (index >= links.size()) links.resize(index + std::size_t{1});
  std::unique_ptr<BackendLink>& link = links[index];
  if (!info) {
    // Half-way through a rewrite, whose writer was put to sleep: a slot that needs the new record
    // is published after it, so this request's slot still means the record just before.
    const bool is_previous = link != nullptr && link->record_sequence + 1 == sequence;
    return is_previous ? link.get() : nullptr;
  }
  if (link != nullptr && !link->serves(*info)) {
    retired_.push_back(std::exchange(link, nullptr));
    thread_.need_tick();
  }
  if (link == nullptr) link = std::make_unique<BackendLink>(thread_, index, wire, *info);
  link->record_sequence = sequence + sequence % 2;  // odd: the rewrite ended meanwhile
  return link.get();
}

void BackendLinks::resume_for(Client& client) {
  client.blocks_link = false;
  for (const ByIndex* list : all()) {
    for (const auto& link : *list) {
      if (link != nullptr && link->blocker() == &client) link->unblock();
    }
  }
}

void BackendLinks::close() {
  for (const ByIndex* list : all()) {
    for (const auto& link : *list) {
      if (link != nullptr) link->close();
    }
  }
}

bool BackendLinks::tick(std::uint64_t now_ms) {
  bool has_deadline = false;
  // By position: a link that breaks off may bring new ones about.
  for (const ByIndex* links : all()) {
    for (std::size_t i = 0; i < links->size(); ++i) {
      if ((*links)[i] != nullptr && (*links)[i]->tick(now_ms)) has_deadline = true;
    }
  }
  std::erase_if(retired_, [](const auto& link) { return link->is_done() && !link->is_dirty; });
  return has_deadline || !retired_.empty();
}

}  // namespace ringfence::agent::port
