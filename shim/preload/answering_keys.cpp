// Classic retrievals: VALUE blocks leave in the order of the keys, and one END, or an error in its
// place, whomever the keys were asked of.
#include "shim/preload/answering.hpp"
#include "shim/text/expected_value.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::shim::preload {

namespace answers = text::port_answers;
using text::ReplyEvent;
using text::ReplyEventKind;
using text::ReplyShape;

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
  const TicketStatus status = judge(key, part);
  if (status == TicketStatus::holds) {
    sink_.put(value);
    sink_.put(name);
    sink_.put(bytes.substr(front_bytes, whole_bytes - front_bytes));
    ++tally_.hits;
  } else {
    entry_.failure = reason_of(status);
    sink_.put(end_of_keys());
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
  const bool is_error = event.kind == ReplyEventKind::line;
  if (is_error && part.is_agent) take_error(part, event.bytes);
  if (!is_error && event.kind != ReplyEventKind::end) break_off(*part.inbox);
  part.expects_end = false;
  return true;
}

// One step of the present key: true to go on.
bool Answering::next_key(Stepped& stepped) {
  const Key& key = entry_.keys[entry_.at];
  Part& part = entry_.parts[key.part];
  if (part.expects_end) return read_end(part, stepped);
  const auto pass = [&] {
    ++tally_.misses;
    ++entry_.at;
    return true;
  };
  const auto pass_lost = [&] {
    entry_.failure = answers::unknown_outcome;
    return pass();
  };
  if (part.skips) {
    part.skips = !key.ends_command;
    return pass();
  }
  // Whose header it is shows before it is taken: another key's stays where it is.
  text::ReplyParser probe = part.inbox->text;
  const ReplyEvent event = probe.next(ReplyShape::values, part.inbox->view());
  switch (event.kind) {
    case ReplyEventKind::need_more:
      if (part.inbox->is_ended) return pass_lost();
      stepped = {Step::need_bytes, part.inbox};
      return false;
    case ReplyEventKind::value_header:
      return begin_value_of_key(part, event, probe) || pass();
    case ReplyEventKind::line:  // an error instead of values: what was not found by now has failed
      take_error(part, event.bytes);
      [[fallthrough]];
    case ReplyEventKind::end:
      part.inbox->consume(event.consumed_bytes);
      part.skips = !key.ends_command;
      return pass();
    default:
      break_off(*part.inbox);
      return pass_lost();
  }
}

// What the agent says in place of END, it says to the application.
void Answering::take_error(const Part& part, std::string_view line) {
  if (!part.is_agent) {
    entry_.failure = answers::refused;
    return;
  }
  entry_.held.assign(line).append("\r\n");
  entry_.holds_answer = true;
}

// An error of any key takes the place of END.
std::string_view Answering::end_of_keys() const noexcept {
  if (entry_.holds_answer) return entry_.held;
  const bool is_told = !entry_.failure.empty() && answers_of(entry_).tells_get_failure();
  return is_told ? entry_.failure : "END\r\n";
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
    if (key.ends_command) {
      break_off(*part.inbox);
      entry_.failure = answers::unknown_outcome;
    }
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
  sink_.put(end_of_keys());
  return {};
}

}  // namespace ringfence::shim::preload
