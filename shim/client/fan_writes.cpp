#include "shim/client/fan_writes.hpp"

#include <cstring>

#include "shim/client/arguments.hpp"
#include "shim/client/single_call.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::client {

namespace {

// A value up to this size is copied behind its command, so that many leave by one piece of memory;
// a larger one is sent from where it lies.
constexpr std::size_t copied_bytes_max = std::size_t{4} * 1024;
constexpr std::size_t encoded_bytes_max = command_line_bytes + copied_bytes_max + 2;

// By ringfence_verb.
constexpr std::array<Verb, 8> verbs = {Verb::set,     Verb::add, Verb::replace,    Verb::append,
                                       Verb::prepend, Verb::cas, Verb::delete_key, Verb::touch};

constexpr std::string_view crlf = "\r\n";

char* put(char* end, std::string_view bytes) noexcept {
  if (!bytes.empty()) std::memcpy(end, bytes.data(), bytes.size());
  return end + bytes.size();
}

}  // namespace

Operation FanWrites::operation_of(std::size_t index) const noexcept {
  const ringfence_write& write = writes_[index];
  Operation operation;
  operation.verb = verbs[write.verb];
  operation.key = key_of(index);
  if (text::is_storage(operation.verb)) operation.data = {write.data, write.bytes};
  const bool keeps_item = operation.verb == Verb::append || operation.verb == Verb::prepend;
  if (!keeps_item) operation.exptime = write.exptime;
  if (!keeps_item) operation.flags = write.flags;
  operation.number = write.cas;
  return operation;
}

std::string_view FanWrites::begin(std::size_t index) {
  const ringfence_write& write = writes_[index];
  if (write.verb >= verbs.size() || write.key.data == nullptr) {
    statuses_[index] = RINGFENCE_INVALID;
    return {};
  }
  const bool has_data = text::is_storage(verbs[write.verb]);
  const bool is_data_wrong =
      has_data && (write.bytes > data_bytes_max || (write.data == nullptr && write.bytes > 0));
  statuses_[index] = is_data_wrong                  ? RINGFENCE_INVALID
                     : !is_valid_key(key_of(index)) ? RINGFENCE_KEY_INVALID
                                                    : RINGFENCE_OK;
  return statuses_[index] == RINGFENCE_OK ? key_of(index) : std::string_view{};
}

void FanWrites::encode(FanOut& fan, Lane& lane) noexcept {
  char* end = lane.buffer;
  const char* limit = end + send_buffer_bytes - encoded_bytes_max;
  std::string_view left_in_place;
  if (lane.owes_crlf) end = put(end, crlf);
  lane.owes_crlf = false;
  while (lane.to_encode != no_item && end <= limit && !lane.owes_crlf) {
    Item& item = fan.item(lane.to_encode);
    const std::size_t index = fan.index_of(lane.to_encode);
    const Operation operation = operation_of(index);
    const WireKey wire_key(operation.key, item.ticket.pool_word, item.ticket.generation());
    end += write_line(operation, lane.is_port ? operation.key : wire_key.view(), end);
    item.is_encoded = true;
    lane.to_encode = item.next;
    if (!text::is_storage(operation.verb)) continue;
    if (operation.data.size() <= copied_bytes_max) {
      end = put(put(end, operation.data), crlf);
    } else {
      left_in_place = operation.data;
      lane.owes_crlf = true;
    }
  }
  lane.set_output(static_cast<std::size_t>(end - lane.buffer), left_in_place);
}

FanJob::Reading FanWrites::take(FanOut& fan, Lane& lane, ReplyPart part) {
  if (part != ReplyPart::line || lane.pending == no_item) return Reading::violation;
  Item& item = fan.item(lane.pending);
  if (!item.is_encoded) return Reading::violation;
  const std::size_t index = fan.index_of(lane.pending);
  const Verb verb = verbs[writes_[index].verb];
  const std::string_view line = lane.connection->replies().line();
  const Answer answer = lane.is_port ? answer_of_port(verb, line) : answer_of(verb, line);
  if (answer.is_violation) return Reading::violation;
  const TicketStatus verdict = lane.is_port ? TicketStatus::holds : fan.judge(item);
  fan.count_answer(lane);
  lane.pending = item.next;
  if (verdict == TicketStatus::holds) {
    statuses_[index] = answer.status;
    item.fate = Fate::done;
  } else {
    item.answer = answer.status;
    item.fate =
        verdict == TicketStatus::changed && fan.has_moved(item) ? Fate::moved : Fate::answered;
  }
  if (answer.is_out_of_step) return Reading::violation;
  return lane.pending == no_item ? Reading::done : Reading::go_on;
}

// In the order of the call. A write is not done after a later one of its slot that was sent.
void FanWrites::settle(FanOut& fan) {
  std::vector<std::uint32_t> last_sent;  // by slot, plus one; made when something is left over
  for (std::uint32_t at = 0; at < fan.item_count(); ++at) {
    const Item& item = fan.item(at);
    if (item.fate == Fate::done) continue;
    if (last_sent.empty()) {
      last_sent.assign(shm_layout::slot_count, 0);
      for (std::uint32_t other = 0; other < fan.item_count(); ++other) {
        if (fan.item(other).is_encoded) last_sent[fan.item(other).ticket.slot] = other + 1;
      }
    }
    const bool may_repeat = last_sent[item.ticket.slot] <= at + 1;
    statuses_[fan.index_of(at)] = settle_one(fan, at, may_repeat);
  }
}

Status FanWrites::settle_one(FanOut& fan, std::uint32_t at, bool may_repeat) {
  const Item& item = fan.item(at);
  if (fan.is_in_child()) return RINGFENCE_BACKEND_LOST;
  const Operation operation = operation_of(fan.index_of(at));
  SingleCall call(fan.client(), operation, fan.deadline());
  Exchanged exchanged;
  exchanged.status = item.answer;
  switch (item.fate) {
    case Fate::timed_out:
      return RINGFENCE_TIMED_OUT;
    case Fate::failed:
      return RINGFENCE_SYSTEM;
    case Fate::waiting:
    case Fate::done:
    case Fate::unrouted:
      return may_repeat ? call.run() : RINGFENCE_CHANGED;
    case Fate::unsent:
      exchanged.ending = Ending::unsent;
      break;
    case Fate::lost:
      exchanged.ending = Ending::lost;
      break;
    case Fate::moved:
      exchanged.ending = Ending::moved;
      break;
    case Fate::answered:
      exchanged.ending = Ending::answered;
      break;
  }
  return call.resume(fan.attachment(), item.ticket, exchanged, may_repeat);
}

}  // namespace ringfence::shim::client
