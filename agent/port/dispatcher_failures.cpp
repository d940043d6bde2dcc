// What a request is told that no backend answered, or whose answer is not believed.
#include "agent/port/client.hpp"
#include "agent/port/dispatcher.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/reply_form.hpp"
#include "agent/port/wire_form.hpp"
#include "shim/binary/policy.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::agent::port {

namespace answers = shim::text::port_answers;

void Dispatcher::on_lost(Request& request, LossKind kind) {
  Client& client = *request.client;
  // Sent later than it was asked for, it must not come behind what its client asked for since.
  const bool is_in_order = request.is_noreply ? client.is_newest(request)
                                              : !client.is_closed() && !has_later_in_slot(request);
  if (kind == LossKind::not_sent && is_in_order && request.redo_count < redo_count_max) {
    redo(request);
    return;
  }
  if (client.is_closed() || request.is_noreply) {
    client.answered(request);
    return;
  }
  if (request.is_partly_delivered) {
    client.reset();
    client.answered(request);
    return;
  }
  client.drop_reply(request);
  if (kind == LossKind::moved) {
    redo_or_fail(request);  // as if a reply had come, which would not be believed
    return;
  }
  request.is_sent = kind == LossKind::broken || kind == LossKind::silent;
  // A connection may have ended for reasons of its own: whatever repeats nothing is tried once
  // more.
  const bool may_retry = kind == LossKind::broken && is_plain_get(request.verb) &&
                         request.redo_count == 0 && !has_later_in_slot(request);
  if (may_retry) {
    redo(request);
  } else if (is_retrieval(request.verb) || is_storage(request.verb)) {
    fail(request, request.is_sent ? answers::unknown_outcome : answers::unreachable);
  } else {
    judge_outcome(request);
  }
}

void Dispatcher::on_refused(Request& request) {
  fail(request, answers::refused);
}

void Dispatcher::finish_moved(Request& request) {
  const bool is_not_found_true = request.ticket.pool_word.has_tags() && has_moved(request) &&
                                 !is_retrieval(request.verb) && !is_storage(request.verb);
  if (is_not_found_true) {
    count_outcome(thread_.counters(), request.verb, Outcome::not_found);
    ReplyText text;
    request.form->not_found(request, text);
    finish(request, text);
  } else {
    fail(request, answers::view_changed);
  }
}

// The answer that leaves clients usable, unless the pool asks for errors: a get misses, a store was
// not done; a delete is never called done, so it is an error.
void Dispatcher::fail(Request& request, std::string_view why) {
  if (is_retrieval(request.verb)) {
    fail_get(request, why);
    return;
  }
  ReplyText text;
  if (is_storage(request.verb) && !thread_.settings().tells_store_failure) {
    request.form->not_stored(request, text);
  } else {
    request.form->failure(request, why, text);
  }
  finish(request, text);
}

void Dispatcher::fail_get(Request& request, std::string_view why) {
  thread_.counters().get_misses.add();
  ReplyText text;
  const bool may_tell =
      request.wire != Wire::binary || shim::binary::may_tell_failure(request.binary.opcode);
  if (!thread_.settings().tells_get_failure || !may_tell) {
    request.form->miss(request, text);
  } else if (is_gathered(request)) {
    request.failure = why;  // a key of many: its client says so at their end
  } else {
    request.form->failure(request, why, text);
  }
  finish(request, text);
}

}  // namespace ringfence::agent::port
