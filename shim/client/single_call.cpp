#include "shim/client/single_call.hpp"

#include <cerrno>

#include "shim/wire_key.hpp"

namespace ringfence::shim::client {

namespace {

// A connection that was idle for longer is looked at before a write goes by it: a server that
// closed it meanwhile would leave the write's outcome in doubt. (A get is simply done again.)
constexpr std::int64_t trusted_idle_ns = shm_layout::ns_per_second;

}  // namespace

Status SingleCall::run() {
  return finish_after(Next::again);
}

Status SingleCall::resume(const Attachment& attachment, const Ticket& ticket,
                          const Exchanged& exchanged, bool may_repeat) {
  attachment_ = &attachment;
  ticket_ = ticket;
  may_repeat_ = may_repeat;
  return finish_after(ended(exchanged, false, false));
}

Status SingleCall::finish_after(Next next) {
  while (next == Next::again) {
    if (!may_repeat_) return RINGFENCE_CHANGED;
    const Status refusal = route();
    if (refusal != RINGFENCE_OK) return refusal;
    next = deadline_.is_over() ? out_of_time() : attempt();
  }
  if (status_ == RINGFENCE_OK && operation_.result != nullptr) *operation_.result = number_;
  return status_;
}

// Waits while the slot is fenced: that ends within milliseconds. Not for an agent that is away.
Status SingleCall::route() noexcept {
  Pause pause;
  for (;;) {
    attachment_ = client_.attachment();
    if (attachment_ == nullptr) {
      if (!client_.refresh(nullptr, deadline_.now_ns())) return RINGFENCE_NO_VIEW;
      continue;
    }
    ticket_ = shim::route(segment(), operation_.key);
    if (may_send()) return RINGFENCE_OK;
    switch (ticket_.status) {
      case RouteStatus::ok:
      case RouteStatus::unowned:
        return RINGFENCE_UNOWNED;
      case RouteStatus::fenced:
        if (deadline_.is_over()) return RINGFENCE_FENCED;
        pause.sleep(deadline_);
        break;
      case RouteStatus::lease_lapsed:
      case RouteStatus::no_view:
        if (client_.refresh(attachment_, deadline_.now_ns())) break;
        return ticket_.status == RouteStatus::no_view ? RINGFENCE_NO_VIEW : RINGFENCE_LEASE_LAPSED;
    }
  }
}

bool SingleCall::may_send() const noexcept {
  return ticket_.status == RouteStatus::ok ||
         (text::is_plain_get(operation_.verb) && shim::may_get_without_lease(segment(), ticket_));
}

SingleCall::Next SingleCall::attempt() {
  const Take taken = take(ticket_.backend(), SlotWatch(segment(), ticket_));
  if (taken.taken == Taken::ready) return exchange(taken, false);
  return taken.taken == Taken::overflow ? through_port() : not_taken(taken.taken);
}

// The backend has no connection to spare. The port has one to it, routes by itself, and judges the
// answer by itself.
SingleCall::Next SingleCall::through_port() {
  if (counters::ShimCounters* counting = client_.counters()) counting->add_overflow();
  const Take taken = take(port_index, SlotWatch());
  return taken.taken == Taken::ready ? exchange(taken, true) : not_taken(taken.taken);
}

Take SingleCall::take(std::uint16_t index, SlotWatch watch) {
  for (;;) {
    const Take taken = client_.pool().take(*attachment_, index, deadline_, watch);
    const bool is_doubtful =
        taken.is_reused && !text::is_plain_get(operation_.verb) &&
        shm_layout::coarse_ns() - taken.connection->idle_since_ns >= trusted_idle_ns;
    if (!is_doubtful || !taken.connection->is_stale()) return taken;
    client_.pool().discard(*taken.connection);
  }
}

SingleCall::Next SingleCall::exchange(const Take& take, bool is_port) {
  const SlotWatch watch = is_port ? SlotWatch() : SlotWatch(segment(), ticket_);
  const WireKey wire_key(operation_.key, ticket_.pool_word, ticket_.generation());
  sent_ns_ = deadline_.now_ns();
  Exchange exchange(*take.connection, operation_, deadline_, watch, is_port);
  const Exchanged exchanged = exchange.run(is_port ? operation_.key : wire_key.view());
  if (!exchanged.must_close) {
    client_.pool().give_back(*take.connection);
  } else {
    client_.pool().discard(*take.connection);
    // What else is idle there has most likely ended too.
    if (take.is_reused && exchanged.ending != Ending::answered)
      client_.pool().close_idle(is_port ? port_index : ticket_.backend());
  }
  return ended(exchanged, is_port, take.is_reused);
}

SingleCall::Next SingleCall::not_taken(Taken taken) {
  switch (taken) {
    case Taken::refused:
      count_error(false);
      return unsent(false);
    case Taken::overflow:  // of the port itself
      return unsent(false);
    case Taken::moved:
      return Next::again;  // nothing was sent: to where it belongs now
    case Taken::timed_out:
      return out_of_time();
    case Taken::ready:
    case Taken::opening:
    case Taken::busy:
    case Taken::failed:
      break;
  }
  return finish(RINGFENCE_SYSTEM);
}

SingleCall::Next SingleCall::ended(const Exchanged& exchanged, bool is_port, bool is_reused) {
  switch (exchanged.ending) {
    case Ending::answered:
      status_ = exchanged.status;
      number_ = exchanged.number;
      return is_port ? Next::finish : judge();
    case Ending::unsent:
      return unsent(is_reused);
    case Ending::lost:
      count_error(is_port);
      return lost(is_port);
    case Ending::timed_out:
      count_error(is_port);
      return finish(RINGFENCE_TIMED_OUT);
    case Ending::moved:
      return moved();
    case Ending::no_memory:
      errno = ENOMEM;
      break;
  }
  return finish(RINGFENCE_SYSTEM);
}

// A whole answer is there. May it be believed now?
SingleCall::Next SingleCall::judge() {
  Pause pause;
  const ArrivalCheck arrival(segment());
  TicketStatus verdict = arrival.status_of(ticket_);
  if (counters::ShimCounters* counting = client_.counters(); counting != nullptr && sent_ns_ != 0) {
    counting->add_latency(ticket_.backend(), arrival.now_ns() - sent_ns_);
  }
  for (;; verdict = shim::validate(segment(), ticket_)) {
    if (verdict == TicketStatus::holds) return Next::finish;
    const bool is_get = text::is_plain_get(operation_.verb);
    const bool is_served_anyway = is_get && ticket_.pool_word.serves_without_lease();
    const bool is_same_slot = !SlotWatch(segment(), ticket_).has_moved() &&
                              segment().pool() == ticket_.pool_word && !is_replaced();
    if (!is_same_slot) return moved();
    if (verdict == TicketStatus::lease_lapsed && is_served_anyway) return Next::finish;
    if (status_ == RINGFENCE_MISS) return Next::finish;  // may always be told
    deadline_.read_clock();
    if (deadline_.is_over()) {
      return finish(verdict == TicketStatus::changed ? RINGFENCE_FENCED : RINGFENCE_LEASE_LAPSED);
    }
    pause.sleep(deadline_);
    (void)client_.refresh(attachment_, deadline_.now_ns());
  }
}

// The slot is another one now, and what was sent under the old one is not to be believed.
SingleCall::Next SingleCall::moved() {
  const bool is_repeatable =
      text::is_plain_get(operation_.verb) ||
      (ticket_.pool_word.has_tags() && has_new_generation() && !is_replaced());
  if (!is_repeatable) return finish(RINGFENCE_CHANGED);
  deadline_.read_clock();
  return deadline_.is_over() ? finish(RINGFENCE_CHANGED) : again();
}

// What was sent is done again.
SingleCall::Next SingleCall::again() noexcept {
  if (counters::ShimCounters* counting = client_.counters()) counting->add_redone();
  return Next::again;
}

// Before anything of this attempt was sent: what an earlier one met says more than the time does.
SingleCall::Next SingleCall::out_of_time() noexcept {
  return finish(is_backend_lost_ ? RINGFENCE_BACKEND_LOST : RINGFENCE_TIMED_OUT);
}

void SingleCall::count_error(bool is_port) noexcept {
  if (!is_port) client_.on_backend_trouble(ticket_.backend());
}

// Something was sent, and no answer will come.
SingleCall::Next SingleCall::lost(bool is_port) {
  deadline_.read_clock();
  is_backend_lost_ = true;
  if (text::is_plain_get(operation_.verb)) {
    if (is_retried_ || deadline_.is_over()) return finish(RINGFENCE_BACKEND_LOST);
    is_retried_ = true;
    return again();
  }
  // Under which tag the port sent it is not known; without tags a new generation proves nothing;
  // and a get-and-touch is worth no wait, since a get may miss.
  const bool may_wait =
      !is_port && ticket_.pool_word.has_tags() && !text::is_get_and_touch(operation_.verb);
  return may_wait && await_next_generation() ? again() : finish(RINGFENCE_BACKEND_LOST);
}

// Nothing of it was sent. A get is a miss; a write has time until the deadline.
SingleCall::Next SingleCall::unsent(bool is_reused) {
  if (text::is_retrieval(operation_.verb)) {
    if (!is_reused || is_retried_) return finish(RINGFENCE_BACKEND_LOST);
    is_retried_ = true;
    return Next::again;
  }
  is_backend_lost_ = true;
  if (!is_reused) pause_.sleep(deadline_);
  return deadline_.is_over() ? finish(RINGFENCE_BACKEND_LOST) : Next::again;
}

bool SingleCall::await_next_generation() noexcept {
  Pause pause;
  while (!has_new_generation()) {
    if (deadline_.is_over() || is_replaced()) return false;
    pause.sleep(deadline_);
    (void)client_.refresh(attachment_, deadline_.now_ns());
  }
  return !deadline_.is_over();
}

}  // namespace ringfence::shim::client
