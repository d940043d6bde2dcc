#include "shim/preload/overlay.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <new>

#include "shim/hints.hpp"
#include "shim/preload/forked_mutex.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::shim::preload {

using shm_layout::ns_per_ms;

namespace {

constexpr std::int64_t between_refreshes_ns = 100 * ns_per_ms;
constexpr std::int64_t between_hints_ns = 10 * ns_per_ms;

bool is_any(const sockaddr_in& address) noexcept {
  return address.sin_addr.s_addr == htonl(INADDR_ANY);
}
bool is_loopback(const sockaddr_in& address) noexcept {
  return ntohl(address.sin_addr.s_addr) >> 24 == 127;
}

// Whether who connects to `to` reaches who listens at `at`.
bool reaches(const SocketAddress& to, const SocketAddress& at) noexcept {
  if (to == at) return true;
  if (to.storage.ss_family != AF_INET || at.storage.ss_family != AF_INET) return false;
  const auto& target = reinterpret_cast<const sockaddr_in&>(to.storage);
  const auto& listener = reinterpret_cast<const sockaddr_in&>(at.storage);
  return target.sin_port == listener.sin_port && is_any(listener) && is_loopback(target);
}

}  // namespace

Overlay::Overlay(const std::string& path)
    : path_(path),
      handle_(path, {}),
      counters_(counters::process_counters(path, shm_layout::ShimKind::preload)),
      budget_(path) {
  (void)handle_.refresh();
}

bool Overlay::is_live() noexcept {
  if (attachment() == nullptr) return false;
  // Acquire; pairs with the release in SegmentWriter::store_state.
  const auto state = attachment()->segment.reader().control().state.load(std::memory_order_acquire);
  return state == static_cast<std::uint32_t>(shm_layout::SegmentState::open);
}

bool Overlay::has_lease() const noexcept {
  const Attachment* attached = attachment();
  if (attached == nullptr) return false;
  // Acquire, as in route(): the end of a lease is seen with what ended it.
  const auto& deadline = attached->segment.reader().control().deadline_boottime_ns;
  return shm_layout::boottime_ns() < deadline.load(std::memory_order_acquire);
}

std::optional<SocketAddress> Overlay::port_address() const noexcept {
  const Attachment* attached = attachment();
  if (attached == nullptr) return std::nullopt;
  const auto info = attached->segment.reader().intercept(0);
  return info ? address_of(*info) : std::nullopt;
}

void Overlay::refresh(std::int64_t now_ns) noexcept {
  if (now_ns < next_refresh_ns_.load(std::memory_order_relaxed)) return;
  next_refresh_ns_.store(now_ns + between_refreshes_ns, std::memory_order_relaxed);
  try {
    (void)handle_.refresh();
  } catch (...) {  // no memory: the next one may have some
  }
}

bool Overlay::listens_at(const SocketAddress& address) const noexcept {
  const Attachment* attached = attachment();
  if (attached == nullptr) return false;
  const shm_layout::SegmentReader& segment = attached->segment.reader();
  for (std::uint32_t i = 0; i < segment.intercept_count(); ++i) {
    const auto info = segment.intercept(i);
    const auto listener = info ? address_of(*info) : std::nullopt;
    if (listener && reaches(address, *listener)) return true;
  }
  return false;
}

Overlay::Backend& Overlay::backend_at(std::uint16_t index) {
  if (backends_.size() <= index) backends_.resize(std::size_t{index} + 1);
  return backends_[index];
}

Link* Overlay::pop_idle(Backend& backend, bool is_binary) noexcept {
  for (std::size_t i = backend.idle.size(); i > 0; --i) {
    Link* link = backend.idle[i - 1];
    if (link->is_binary() != is_binary) continue;
    backend.idle.erase(backend.idle.begin() + static_cast<std::ptrdiff_t>(i - 1));
    return link;
  }
  return nullptr;
}

Link* Overlay::take(const Attachment& attached, std::uint16_t index, bool is_binary) {
  const auto info = attached.segment.reader().backend(index);
  const auto address = info ? address_of(*info) : std::nullopt;
  if (!address) return nullptr;
  const std::uint64_t sequence = attached.segment.reader().backend_sequence(index);
  const std::int64_t now_ns = shm_layout::boottime_ns();
  for (;;) {
    Link* idle = nullptr;
    {
      const std::lock_guard lock(mutex_);
      Backend& backend = backend_at(index);
      idle = pop_idle(backend, is_binary);
      if (idle == nullptr && now_ns < backend.shunned_until_ns) return nullptr;
    }
    if (idle == nullptr) break;
    if (is_current(attached, *idle) && (idle->is_opening() || !idle->is_stale())) return idle;
    delete idle;
  }
  const shm_layout::Control& control = attached.segment.reader().control();
  // Relaxed: a number by itself.
  const std::uint64_t told = control.connection_budget.load(std::memory_order_relaxed);
  const std::uint64_t budget =
      told == 0 ? shm_layout::connection_budget_default : std::min<std::uint64_t>(told, 65'536);
  const int place = budget_.take(index, static_cast<std::uint32_t>(budget));
  if (place == ConnectionBudget::no_place) {
    shun(index, spare_ns);
    return nullptr;
  }
  auto link = std::make_unique<Link>(index, attached.number, is_binary);
  link->hold_place(budget_, place);
  link->sequence = sequence;
  link->incarnation = info->incarnation;
  return link->begin(*address) ? link.release() : nullptr;
}

bool Overlay::is_current(const Attachment& attached, Link& link) const noexcept {
  if (link.attachment() != attached.number) return false;
  const shm_layout::SegmentReader& segment = attached.segment.reader();
  const std::uint64_t sequence = segment.backend_sequence(link.index());
  if (sequence == link.sequence) return true;
  const auto info = segment.backend(link.index());
  const auto address = info ? address_of(*info) : std::nullopt;
  if (!address || info->incarnation != link.incarnation || !(*address == link.address)) {
    return false;
  }
  link.sequence = sequence;
  return true;
}

void Overlay::give_back(Link* link) noexcept {
  // One that is opening serves the next session, be the connections of the application ever so
  // short.
  const bool is_idle = link->is_opening() || (link->state() == LinkState::up && link->is_clean());
  const bool is_usable =
      is_idle && !link->is_broken() && !link->has_entries() && !link->has_output();
  const Attachment* attached = attachment();
  if (!is_usable || attached == nullptr || !is_current(*attached, *link)) {
    delete link;
    return;
  }
  const std::int64_t now_ns = shm_layout::coarse_ns();
  link->idle_since_ns = now_ns;
  Link* surplus = nullptr;
  try {
    const std::lock_guard lock(mutex_);
    std::vector<Link*>& idle = backend_at(link->index()).idle;
    if (!idle.empty() &&
        (idle.size() >= idle_links_max || now_ns - idle.front()->idle_since_ns >= idle_ns)) {
      surplus = idle.front();
      idle.erase(idle.begin());
    }
    idle.push_back(link);
  } catch (...) {
    surplus = link;
  }
  delete surplus;
}

void Overlay::shun(std::uint16_t index, std::int64_t ns) noexcept {
  const std::lock_guard lock(mutex_);
  if (index >= backends_.size()) return;  // a forked child starts anew
  backends_[index].shunned_until_ns = shm_layout::boottime_ns() + ns;
}

void Overlay::not_opened(const Link& link, LinkState state) noexcept {
  const bool is_full = state == LinkState::full;
  shun(link.index(), is_full ? spare_ns : refused_ns);
  if (!is_full) on_trouble(link.index());
}

void Overlay::on_trouble(std::uint16_t backend) noexcept {
  counters_.add_backend_error(backend);
  const std::int64_t now_ns = shm_layout::boottime_ns();
  if (now_ns < next_hint_ns_.load(std::memory_order_relaxed)) return;
  next_hint_ns_.store(now_ns + between_hints_ns, std::memory_order_relaxed);
  send_hint(path_, backend);
}

// Their files were closed already, with all that are hidden. What another thread was changing is
// nobody's.
void Overlay::after_fork_in_child() noexcept {
  budget_.after_fork_in_child();
  if (!take_over(mutex_)) {
    new (&backends_) std::vector<Backend>;
    return;
  }
  for (Backend& backend : backends_) {
    for (Link* link : backend.idle) {
      link->forget_file();
      delete link;
    }
    backend.idle.clear();
    backend.shunned_until_ns = 0;
  }
}

}  // namespace ringfence::shim::preload
