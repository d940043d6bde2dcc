// World: memcacheds, and what watches them.
#include "tests/sim/world.hpp"

namespace ringfence::sim {

std::size_t World::find(const std::string& address) const {
  std::size_t place = 0;
  while (backends_[place].address != address) ++place;
  return place;
}

void World::look_soon(std::size_t backend) {
  after_in_life(between(1_ms, 150_ms), [this, backend] { look(backend); });
}

// A probe: what the watcher would tell now.
void World::look(std::size_t place) {
  const Memcached& backend = backends_[place];
  Watch& watch = watches_[place];
  if (!backend.is_up) {
    if (!watch.is_told_down) {
      watch = Watch{true, false, false};
      give(BackendUnreachable{"p", backend.address, "no answer"});
    }
    return;
  }
  if (!watch.is_connected) {
    watch = Watch{false, true, backend.is_claimed};
    give(
        BackendAnswered{"p", backend.address, !backend.store.empty(), "", backend.is_claimed, "1"});
  } else if (watch.expects_claim && !backend.is_claimed) {
    watch.expects_claim = false;
    give(BackendContentsLost{"p", backend.address, "its claim is gone"});
  }
}

void World::flush(const FlushBackend& order) {
  const Backend* placed = node_->view()->find("p")->find(order.address);
  const bool is_serving = placed != nullptr && placed->status == BackendStatus::serving;
  if (is_serving && !faults_.has_backend_faults && !faults_.has_flush_alls) {
    check_.fail("G5: " + order.address + " is flushed while it serves and nothing happened to it");
  }
  after_in_life(between(1_ms, 40_ms), [this, order] {
    Memcached& backend = backends_[find(order.address)];
    Watch& watch = watches_[find(order.address)];
    FlushOutcome outcome = FlushOutcome::verified;
    if (!backend.is_up) {
      outcome = FlushOutcome::unreachable;
    } else if (backend.refuses_flush) {
      outcome = FlushOutcome::refused;
    } else if (backend.lies_about_flush) {
      outcome = FlushOutcome::not_done;
    } else {
      backend.store.clear();
      backend.is_claimed = watch.expects_claim = true;
    }
    give(FlushFinished{order.id, order.pool, order.address, outcome, "simulated"});
  });
}

// Dies and returns empty, is cut off and returns with what it held, restarts unseen, or turns into
// one that does not flush.
void World::break_backend() {
  const std::size_t place = random(backends_.size());
  Memcached& backend = backends_[place];
  const std::uint64_t kind = random(5);
  trace("backend " + backend.address + " breaks, kind " + std::to_string(kind));
  if (kind == 4) {
    backend.refuses_flush = chance(30);
    backend.lies_about_flush = chance(30);
    return;
  }
  if (kind != 1) {
    backend.store.clear();
    backend.is_claimed = false;
  }
  if (kind < 3) {
    backend.is_up = false;
    after(between(1_ms, 3000_ms), [this, place] {
      backends_[place].is_up = true;
      look_soon(place);
    });
  }
  look_soon(place);
}

}  // namespace ringfence::sim
