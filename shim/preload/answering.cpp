#include "shim/preload/answering.hpp"

#include <algorithm>

#include "shim/text/expected_value.hpp"
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
  entry_.is_delivering = judge(key, part) == TicketStatus::holds;
  if (!entry_.is_delivering) return;
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

// --- Classic retrievals: VALUE blocks leave in the order of the keys.

// The quick way for what is most frequent: one key, and its whole answer is there and fits. Only
// the key in it is another one. False: the long way.
bool Answering::tell_whole_hit() {
  constexpr std::string_view value = "VALUE ", end = "END\r\n";
  const Key& key = entry_.keys.front();
  Part& part = entry_.parts.front();
  const std::string_view bytes = part.inbox->view();
  const std::string_view name = entry_.key(0);
  const WireKey wire_key(name, key.ticket.pool_word, key.ticket.generation());
  const std::string_view expected = part.is_agent ? name : wire_key.view();
  const text::ExpectedValue found = text::find_expected_value(bytes, expected);
  if (found.consumed_bytes == 0) return false;
  if (bytes.substr(found.consumed_bytes, end.size()) != end) return false;
  const std::size_t whole_bytes = found.consumed_bytes + end.size();
  const std::size_t front_bytes = value.size() + expected.size();
  if (whole_bytes + name.size() > sink_.room()) return false;
  if (judge(key, part) == TicketStatus::holds) {
    sink_.put(value);
    sink_.put(name);
    sink_.put(bytes.substr(front_bytes, whole_bytes - front_bytes));
    ++tally_.hits;
  } else {
    sink_.put(end);
    ++tally_.misses;
  }
  part.inbox->consume(whole_bytes);
  return true;
}

Stepped Answering::retrieval() {
  if (entry_.keys.size() == 1 && entry_.at == 0 && !entry_.is_inside_value) {
    Inbox& inbox = *entry_.parts.front().inbox;
    if (inbox.is_empty() && !inbox.is_ended) return {Step::need_bytes, &inbox};
    if (tell_whole_hit()) return {};
  }
  for (;;) {
    if (sink_.room() == 0) return {Step::full, nullptr};
    if (entry_.is_inside_value) {
      if (const Stepped stepped = value(); stepped.step != Step::done) return stepped;
      const Key& key = entry_.keys[entry_.at++];
      entry_.parts[key.part].expects_end = key.ends_command;
      ++(entry_.is_delivering ? tally_.hits : tally_.misses);
      continue;
    }
    if (entry_.at == entry_.keys.size()) return end_of_retrieval();
    Stepped stepped;
    if (!next_key(stepped)) return stepped;
  }
}

// The END that closes a command all of whose keys were found. True: it is there, or never comes.
bool Answering::read_end(Part& part, Stepped& stepped) {
  const ReplyEvent event = next_event(*part.inbox, part.inbox->view());
  part.inbox->consume(event.consumed_bytes);
  if (event.kind == ReplyEventKind::need_more && !part.inbox->is_ended) {
    stepped = {Step::need_bytes, part.inbox};
    return false;
  }
  const bool is_end = event.kind == ReplyEventKind::end || event.kind == ReplyEventKind::line;
  if (!is_end) break_off(*part.inbox);
  part.expects_end = false;
  return true;
}

// One step of the present key: true to go on.
bool Answering::next_key(Stepped& stepped) {
  const Key& key = entry_.keys[entry_.at];
  Part& part = entry_.parts[key.part];
  if (part.expects_end) return read_end(part, stepped);
  const auto miss = [&] {
    ++tally_.misses;
    ++entry_.at;
    return true;
  };
  if (part.skips) {
    part.skips = !key.ends_command;
    return miss();
  }
  // Whose header it is shows before it is taken: another key's stays where it is.
  text::ReplyParser probe = part.inbox->text;
  const ReplyEvent event = probe.next(ReplyShape::values, part.inbox->view());
  switch (event.kind) {
    case ReplyEventKind::need_more:
      if (part.inbox->is_ended) return miss();
      stepped = {Step::need_bytes, part.inbox};
      return false;
    case ReplyEventKind::value_header:
      return begin_value_of_key(part, event, probe) || miss();
    case ReplyEventKind::end:
    case ReplyEventKind::line:  // an error instead of values: what was not found by now is a miss
      if (tell_agents_error(part, event)) return true;
      part.inbox->consume(event.consumed_bytes);
      part.skips = !key.ends_command;
      return miss();
    default:
      break_off(*part.inbox);
      return miss();
  }
}

// What the agent says to a whole command, it says to the application.
bool Answering::tell_agents_error(Part& part, const ReplyEvent& event) {
  const bool is_whole = part.is_agent && entry_.parts.size() == 1 && entry_.at == 0;
  if (!is_whole || event.kind != ReplyEventKind::line) return false;
  sink_.put(part.inbox->view().substr(0, event.consumed_bytes));
  part.inbox->consume(event.consumed_bytes);
  entry_.at = entry_.keys.size();
  entry_.is_answered = true;
  return true;
}

// False: the value is another key's, so that this one is a miss.
bool Answering::begin_value_of_key(Part& part, const ReplyEvent& event,
                                   const text::ReplyParser& probe) {
  const Key& key = entry_.keys[entry_.at];
  const std::string_view name = entry_.key(entry_.at);
  const bool is_own =
      part.is_agent
          ? event.key == name
          : event.key == WireKey(name, key.ticket.pool_word, key.ticket.generation()).view();
  if (!is_own) {
    if (key.ends_command) break_off(*part.inbox);
    return false;
  }
  begin_value(key, part, event);
  part.inbox->text = probe;
  part.inbox->consume(event.consumed_bytes);
  return true;
}

Stepped Answering::end_of_retrieval() {
  for (Part& part : entry_.parts) {
    Stepped stepped;
    if (part.expects_end && !read_end(part, stepped)) return stepped;
  }
  if (!entry_.is_answered) sink_.put("END\r\n");
  return {};
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
    case ReplyEventKind::end: {
      part.inbox->consume(event.consumed_bytes);
      return fail({});  // a miss
    }
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
  return fail(answers::view_changed);
}

Stepped Answering::take_line(std::string_view line) {
  if (is_miss_line(entry_, line)) return fail({});
  const bool is_believed = judge(entry_.keys.front(), entry_.parts.front()) == TicketStatus::holds;
  if (is_believed) {
    if (text::is_retrieval(entry_.verb)) ++tally_.hits;
    ReplyText words;
    add_line(words, entry_, line);
    return tell(words);
  }
  if (text::is_retrieval(entry_.verb) || text::is_storage(entry_.verb)) {
    return fail(answers::view_changed);
  }
  if (!entry_.is_noreply) {
    entry_.held.assign(line);
    entry_.holds_answer = true;
  }
  return lost();
}

// What became of it is not known.
Stepped Answering::lost() {
  if (text::is_retrieval(entry_.verb) || text::is_storage(entry_.verb)) {
    return fail(answers::unreachable);
  }
  if (entry_.is_noreply) return {};
  if (entry_.parts.front().is_agent) return fail(answers::unknown_outcome);
  entry_.is_waiting = true;
  entry_.wait_end_ns = shm_layout::boottime_ns() + outcome_wait_ns;
  return wait();
}

Stepped Answering::wait() {
  const Ticket& ticket = entry_.keys.front().ticket;
  const ArrivalCheck now(*entry_.segment);
  ReplyText words;
  if (entry_.holds_answer && now.status_of(ticket) == TicketStatus::holds) {
    add_line(words, entry_, entry_.held);
    return tell(words);
  }
  if (entry_.segment->slot(ticket.slot).generation() != ticket.generation()) {
    if (!ticket.pool_word.has_tags()) return fail(answers::view_changed);
    add_not_found(words, entry_);
    return tell(words);
  }
  if (now.now_ns() < entry_.wait_end_ns) return {Step::waiting, nullptr};
  ++tally_.timed_out;
  return fail(entry_.holds_answer ? answers::no_new_view : answers::unknown_outcome);
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
