// Fleet: processes that route by their host's segment, on their host's clock. They may be paused
// between any two moves, and outlive their agent.
#include "tests/sim/fleet.hpp"

namespace ringfence::sim {
namespace {

constexpr std::uint32_t key_count = 4;

}  // namespace

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
  request.wire_key = std::to_string(key) + "!" + std::to_string(word.generation());
  request.value = chance(40) ? ++last_value_ : 0;
  request.operation = check_.began(key, request.value, now());
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
    if (request.value == 0 && value != 0) check_.hit(request.operation, value);
  }
  after(between(1_ms, 20_ms), [this, client] { client_turn(client); });
}

// As a write of every key, acknowledged by the answer.
void Fleet::flush_all_answered(RequestId id) {
  const auto begun = flush_all_begin_.find(id.value);
  if (begun == flush_all_begin_.end()) return;
  for (std::uint32_t key = 0; key < key_count; ++key) {
    check_.acknowledged(check_.began(key, 0, begun->second), now());
  }
}

}  // namespace ringfence::sim
