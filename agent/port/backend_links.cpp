#include "agent/port/backend_links.hpp"

#include <algorithm>
#include <utility>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"

namespace ringfence::agent::port {

BackendLink* BackendLinks::find(std::uint16_t index) {
  const std::uint64_t sequence = thread_.segment().backend_sequence(index);
  if (index < links_.size() && links_[index] != nullptr &&
      links_[index]->record_sequence == sequence) {
    return links_[index].get();
  }
  return renew(index, sequence);
}

BackendLink* BackendLinks::renew(std::uint16_t index, std::uint64_t sequence) {
  const auto info = thread_.segment().backend(index);
  if (index >= links_.size()) links_.resize(index + std::size_t{1});
  std::unique_ptr<BackendLink>& link = links_[index];
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
  if (link == nullptr) link = std::make_unique<BackendLink>(thread_, index, *info);
  link->record_sequence = sequence + sequence % 2;  // odd: the rewrite ended meanwhile
  return link.get();
}

void BackendLinks::resume_for(Client& client) {
  client.blocks_link = false;
  for (auto* list : {&links_, &retired_}) {
    for (const auto& link : *list) {
      if (link != nullptr && link->blocker() == &client) link->unblock();
    }
  }
}

void BackendLinks::close() {
  for (auto* list : {&links_, &retired_}) {
    for (const auto& link : *list) {
      if (link != nullptr) link->close();
    }
  }
}

bool BackendLinks::tick(std::uint64_t now_ms) {
  bool has_deadline = false;
  // By position: a link that breaks off may bring new ones about.
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (links_[i] != nullptr && links_[i]->tick(now_ms)) has_deadline = true;
  }
  for (std::size_t i = 0; i < retired_.size(); ++i) {
    if (retired_[i]->tick(now_ms)) has_deadline = true;
  }
  std::erase_if(retired_, [](const auto& link) { return link->is_done() && !link->is_dirty; });
  return has_deadline || !retired_.empty();
}

}  // namespace ringfence::agent::port
