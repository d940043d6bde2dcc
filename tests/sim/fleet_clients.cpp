// Fleet: processes that route by their host's segment, on their host's clock. They may be paused
// between any two moves, and outlive their agent.
#include <fmt/format.h>

#include "tests/sim/fleet.hpp"

namespace ringfence::sim {
namespace {

constexpr std::uint32_t key_count = 4;

}  // namespace

// Of two fleets, each key is two registers.
std::uint32_t Fleet::register_of(const ClusterId& id, std::uint32_t key) const {
  std::uint32_t realm = 0;
  while (realms_[realm]->cluster_id != id) ++realm;
  return realm * key_count + key;
}

void Fleet::client_turn(std::size_t place) {
  Client& client = clients_[place];
  const auto again = [this, place] { client_turn(place); };
  if (client.segment != hosts_[client.host].segment && chance(30)) {
    client.segment = hosts_[client.host].segment;
  }
  const std::shared_ptr<Segment>& segment = client.segment;
  const auto key = static_cast<std::uint32_t>(random(key_count));
  const std::uint32_t slot = key * 16411 % shm_layout::slot_count;
  const SlotWord word = segment->word(slot);
  if (clock_of(client.host) >= segment->deadline || !word.is_routable()) {
    after(between(5_ms, 30_ms), again);
    return;
  }
  Request request;
  request.segment = segment;
  request.word = word;
  request.slot = slot;
  request.backend = find(segment->address(word.backend()));
  request.has_tag = segment->pool->options.has_tags;
  request.wire_key = std::to_string(key);
  const std::uint32_t place_of_key = register_of(segment->view->cluster_id, key);
  if (request.has_tag) {  // the salt of the cluster id, and the generation
    request.wire_key += fmt::format("!{}!{}", place_of_key, word.generation());
  }
  request.value = chance(40) ? ++last_value_ : 0;
  request.operation = check_.began(place_of_key, request.value, now());
  const Duration pause = chance(2) ? between(100_ms, 5000_ms) : between(1_ms, 10_ms);
  after(pause, [this, request, place] { arrive(request, place); });
}

void Fleet::arrive(const Request& request, std::size_t client) {
  Memcached& backend = backends_[request.backend];
  const Duration pause = chance(1) ? between(100_ms, 4000_ms) : between(1_ms, 5_ms);
  const bool is_done = is_seen(clients_[client].host, request.backend);
  std::uint64_t found = 0;
  if (is_done && request.value != 0) backend.store[request.wire_key] = request.value;
  if (is_done && request.value == 0) {
    const auto place = backend.store.find(request.wire_key);
    if (place != backend.store.end()) found = place->second;
  }
  after(pause, [this, request, client, is_done, found] { reply(request, client, is_done, found); });
}

// Accepted only while the lease holds and the slot word is the same. (Waiting for a lapsed lease is
// the shim's business, and tested there.)
void Fleet::reply(const Request& request, std::size_t client, bool is_done, std::uint64_t value) {
  const bool is_valid = clock_of(clients_[client].host) < request.segment->deadline &&
                        request.segment->word(request.slot) == request.word;
  if (is_done && is_valid) {
    if (request.value != 0) check_.acknowledged(request.operation, now());
    const bool is_hit = request.value == 0 && value != 0;
    if (is_hit && request.has_tag) check_.hit(request.operation, value);
    if (is_hit && !request.has_tag) check_.untagged_hit();
  }
  after(between(1_ms, 20_ms), [this, client] { client_turn(client); });
}

// As a write of every key, acknowledged by the answer.
void Fleet::flush_all_answered(RequestId id) {
  const auto begun = flush_all_begin_.find(id.value);
  if (begun == flush_all_begin_.end()) return;
  for (std::uint32_t key = 0; key < key_count; ++key) {
    const std::uint32_t place = register_of(begun->second.cluster_id, key);
    check_.acknowledged(check_.began(place, 0, begun->second.at), now());
  }
}

}  // namespace ringfence::sim
