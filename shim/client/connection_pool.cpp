// Taking and giving back; what a fork and the passing of time do is connection_pool_upkeep.cpp.
#include "shim/client/connection_pool.hpp"

#include <algorithm>
#include <cerrno>

namespace ringfence::shim::client {

using shm_layout::AddressFamily;

Take ConnectionPool::take(const Attachment& attachment, std::uint16_t index, Deadline& deadline,
                          SlotWatch watch) {
  for (;;) {
    Take take = try_take(attachment, index, deadline.now_ns());
    if (take.taken == Taken::opening) {
      take.taken = finish_opening(*take.connection, deadline, watch);
      if (take.taken != Taken::ready) take.connection = nullptr;
    }
    if (take.taken != Taken::busy) return take;
    deadline.read_clock();
    if (deadline.is_over()) return {Taken::timed_out};
    if (watch.has_moved()) return {Taken::moved};
    wait(index, std::min(deadline.left_ns(), slice_ns));
    deadline.read_clock();
  }
}

Take ConnectionPool::try_take(const Attachment& attachment, std::uint16_t index,
                              std::int64_t now_ns) {
  {
    const std::lock_guard lock(mutex_);
    Backend& backend = backend_at(index);
    follow(backend, attachment, index);
    if (Connection* idle = pop_idle(backend)) return {Taken::ready, idle, true};
    if (now_ns < backend.spared_until_ns) return {Taken::overflow};
    if (!backend.has_address) return {Taken::refused};
    if (backend.count >= limits_.per_backend) return {Taken::busy};
    if (count_connection()) return begin(backend, index);
  }
  // The process has as many as it may: one that nobody uses makes room.
  if (!close_an_idle_connection_of_the_process()) return {Taken::busy};
  const std::lock_guard lock(mutex_);
  return count_connection() ? begin(backend_at(index), index) : Take{Taken::busy};
}

// Counted already.
Take ConnectionPool::begin(Backend& backend, std::uint16_t index) {
  auto made = std::unique_ptr<Connection>();
  try {
    made = std::make_unique<Connection>(index, backend.era, life_);
  } catch (...) {
    uncount_connection();
    throw;
  }
  const int failure = made->begin(backend.address);
  if (failure != 0) {
    uncount_connection();
    errno = -failure;
    return {Taken::failed};
  }
  Connection& connection = *made.release();
  ++backend.count;
  connection.next = all_;
  if (all_ != nullptr) all_->previous = &connection;
  all_ = &connection;
  return {Taken::opening, &connection, false};
}

Taken ConnectionPool::finish_opening(Connection& connection, Deadline& deadline, SlotWatch watch) {
  deadline.read_clock();
  const std::int64_t give_up_ns = deadline.now_ns() + limits_.connect_timeout_ns;
  for (;;) {
    const Opening opening = connection.advance();
    const bool is_silent = deadline.now_ns() >= give_up_ns;
    if (opening != Opening::waiting || is_silent) {
      return opened(connection, opening, is_silent, deadline.now_ns());
    }
    if (deadline.is_over() || watch.has_moved()) {
      discard(connection);
      return deadline.is_over() ? Taken::timed_out : Taken::moved;
    }
    (void)connection.poll_for(connection.poll_events(), std::min({slice_ns, deadline.left_ns(),
                                                                  give_up_ns - deadline.now_ns()}));
    deadline.read_clock();
  }
}

Taken ConnectionPool::opened(Connection& connection, Opening opening, bool is_silent,
                             std::int64_t now_ns) {
  if (opening == Opening::open) {
    connection.finish_opening();
    return Taken::ready;
  }
  const int failure = errno;
  const bool is_full = opening == Opening::full || (opening == Opening::waiting && is_silent);
  if (is_full) {
    const std::lock_guard lock(mutex_);
    backend_at(connection.index()).spared_until_ns = now_ns + spare_ns;
  }
  discard(connection);
  errno = failure;
  if (is_full) return Taken::overflow;
  return opening == Opening::failed ? Taken::failed : Taken::refused;
}

ConnectionPool::Backend& ConnectionPool::backend_at(std::uint16_t index) {
  std::unique_ptr<Backend>& backend = backends_[std::min(index, port_index)];
  if (backend == nullptr) backend = std::make_unique<Backend>(limits_.per_backend);
  return *backend;
}

// The record's sequence, one load, says whether anything may have changed.
void ConnectionPool::follow(Backend& backend, const Attachment& attachment,
                            std::uint16_t index) noexcept {
  const shm_layout::SegmentReader& segment = attachment.segment.reader();
  if (index == port_index) {
    follow_port(backend, attachment);
    return;
  }
  const std::uint64_t sequence = segment.backend_sequence(index);
  if (backend.attachment == attachment.number && backend.sequence == sequence) return;
  const auto info = segment.backend(index);
  if (!info) return;  // being rewritten: what was known stays for now
  const auto address = address_of(*info);
  const bool is_same = address.has_value() == backend.has_address &&
                       (!address || *address == backend.address) &&
                       info->incarnation == backend.incarnation;
  backend.sequence = sequence;
  backend.attachment = attachment.number;
  if (is_same) return;
  backend.has_address = address.has_value();
  if (address) backend.address = *address;
  backend.incarnation = info->incarnation;
  backend.spared_until_ns = 0;
  ++backend.era;
  close_idle_of(backend);
}

// Its addresses may change with any reload, and have no sequence that one could ask for: looked at
// again whenever a connection is to be opened. A unix path first: it is the shorter way.
void ConnectionPool::follow_port(Backend& backend, const Attachment& attachment) noexcept {
  if (!backend.idle.empty()) return;
  const shm_layout::SegmentReader& segment = attachment.segment.reader();
  backend.has_address = false;
  for (std::uint32_t i = 0; i < segment.intercept_count(); ++i) {
    const auto info = segment.intercept(i);
    const auto address = info ? address_of(*info) : std::nullopt;
    if (!address) continue;
    const bool is_unix = info->family == AddressFamily::unix_path;
    if (!backend.has_address || is_unix) backend.address = *address;
    backend.has_address = true;
    if (is_unix) return;
  }
}

Connection* ConnectionPool::pop_idle(Backend& backend) noexcept {
  if (backend.idle.empty()) return nullptr;
  Connection& last = *backend.idle.back();
  if (shm_layout::coarse_ns() - last.idle_since_ns >= limits_.idle_ns) {
    close_idle_of(backend);  // the others are idle for longer
    return nullptr;
  }
  backend.idle.pop_back();
  return &last;
}

void ConnectionPool::give_back(Connection& connection) noexcept {
  const std::lock_guard lock(mutex_);
  if (connection.life() != life_) {
    unlink(connection);
    return;
  }
  Backend& backend = *backends_[connection.index()];
  if (connection.era() != backend.era || !connection.replies().is_between_replies()) {
    remove(connection);
    return;
  }
  const std::int64_t now_ns = shm_layout::coarse_ns();
  connection.idle_since_ns = now_ns;
  backend.idle.push_back(&connection);  // room is reserved
  if (backend.waiter_count > 0) pthread_cond_signal(&backend.is_free);
  if (now_ns >= next_sweep_ns_) sweep(now_ns);
}

void ConnectionPool::discard(Connection& connection) noexcept {
  const std::lock_guard lock(mutex_);
  if (connection.life() == life_) {
    remove(connection);
  } else {
    unlink(connection);
  }
}

}  // namespace ringfence::shim::client
