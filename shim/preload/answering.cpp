#include "shim/preload/answering.hpp"

#include "shim/text/port_answers.hpp"

namespace ringfence::shim::preload {

namespace answers = text::port_answers;
using text::ReplyEvent;
using text::ReplyEventKind;
using text::ReplyShape;

Stepped Answering::run() {
  switch (entry_.kind) {
    case Kind::local:
      return local();
    case Kind::retrieval:
      return retrieval();
    case Kind::single:
      return single();
    case Kind::line:
      return line();
    case Kind::stats:
      return entry_.protocol == Protocol::binary ? stat_packets() : stats();
  }
  return {};
}

Stepped Answering::local() {
  sink_.put(entry_.bytes);
  return {};
}

Stepped Answering::tell(const ReplyText& words) {
  if (!entry_.is_noreply) sink_.put(words.view());
  return {};
}

Stepped Answering::miss() {
  ++tally_.misses;
  ReplyText words;
  add_miss(words, entry_);
  return tell(words);
}

Stepped Answering::fail(std::string_view why) {
  if (text::is_retrieval(entry_.verb)) ++tally_.misses;
  ReplyText words;
  add_failure(words, entry_, why);
  return tell(words);
}

// Replies and commands are out of step there: nothing that comes is anybody's.
void Answering::break_off(Inbox& inbox) noexcept {
  inbox.consume(inbox.view().size());
  inbox.is_ended = true;
}

TicketStatus Answering::judge(const Key& key, const Part& part) noexcept {
  if (part.is_agent) return TicketStatus::holds;
  const TicketStatus status = shim::validate(*entry_.segment, key.ticket);
  if (status == TicketStatus::holds) return status;
  if (status == TicketStatus::changed) {
    ++tally_.refused_by_fence;
    return status;
  }
  if (text::is_plain_get(entry_.verb) && key.ticket.pool_word.serves_without_lease()) {
    return TicketStatus::holds;
  }
  ++tally_.refused_by_lease;
  return status;
}

ReplyEvent Answering::next_event(Inbox& inbox, std::string_view bytes) noexcept {
  switch (entry_.protocol) {
    case Protocol::binary:
      return inbox.packets.next({entry_.opcode, entry_.wire_opaque}, bytes);
    case Protocol::meta:
      return inbox.text.next(ReplyShape::meta, bytes);
    case Protocol::text:
      break;
  }
  return inbox.text.next(entry_.kind == Kind::retrieval ? ReplyShape::values : ReplyShape::line,
                         bytes);
}

// --- Values

void Answering::begin_value(const Key& key, const Part& part, const ReplyEvent& header) {
  entry_.is_inside_value = true;
  entry_.value_left_bytes = header.value_bytes;
  const TicketStatus status = judge(key, part);
  entry_.is_delivering = status == TicketStatus::holds;
  if (!entry_.is_delivering) {
    entry_.failure = reason_of(status);
    return;
  }
  ReplyText words;
  add_value_head(words, entry_, {entry_.bytes.data() + key.begin, key.size}, header);
  (void)tell(words);
}

void Answering::received_value(std::size_t count) noexcept {
  Inbox& inbox = *entry_.parts[entry_.keys[entry_.at].part].inbox;
  (void)next_event(inbox, {sink_.at(), count});
  entry_.value_left_bytes -= count;
  sink_.advance(count);
}

// `done`: the value is whole, or nothing of it was told and nothing will be.
Stepped Answering::value() {
  Inbox& inbox = *entry_.parts[entry_.keys[entry_.at].part].inbox;
  const bool is_told = entry_.is_delivering && !entry_.is_noreply;
  for (;;) {
    std::string_view bytes = inbox.view();
    const bool is_whole = entry_.protocol == Protocol::binary && inbox.packets.is_value_whole();
    if (is_told && entry_.value_left_bytes > 0) {
      if (sink_.room() == 0) return {Step::full, nullptr};
      bytes = bytes.substr(0, sink_.room());
    }
    const ReplyEvent event = bytes.empty() && !is_whole ? ReplyEvent{} : next_event(inbox, bytes);
    inbox.consume(event.consumed_bytes);
    switch (event.kind) {
      case ReplyEventKind::value_bytes:
        entry_.value_left_bytes -= event.bytes.size();
        if (is_told) sink_.put(event.bytes);
        break;
      case ReplyEventKind::value_done:
        entry_.is_inside_value = false;
        if (is_told) sink_.put(end_of_value(entry_));
        return {};
      case ReplyEventKind::need_more:
        if (!inbox.is_ended) return {Step::need_bytes, &inbox};
        [[fallthrough]];
      default:
        break_off(inbox);
        if (is_told) return {Step::broken, nullptr};
        entry_.is_inside_value = false;
        return {};
    }
  }
}

// --- One key, one answer

Stepped Answering::single() {
  if (entry_.is_waiting) return wait();
  if (entry_.is_inside_value) {
    const Stepped stepped = value();
    return stepped.step == Step::done ? value_is_over() : stepped;
  }
  const Key& key = entry_.keys.front();
  const Part& part = entry_.parts.front();
  const ReplyEvent event = next_event(*part.inbox, part.inbox->view());
  switch (event.kind) {
    case ReplyEventKind::need_more:
      if (part.inbox->is_ended) return lost();
      return {Step::need_bytes, part.inbox};
    case ReplyEventKind::value_header:
      if (!may_answer_value(entry_, event)) break;
      begin_value(key, part, event);
      part.inbox->consume(event.consumed_bytes);
      return single();
    case ReplyEventKind::end:
      part.inbox->consume(event.consumed_bytes);
      return miss();
    case ReplyEventKind::line: {
      if (!may_answer(entry_, event.bytes)) break;
      const Stepped stepped = take_line(event.bytes);
      part.inbox->consume(event.consumed_bytes);
      return stepped;
    }
    default:
      break;
  }
  break_off(*part.inbox);
  return lost();
}

Stepped Answering::value_is_over() {
  if (entry_.is_delivering) {
    if (text::is_retrieval(entry_.verb)) ++tally_.hits;
    return {};
  }
  return text::is_retrieval(entry_.verb) ? fail(entry_.failure) : lost();
}

Stepped Answering::take_line(std::string_view line) {
  if (is_miss_line(entry_, line)) return miss();
  const bool is_believed = judge(entry_.keys.front(), entry_.parts.front()) == TicketStatus::holds;
  if (is_believed) return tell_line(line);
  if (entry_.is_noreply) return {};
  entry_.held.assign(line);
  entry_.holds_answer = true;
  return begin_wait();
}

Stepped Answering::tell_line(std::string_view line) {
  if (text::is_retrieval(entry_.verb)) ++tally_.hits;
  ReplyText words;
  add_line(words, entry_, line);
  return tell(words);
}

// What became of it is not known.
Stepped Answering::lost() {
  if (text::is_retrieval(entry_.verb) || text::is_storage(entry_.verb)) {
    return fail(answers::unknown_outcome);
  }
  if (entry_.is_noreply) return {};
  if (entry_.parts.front().is_agent) return fail(answers::unknown_outcome);
  return begin_wait();
}

// Whatever was asked before the last wait ended has had its time with it.
Stepped Answering::begin_wait() {
  entry_.is_waiting = true;
  if (entry_.asked_ns >= wait_end_ns_) {
    wait_end_ns_ =
        shm_layout::coarse_ns() + answers_of(entry_).change_wait_ms() * shm_layout::ns_per_ms;
  }
  return wait();
}

Stepped Answering::wait() {
  const Ticket& ticket = entry_.keys.front().ticket;
  const ArrivalCheck now(*entry_.segment);
  if (entry_.holds_answer && now.status_of(ticket) == TicketStatus::holds) {
    return tell_line(entry_.held);
  }
  if (entry_.segment->slot(ticket.slot).generation() != ticket.generation()) {
    const bool is_write = !text::is_retrieval(entry_.verb) && !text::is_storage(entry_.verb);
    if (!is_write || !ticket.pool_word.has_tags()) return fail(answers::view_changed);
    ReplyText words;
    add_not_found(words, entry_);
    return tell(words);
  }
  if (shm_layout::coarse_ns() < wait_end_ns_) return {Step::waiting, nullptr};
  ++tally_.timed_out;
  if (!entry_.holds_answer) return fail(answers::unknown_outcome);
  const bool has_no_lease = now.status_of(ticket) == TicketStatus::lease_lapsed;
  return fail(has_no_lease ? answers::no_lease : answers::no_new_view);
}

// --- Without a key: the agent answers

Stepped Answering::line() {
  Inbox& inbox = *entry_.parts.front().inbox;
  const ReplyEvent event = next_event(inbox, inbox.view());
  if (event.kind == ReplyEventKind::need_more && !inbox.is_ended) {
    return {Step::need_bytes, &inbox};
  }
  if (event.kind != ReplyEventKind::line) {
    break_off(inbox);
    return entry_.is_noreply ? Stepped{} : fail(answers::unknown_outcome);
  }
  ReplyText words;
  add_line(words, entry_, event.bytes);
  inbox.consume(event.consumed_bytes);
  return tell(words);
}

Stepped Answering::stats() {
  Inbox& inbox = *entry_.parts.front().inbox;
  for (;;) {
    if (sink_.room() == 0) return {Step::full, nullptr};
    const ReplyEvent event = inbox.text.next(ReplyShape::stats, inbox.view());
    if (event.kind == ReplyEventKind::need_more && !inbox.is_ended) {
      return {Step::need_bytes, &inbox};
    }
    const bool is_known = event.kind == ReplyEventKind::stat || event.kind == ReplyEventKind::end ||
                          event.kind == ReplyEventKind::line;
    if (!is_known) {
      break_off(inbox);
      return fail(answers::unknown_outcome);
    }
    sink_.put(inbox.view().substr(0, event.consumed_bytes));
    inbox.consume(event.consumed_bytes);
    if (event.kind != ReplyEventKind::stat) return {};
  }
}

Stepped Answering::stat_packets() {
  Inbox& inbox = *entry_.parts.front().inbox;
  for (;;) {
    if (sink_.room() == 0) return {Step::full, nullptr};
    const std::string_view bytes = inbox.view();
    const binary::Header header =
        bytes.size() < binary::header_bytes ? binary::Header{} : binary::load_header(bytes);
    const bool has_header = bytes.size() >= binary::header_bytes;
    const std::size_t packet_bytes = binary::header_bytes + header.body_bytes;
    const bool is_sane =
        !has_header || (header.magic == binary::reply_magic &&
                        header.opcode == binary::Opcode::stat && packet_bytes <= inbox_bytes);
    if (is_sane && !inbox.is_ended && (!has_header || bytes.size() < packet_bytes)) {
      return {Step::need_bytes, &inbox};
    }
    if (!is_sane || !has_header || bytes.size() < packet_bytes) {
      break_off(inbox);
      return fail(answers::unknown_outcome);
    }
    sink_.put(bytes.substr(0, packet_bytes));
    inbox.consume(packet_bytes);
    if (header.key_bytes == 0) return {};  // the last one, or an error
  }
}

}  // namespace ringfence::shim::preload
