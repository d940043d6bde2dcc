#include "agent/port/dispatcher.hpp"

#include <algorithm>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/reply_form.hpp"
#include "shim/route.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::agent::port {

using shim::RouteStatus;
using shim::TicketStatus;
namespace answers = shim::text::port_answers;

bool Dispatcher::may_send(const Request& request) const noexcept {
  return request.ticket.status == RouteStatus::ok ||
         (is_plain_get(request.verb) &&
          shim::may_get_without_lease(thread_.segment(), request.ticket));
}

bool Dispatcher::has_later_in_slot(const Request& request) {
  if (request.client->has_noreply_since(request)) return true;
  const bool is_read = is_plain_get(request.verb);
  for (const Request* later = request.next_of_client; later != nullptr;
       later = later->next_of_client) {
    const bool is_in_slot = later->is_routed && later->ticket.slot == request.ticket.slot;
    if (is_in_slot && !(is_read && is_plain_get(later->verb))) return true;
  }
  return false;
}

void Dispatcher::submit(Request& request) {
  request.ticket = shim::route(thread_.segment(), request.key);
  request.is_routed = true;
  dispatch(request);
}

void Dispatcher::submit(std::span<Request* const> requests) {
  const shim::Departure departure(thread_.segment());
  for (Request* request : requests) {
    request->ticket = departure.aim(request->key);
    request->is_routed = true;
  }
  for (Request* request : requests) {
    departure.route(request->ticket);
    dispatch(*request);
  }
}

void Dispatcher::dispatch(Request& request) {
  if (!may_send(request)) {
    refuse(request);
    return;
  }
  lapsed_since_ms_ = 0;
  if (must_wait_behind(request)) {
    park(request, Park::route);
    return;
  }
  send(request);
}

// The client's earlier request for this slot was not sent yet: it must go first.
bool Dispatcher::must_wait_behind(const Request& request) const noexcept {
  const ParkedOfClient& parked = request.client->parked;
  for (const Request* earlier = parked.head(); earlier != nullptr;
       earlier = ParkedOfClient::after(*earlier)) {
    if (earlier->park == Park::route && earlier->order < request.order &&
        earlier->ticket.slot == request.ticket.slot) {
      return true;
    }
  }
  return false;
}

void Dispatcher::refuse(Request& request) {
  const std::uint64_t now_ms = thread_.now_ms();
  const bool is_first = request.parked_until_ms == 0;
  switch (request.ticket.status) {
    case RouteStatus::ok:
    case RouteStatus::unowned:
      fail(request, answers::no_backend);
      return;
    case RouteStatus::fenced:
      if (is_first) thread_.counters().refused_by_fence.add();
      lapsed_since_ms_ = 0;
      break;
    case RouteStatus::lease_lapsed:
    case RouteStatus::no_view:
      if (is_first) thread_.counters().refused_by_lease.add();
      if (lapsed_since_ms_ == 0) lapsed_since_ms_ = now_ms;
      // Whoever comes when it has lasted for long is not kept waiting for it again.
      if (now_ms >= lapsed_since_ms_ + thread_.change_wait_ms()) {
        fail(request, answers::no_lease);
        return;
      }
      break;
  }
  park(request, Park::route);
}

void Dispatcher::send(Request& request) {
  BackendLink* link = thread_.links().find(request);
  if (link == nullptr || !link->is_reachable()) {
    on_lost(request, LossKind::unreachable);
    return;
  }
  if (request.is_upload) {
    thread_.uploads().connect(request, *link);
    return;
  }
  request.is_sent = false;
  link->send(request);
}

void Dispatcher::park(Request& request, Park why) {
  if (request.parked_until_ms == 0) {
    request.parked_until_ms = thread_.now_ms() + thread_.change_wait_ms();
  }
  request.park = why;
  parked_.push(request);
  request.client->parked.push(request);
  thread_.need_tick();
}

void Dispatcher::unpark(Request& request) {
  parked_.remove(request);
  request.park = Park::none;
  request.client->parked.remove(request);
}

void Dispatcher::view_changed() {
  // A lease is back, whether or not a request comes to see it. Relaxed: nothing is read by it; the
  // writer is SegmentWriter::store_deadline.
  const std::int64_t deadline_ns =
      thread_.segment().control().deadline_coarse_ns.load(std::memory_order_relaxed);
  if (shm_layout::coarse_ns() < deadline_ns) lapsed_since_ms_ = 0;
  // Each one that waits now, once; those that must wait again go to the end of the list.
  for (std::size_t count = parked_.size(); count > 0 && !parked_.is_empty(); --count) {
    resume(*parked_.head());
  }
}

void Dispatcher::resume(Request& request) {
  const Park why = request.park;
  unpark(request);
  if (request.client->is_closed()) {
    request.client->answered(request);
  } else if (why == Park::route) {
    submit(request);
  } else if (why == Park::reply) {
    judge_reply(request);
  } else {
    judge_outcome(request);
  }
}

bool Dispatcher::tick(std::uint64_t now_ms) {
  Request* next = nullptr;
  for (Request* request = parked_.head(); request != nullptr; request = next) {
    next = ParkedOfThread::after(*request);
    if (request->parked_until_ms <= now_ms) {
      expire(*request);
    } else if (may_try_again(*request)) {
      unpark(*request);
      submit(*request);
    }
  }
  return !parked_.is_empty();
}

// Nothing of it was sent, and its backend may take connections again.
bool Dispatcher::may_try_again(const Request& request) {
  if (request.park != Park::outcome || request.is_sent || has_moved(request)) return false;
  if (has_later_in_slot(request)) return false;  // expire() says that nothing was done
  const BackendLink* link = thread_.links().find(request);
  return link != nullptr && link->is_reachable();
}

void Dispatcher::expire(Request& request) {
  const Park why = request.park;
  unpark(request);
  request.client->drop_reply(request);
  if (why == Park::outcome) {
    fail(request, request.is_sent ? answers::unknown_outcome : answers::unreachable);
  } else {
    fail(request,
         request.ticket.status == RouteStatus::fenced ? answers::no_new_view : answers::no_lease);
  }
}

void Dispatcher::forget(Client& client) {
  while (!client.parked.is_empty()) {
    Request& request = *client.parked.head();
    unpark(request);
    client.answered(request);
  }
}

TicketStatus Dispatcher::status_of(const Request& request,
                                   const shim::ArrivalCheck& arrival) noexcept {
  const TicketStatus status = arrival.status_of(request.ticket);
  const bool is_served_anyway = status == TicketStatus::lease_lapsed &&
                                is_plain_get(request.verb) &&
                                request.ticket.pool_word.serves_without_lease();
  return is_served_anyway ? TicketStatus::holds : status;
}

bool Dispatcher::has_moved(const Request& request) const noexcept {
  return thread_.segment().slot(request.ticket.slot).generation() != request.ticket.generation();
}

void Dispatcher::on_line(Request& request, std::string_view line,
                         const shim::ArrivalCheck& arrival) {
  if (request.is_noreply || request.client->is_closed()) {
    count(request, line);
    request.client->answered(request);
    return;
  }
  if (status_of(request, arrival) == TicketStatus::holds) {
    finish_line(request, line);
    return;
  }
  request.client->hold(request, line);
  judge_reply(request);
}

ValueFate Dispatcher::on_value(Request& request, const shim::text::ReplyEvent& header,
                               const shim::ArrivalCheck& arrival) {
  Client& client = *request.client;
  if (client.is_closed()) return ValueFate::discard;
  client.note_value(header.value_bytes);
  const TicketStatus status = status_of(request, arrival);
  if (status == TicketStatus::changed) return ValueFate::discard;
  ReplyText head;
  request.form->begin_value(request, header, head);
  if (status == TicketStatus::lease_lapsed) {
    client.hold(request, head.view());
    request.holds_value = true;
    return ValueFate::hold;
  }
  client.reply(request, head.view());
  return ValueFate::deliver;
}

void Dispatcher::on_value_bytes(Request& request, ValueFate fate, const ChunkRef& chunk,
                                std::string_view bytes) {
  if (fate == ValueFate::deliver) {
    request.client->reply(request, chunk, bytes);
  } else if (fate == ValueFate::hold) {
    request.client->hold(request, chunk, bytes);
  }
}

void Dispatcher::on_value_done(Request& request, ValueFate fate) {
  if (request.client->is_closed()) {
    request.client->answered(request);
  } else if (fate == ValueFate::discard_as_miss) {
    fail(request, is_retrieval(request.verb) ? answers::no_room : answers::unknown_outcome);
  } else if (fate == ValueFate::deliver) {
    request.client->reply(request, request.form->end_of_value());
    finish_value(request);
  } else if (fate == ValueFate::hold) {
    request.client->hold(request, request.form->end_of_value());
    judge_reply(request);
  } else {
    redo_or_fail(request);
  }
}

void Dispatcher::on_miss(Request& request) {
  thread_.counters().get_misses.add();
  thread_.counters().backends[request.ticket.backend()].misses.add();
  if (is_get_and_touch(request.verb)) thread_.counters().touch_misses.add();
  ReplyText text;
  request.form->miss(request, text);
  finish(request, text);
}

// A whole reply lies in request.reply. May it be believed now?
void Dispatcher::judge_reply(Request& request) {
  const TicketStatus status = status_of(request, shim::ArrivalCheck(thread_.segment()));
  if (status == TicketStatus::holds) {
    if (request.holds_value) {
      finish_value(request);
    } else {
      const std::string line(request.reply.front());
      request.client->drop_reply(request);
      finish_line(request, line);
    }
    return;
  }
  const bool is_only_fenced = status == TicketStatus::changed && !has_moved(request) &&
                              thread_.segment().slot(request.ticket.slot).is_fenced();
  if (status == TicketStatus::lease_lapsed || is_only_fenced) {
    park(request, Park::reply);
    return;
  }
  request.client->drop_reply(request);
  redo_or_fail(request);
}

void Dispatcher::judge_outcome(Request& request) {
  if (!has_moved(request)) {
    park(request, Park::outcome);
  } else if (!request.is_sent && !has_later_in_slot(request)) {
    redo(request);  // for the first time, in truth
  } else {
    finish_moved(request);
  }
}

// The slot is another one now, and what the backend said of the old one is not believed.
void Dispatcher::redo_or_fail(Request& request) {
  const bool has_tags = request.ticket.pool_word.has_tags();
  const bool is_repeatable = is_plain_get(request.verb) || (has_tags && has_moved(request));
  if (is_repeatable && !request.is_upload && !request.is_noreply &&
      request.redo_count < redo_count_max && !has_later_in_slot(request)) {
    redo(request);
  } else {
    finish_moved(request);
  }
}

void Dispatcher::redo(Request& request) {
  ++request.redo_count;
  thread_.counters().redone.add();
  submit(request);
}

void Dispatcher::count(const Request& request, std::string_view line) {
  const Outcome outcome = request.form->outcome_of(request, line);
  if (!is_retrieval(request.verb)) {
    count_outcome(thread_.counters(), request.verb, outcome);
  } else if (outcome == Outcome::done) {
    count_hit(request);
  }
}

void Dispatcher::count_hit(const Request& request) {
  ThreadCounters& counters = thread_.counters();
  counters.get_hits.add();
  counters.backends[request.ticket.backend()].hits.add();
  if (is_get_and_touch(request.verb)) counters.touch_hits.add();
}

void Dispatcher::finish(Request& request, const ReplyText& text) {
  request.client->reply(request, text.view());
  request.client->answered(request);
}

void Dispatcher::finish_line(Request& request, std::string_view line) {
  count(request, line);
  ReplyText text;
  request.form->line(request, line, text);
  finish(request, text);
}

void Dispatcher::finish_value(Request& request) {
  if (is_retrieval(request.verb)) {
    count_hit(request);
  } else {
    count_outcome(thread_.counters(), request.verb, Outcome::done);  // a counter, and its value
  }
  request.client->answered(request);
}

}  // namespace ringfence::agent::port
