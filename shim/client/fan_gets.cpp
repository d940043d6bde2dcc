#include "shim/client/fan_gets.hpp"

#include <cstring>
#include <utility>

#include "shim/client/arguments.hpp"
#include "shim/client/single_call.hpp"

namespace ringfence::shim::client {

namespace {

// The last key of a command may begin when group_bytes_max is nearly reached.
constexpr std::size_t command_bytes_max = text::group_bytes_max + key_bytes_max + 8;

char* put(char* end, std::string_view bytes) noexcept {
  std::memcpy(end, bytes.data(), bytes.size());
  return end + bytes.size();
}

}  // namespace

std::string_view FanGets::begin(std::size_t index) {
  const ringfence_key& key = keys_[index];
  if (key.data != nullptr && is_valid_key({key.data, key.bytes})) return {key.data, key.bytes};
  receiver_.tell(index, key.data == nullptr ? RINGFENCE_INVALID : RINGFENCE_KEY_INVALID, nullptr);
  return {};
}

void FanGets::encode(FanOut& fan, Lane& lane) noexcept {
  ++lane.output_number;
  char* end = lane.buffer;
  const char* limit = end + send_buffer_bytes - command_bytes_max;
  while (lane.to_encode != no_item && end <= limit) end = encode_command(fan, lane, end);
  lane.set_output(static_cast<std::size_t>(end - lane.buffer), {});
}

char* FanGets::encode_command(FanOut& fan, Lane& lane, char* end) const noexcept {
  const char* begin = end;
  end = put(end, text::name_of(verb_));
  Item* last = nullptr;
  for (std::uint32_t keys = 0; keys < text::group_keys_max && lane.to_encode != no_item; ++keys) {
    if (static_cast<std::size_t>(end - begin) >= text::group_bytes_max) break;
    last = &fan.item(lane.to_encode);
    const std::string_view key = key_of(fan.index_of(lane.to_encode));
    *end++ = ' ';
    last->wire_key = end;
    end = lane.put_key(end, key, last->ticket);
    last->wire_key_bytes = static_cast<std::uint8_t>(end - last->wire_key);
    last->output_number = lane.output_number;
    last->is_encoded = true;
    lane.to_encode = last->next;
  }
  if (last != nullptr) last->ends_command = true;
  return put(end, "\r\n");
}

// Hits that have arrived whole, in the order of the command.
void FanGets::take_usual(FanOut& fan, Lane& lane) noexcept {
  ReplyStream& replies = lane.connection->replies();
  while (!lane.expects_end && lane.pending != no_item) {
    const Item& item = fan.item(lane.pending);
    const std::string_view wire_key = lane.sent_key(item);
    if (wire_key.empty() || !replies.take_value_of(wire_key)) return;
    take_value(fan, lane);
  }
}

FanJob::Reading FanGets::take(FanOut& fan, Lane& lane, ReplyPart part) {
  const bool is_asked =
      lane.expects_end || (lane.pending != no_item && fan.item(lane.pending).is_encoded);
  if (!is_asked) return Reading::violation;
  switch (part) {
    case ReplyPart::header:
      return take_header(fan, lane);
    case ReplyPart::value:
      take_value(fan, lane);
      return Reading::go_on;
    case ReplyPart::end:
      tell_rest_of_command(fan, lane, RINGFENCE_MISS);
      break;
    case ReplyPart::line: {
      const std::string_view line = lane.connection->replies().line();
      const Answer answer = lane.is_port ? answer_of_port(verb_, line) : answer_of(verb_, line);
      if (answer.is_violation) return Reading::violation;
      tell_rest_of_command(fan, lane, answer.status);
      break;
    }
    case ReplyPart::need_more:
    case ReplyPart::violation:
      return Reading::violation;
  }
  return lane.pending == no_item ? Reading::done : Reading::go_on;
}

// The answer names the keys that were found, in the order of the command; those before are misses.
// Nothing is told by an answer that names a key which was not asked for.
FanJob::Reading FanGets::take_header(FanOut& fan, Lane& lane) {
  ReplyStream& replies = lane.connection->replies();
  const ValueHeader& header = replies.header();
  const std::uint32_t found = lane.expects_end ? no_item : find_in_command(fan, lane, header.key);
  if (found == no_item) return Reading::violation;
  while (lane.pending != found) tell(fan, lane, RINGFENCE_MISS, nullptr);
  if (!replies.needs_place()) return Reading::go_on;
  ringfence_value* own = receiver_.own_value(fan.index_of(found));
  if (own != nullptr) {
    if (!make_room(*own, header.bytes)) return Reading::no_memory;
    replies.gather_into(own->data);
  } else {
    lane.scratch.resize(header.bytes);
    replies.gather_into(lane.scratch.data());
  }
  return Reading::go_on;
}

std::uint32_t FanGets::find_in_command(FanOut& fan, Lane& lane,
                                       std::string_view wire_key) const noexcept {
  for (std::uint32_t at = lane.pending; at != no_item; at = fan.item(at).next) {
    const Item& item = fan.item(at);
    if (lane.is_key(wire_key, item, key_of(fan.index_of(at)))) return at;
    if (item.ends_command) break;
  }
  return no_item;
}

void FanGets::take_value(FanOut& fan, Lane& lane) noexcept {
  Item& item = fan.item(lane.pending);
  const TicketStatus verdict = lane.is_port ? TicketStatus::holds : fan.judge(item);
  lane.expects_end = item.ends_command;
  if (verdict == TicketStatus::changed) {
    item.fate = Fate::moved;
    lane.pending = item.next;
    return;
  }
  if (verdict == TicketStatus::lease_lapsed) {
    tell(fan, lane, RINGFENCE_LEASE_LAPSED, nullptr);
    return;
  }
  const ReplyStream& replies = lane.connection->replies();
  ringfence_value value{};
  value.data = const_cast<char*>(replies.value().data());
  value.bytes = replies.value().size();
  value.flags = replies.header().flags;
  value.cas = replies.header().cas;
  tell(fan, lane, RINGFENCE_OK, &value);
}

void FanGets::tell_rest_of_command(FanOut& fan, Lane& lane, Status status) noexcept {
  fan.count_answer(lane);
  bool is_over = lane.expects_end;
  lane.expects_end = false;
  while (!is_over && lane.pending != no_item) {
    is_over = fan.item(lane.pending).ends_command;
    tell(fan, lane, status, nullptr);
  }
}

void FanGets::tell(FanOut& fan, Lane& lane, Status status, const ringfence_value* value) noexcept {
  Item& item = fan.item(lane.pending);
  const std::size_t index = fan.index_of(lane.pending);
  item.fate = Fate::done;
  lane.pending = item.next;
  report(index, status, value);
}

void FanGets::report(std::size_t index, Status status, const ringfence_value* value) noexcept {
  ++told_[static_cast<std::size_t>(status)];
  receiver_.tell(index, status, value);
}

void FanGets::settle(FanOut& fan) {
  for (std::uint32_t at = 0; at < fan.item_count(); ++at) {
    if (fan.item(at).fate != Fate::done) settle_one(fan, at);
  }
  for (std::size_t status = 0; status < told_.size(); ++status) {
    fan.client().count(verb_, static_cast<Status>(status), std::exchange(told_[status], 0));
  }
}

ringfence_value& FanGets::place_of(std::size_t index) noexcept {
  ringfence_value* own = receiver_.own_value(index);
  return own == nullptr ? spare_ : *own;
}

void FanGets::settle_one(FanOut& fan, std::uint32_t at) {
  const Item& item = fan.item(at);
  const std::size_t index = fan.index_of(at);
  Status status = RINGFENCE_BACKEND_LOST;
  const bool is_gone = item.fate == Fate::lost || item.fate == Fate::unsent;
  if (item.fate == Fate::timed_out) status = RINGFENCE_TIMED_OUT;
  if (item.fate == Fate::failed) status = RINGFENCE_SYSTEM;
  const bool is_final = item.fate == Fate::timed_out || item.fate == Fate::failed ||
                        fan.is_in_child() || (is_gone && !fan.has_moved(item));
  if (is_final) {
    report(index, status, nullptr);
    return;
  }
  if (counters::ShimCounters* counting = fan.client().counters();
      counting != nullptr && item.fate == Fate::moved) {
    counting->add_redone();
  }
  Operation operation;
  operation.verb = verb_;
  operation.key = key_of(index);
  ringfence_value& value = place_of(index);
  operation.value = &value;
  status = SingleCall(fan.client(), operation, fan.deadline()).run();
  report(index, status, status == RINGFENCE_OK ? &value : nullptr);
}

}  // namespace ringfence::shim::client
