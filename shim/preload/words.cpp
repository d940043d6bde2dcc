#include "shim/preload/words.hpp"

#include "shim/binary/answer.hpp"
#include "shim/binary/policy.hpp"
#include "shim/meta/policy.hpp"
#include "shim/meta/show.hpp"
#include "shim/text/port_answers.hpp"
#include "shim/text/show.hpp"

namespace ringfence::shim::preload {
namespace {

using binary::Status;

auto adder(ReplyText& out) noexcept {
  return [&out](std::string_view piece) { out.add(piece); };
}

void add_meta_status(ReplyText& out, const Entry& entry, std::string_view status) noexcept {
  const meta::Command command = entry.meta_command();
  if (!meta::is_hidden(command, status)) meta::show_status(adder(out), command, status);
}

void add_status(ReplyText& out, const Entry& entry, Status status) noexcept {
  binary::add_answer(out, entry.opcode, entry.opaque, status);
}

bool creates_number(const Entry& entry) noexcept {
  if (entry.protocol == Protocol::meta) return meta::creates_number(entry.meta_command());
  return entry.protocol == Protocol::binary && binary::creates_number(entry.verb, entry.words());
}

void add_error(ReplyText& out, const Entry& entry, std::string_view why) noexcept {
  if (entry.protocol == Protocol::binary) {
    binary::add_line_answer(out, entry.opcode, entry.opaque, binary::port_failure, why);
  } else {
    out.add(why);
  }
}

bool tells_get_failure(const Entry& entry) noexcept {
  const bool may_tell =
      entry.protocol != Protocol::binary || binary::may_tell_failure(entry.opcode);
  return may_tell && answers_of(entry).tells_get_failure();
}

}  // namespace

shm_layout::AnswerWord answers_of(const Entry& entry) noexcept {
  return entry.segment == nullptr ? shm_layout::AnswerWord{} : entry.segment->answers();
}

std::string_view reason_of(TicketStatus status) noexcept {
  const bool has_no_lease = status == TicketStatus::lease_lapsed;
  return has_no_lease ? text::port_answers::no_lease : text::port_answers::view_changed;
}

void add_value_head(ReplyText& out, const Entry& entry, std::string_view key,
                    const text::ReplyEvent& header) noexcept {
  if (entry.protocol == Protocol::binary) {
    out.add(binary::value_front(entry.opcode, entry.opaque, key, header).view());
    return;
  }
  if (entry.protocol == Protocol::meta) {
    meta::show_value_head(adder(out), entry.meta_command(), header.value_bytes, header.bytes);
    return;
  }
  text::show_value_head(adder(out), key, header);
}

std::string_view end_of_value(const Entry& entry) noexcept {
  return entry.protocol == Protocol::binary ? "" : "\r\n";
}

void add_miss(ReplyText& out, const Entry& entry) noexcept {
  if (entry.protocol == Protocol::meta) {
    add_meta_status(out, entry, "EN");
  } else if (entry.protocol == Protocol::binary &&
             !binary::is_hidden(entry.opcode, Status::not_found)) {
    const binary::MissAnswer answer(entry.opcode, entry.opaque, entry.key(0));
    out.add(answer.front());
    out.add(answer.text());
  }
}

void add_line(ReplyText& out, const Entry& entry, std::string_view line) noexcept {
  if (entry.protocol == Protocol::binary) {
    if (binary::is_hidden(entry.opcode, binary::load_header(line).status)) return;
    out.add(binary::ShownHeader(entry.opcode, entry.opaque, line).view());
    out.add(line.substr(binary::header_bytes));
  } else if (entry.protocol == Protocol::meta) {
    const meta::Command command = entry.meta_command();
    if (!meta::is_hidden(command, line)) meta::show_line(adder(out), command, line);
  } else {
    out.add(line);
    out.add("\r\n");
  }
}

void add_not_found(ReplyText& out, const Entry& entry) noexcept {
  if (creates_number(entry)) {
    add_error(out, entry, text::port_answers::view_changed);
  } else if (entry.protocol == Protocol::binary) {
    add_status(out, entry, Status::not_found);
  } else if (entry.protocol == Protocol::meta) {
    add_meta_status(out, entry, "NF");
  } else {
    out.add("NOT_FOUND\r\n");
  }
}

void add_failure(ReplyText& out, const Entry& entry, std::string_view why) noexcept {
  const bool is_get = text::is_retrieval(entry.verb);
  const bool is_store = text::is_storage(entry.verb);
  if (is_get && !tells_get_failure(entry)) {
    add_miss(out, entry);
  } else if (!is_store || answers_of(entry).tells_store_failure()) {
    add_error(out, entry, why);
  } else if (entry.protocol == Protocol::binary) {
    add_status(out, entry, Status::not_stored);
  } else if (entry.protocol == Protocol::meta) {
    add_meta_status(out, entry, "NS");
  } else {
    out.add(text::port_answers::not_stored);
  }
}

bool may_answer(const Entry& entry, std::string_view line) noexcept {
  switch (entry.protocol) {
    case Protocol::binary:
      return true;
    case Protocol::meta:
      return meta::may_answer(entry.meta_command(), line);
    case Protocol::text:
      break;
  }
  return text::may_answer(entry.verb, line);
}

bool may_answer_value(const Entry& entry, const text::ReplyEvent& header) noexcept {
  return entry.protocol != Protocol::meta ||
         meta::may_answer_value(entry.meta_command(), header.bytes);
}

bool is_miss_line(const Entry& entry, std::string_view line) noexcept {
  if (entry.protocol == Protocol::meta) return meta::is_miss(line);
  return entry.protocol == Protocol::binary && text::is_retrieval(entry.verb) &&
         entry.parts.front().is_agent && !binary::may_tell_failure(entry.opcode) &&
         binary::load_header(line).status == binary::port_failure;
}

}  // namespace ringfence::shim::preload
