// Fleet: memcacheds, and what each host's watcher sees of them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/sim/fleet.hpp"

namespace ringfence::sim {

std::size_t Fleet::find(const std::string& address) const {
  std::size_t place = 0;
  while (backends_[place].address != address) ++place;
  return place;
}

bool Fleet::is_seen(std::size_t host, std::size_t backend) const {
  return backends_[backend].is_up && hosts_[host].reaches[backend];
}

bool Fleet::is_ours(std::size_t host, std::size_t backend) const {
  const Disk& disk = hosts_[host].disk;
  return disk.has_fleet && backends_[backend].claim == disk.cluster_id;
}

void Fleet::had_trouble(std::size_t backend) {
  for (const auto& realm : realms_) realm->truth.had_trouble(backends_[backend].address);
}

void Fleet::look_soon(std::size_t host, std::size_t backend) {
  after_in_life(host, between(1_ms, 150_ms), [this, host, backend] { look(host, backend); });
}

void Fleet::all_look_soon(std::size_t backend) {
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    if (hosts_[host].node != nullptr) look_soon(host, backend);
  }
}

// A probe: what the watcher would tell now.
void Fleet::look(std::size_t host, std::size_t place) {
  const Memcached& backend = backends_[place];
  Watch& watch = hosts_[host].watches[place];
  if (!watch.is_looking) return;
  const bool is_hidden = plan_.mutation == Mutation::hides_cuts && backend.is_up;
  if (!is_seen(host, place) && !is_hidden) {
    if (watch.is_told_down) return;
    watch = Watch{true, false, false, true};
    had_trouble(place);
    give(host, BackendUnreachable{"p", backend.address, "no answer"});
  } else if (!watch.is_connected) {
    watch = Watch{false, true, is_ours(host, place), true};
    const bool is_claimed = backend.claim != ClusterId{};
    give(host,
         BackendAnswered{"p", backend.address, !backend.store.empty(),
                         is_claimed ? fmt::format("{:02x}", fmt::join(backend.claim, "")) : "",
                         is_ours(host, place), "1"});
  } else if (watch.expects_claim && !is_ours(host, place)) {
    watch.expects_claim = false;
    give(host, BackendContentsLost{"p", backend.address, "its claim is gone"});
  }
}

// As a witness, or after another saw its contents lost.
void Fleet::probe(std::size_t host, const ProbeBackend& order) {
  const std::size_t place = find(order.address);
  after_in_life(host, chance(90) ? between(1_ms, 5_ms) : between(5_ms, 300_ms), [=, this] {
    Watch& watch = hosts_[host].watches[place];
    if (!watch.is_looking) return;
    if (plan_.mutation == Mutation::witnesses_agree && order.id != RequestId{}) {
      watch = Watch{true, false, false, true};
      give(host, BackendUnreachable{"p", order.address, "somebody said so"});
      look_soon(host, place);
    }
    look(host, place);
    if (hosts_[host].node == nullptr || order.id == RequestId{}) return;
    give(host, BackendProbed{order.id, "p", order.address, is_seen(host, place)});
  });
}

void Fleet::flush(std::size_t host, const FlushBackend& order) {
  const Pool* pool = hosts_[host].node->view()->find("p");
  const Backend* placed = pool == nullptr ? nullptr : pool->find(order.address);
  const bool serves = placed != nullptr && placed->status == BackendStatus::serving;
  realm_of(host)->truth.flushing(host, order.address, serves);
  const bool serves_any =
      pool != nullptr &&
      std::any_of(pool->backends.begin(), pool->backends.end(),
                  [](const Backend& some) { return some.status == BackendStatus::serving; });
  const bool is_admission = plan_.has_tags && !plan_.has_flush_alls && !plan_.has_option_changes;
  if (is_admission && serves_any) {
    budgets_.flushing({host, hosts_[host].life}, clock_of(host));
  }
  after_in_life(host, between(1_ms, 40_ms), [this, host, order] {
    const FlushOutcome outcome = flush_now(host, find(order.address));
    give(host, FlushFinished{order.id, order.pool, order.address, outcome, "simulated"});
  });
}

FlushOutcome Fleet::flush_now(std::size_t host, std::size_t place) {
  Memcached& backend = backends_[place];
  if (!is_seen(host, place)) return FlushOutcome::unreachable;
  if (plan_.mutation == Mutation::skips_flush) return FlushOutcome::verified;
  if (backend.refuses_flush) return FlushOutcome::refused;
  if (backend.lies_about_flush) return FlushOutcome::not_done;
  backend.store.clear();
  backend.claim = hosts_[host].disk.cluster_id;
  hosts_[host].watches[place].expects_claim = true;
  realm_of(host)->truth.flushed(backend.address);
  return FlushOutcome::verified;
}

// Dies and returns empty, is cut off and returns with what it held, restarts unseen, flaps, or
// turns into one that does not flush.
void Fleet::break_backend(std::size_t place) {
  Memcached& backend = backends_[place];
  const std::uint64_t kind = random(6);
  trace("backend " + backend.address + " breaks, kind " + std::to_string(kind));
  had_trouble(place);
  if (kind == 4) {
    backend.refuses_flush = chance(30);
    backend.lies_about_flush = chance(30);
    after(between(10_ms, 1500_ms), [this, place] {
      backends_[place].refuses_flush = backends_[place].lies_about_flush = false;
    });
    return;
  }
  if (kind == 0 || kind == 3) {
    backend.store.clear();
    backend.claim = ClusterId{};
  }
  if (kind < 3) {
    backend.is_up = false;
    after(between(1_ms, 3000_ms), [this, place] {
      backends_[place].is_up = true;
      all_look_soon(place);
    });
  }
  if (kind == 5) {
    for (int i = 1; i < 7; ++i) {
      after(Duration{i * 80'000'000}, [this, place, i] {
        backends_[place].is_up = i % 2 == 0;
        all_look_soon(place);
      });
    }
  }
  all_look_soon(place);
}

}  // namespace ringfence::sim
