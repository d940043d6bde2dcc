#include "shim/preload/words.hpp"

#include "shim/binary/answer.hpp"
#include "shim/binary/policy.hpp"
#include "shim/meta/policy.hpp"
#include "shim/meta/show.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::shim::preload {
namespace {

using binary::Status;

// What the protocol calls an internal error; memcached has no status of its own for "not known".
constexpr auto failure_status = static_cast<Status>(0x84);

auto adder(Words& out) noexcept {
  return [&out](std::string_view piece) { out.add(piece); };
}

void add_meta_status(Words& out, const Entry& entry, std::string_view status) noexcept {
  const meta::Command command = entry.meta_command();
  if (!meta::is_hidden(command, status)) meta::show_status(adder(out), command, status);
}

void add_status(Words& out, const Entry& entry, Status status) noexcept {
  if (binary::is_hidden(entry.opcode, status)) return;
  add_packet(out, entry.opcode, entry.opaque, status, binary::text_of(status));
}

// What a line of the text protocol says, without its first word and its end.
void add_line_packet(Words& out, const Entry& entry, std::string_view line) noexcept {
  if (line.ends_with("\r\n")) line.remove_suffix(2);
  const std::size_t space = line.find(' ');
  add_packet(out, entry.opcode, entry.opaque, failure_status,
             space == std::string_view::npos ? line : line.substr(space + 1));
}

bool creates_number(const Entry& entry) noexcept {
  if (entry.protocol == Protocol::meta) return meta::creates_number(entry.meta_command());
  return entry.protocol == Protocol::binary && binary::creates_number(entry.verb, entry.words());
}

void add_error(Words& out, const Entry& entry, std::string_view why) noexcept {
  if (entry.protocol == Protocol::binary) {
    add_line_packet(out, entry, why);
  } else {
    out.add(why);
  }
}

}  // namespace

void add_packet(Words& out, binary::Opcode opcode, std::uint32_t opaque, Status status,
                std::string_view text) noexcept {
  binary::Answer answer;
  answer.opcode = opcode;
  answer.opaque = opaque;
  answer.status = status;
  answer.rest_bytes = static_cast<std::uint32_t>(text.size());
  out.add(binary::AnswerFront(answer).view());
  out.add(text);
}

void add_value_head(Words& out, const Entry& entry, std::string_view key,
                    const text::ReplyEvent& header) noexcept {
  if (entry.protocol == Protocol::binary) {
    out.add(binary::value_front(entry.opcode, entry.opaque, key, header).view());
    return;
  }
  if (entry.protocol == Protocol::meta) {
    meta::show_value_head(adder(out), entry.meta_command(), header.value_bytes, header.bytes);
    return;
  }
  out.add("VALUE ");
  out.add(key);
  out.add(" ");
  out.add(header.client_flags);
  out.add(" ");
  out.add(text::Digits(header.value_bytes).view());
  if (header.has_cas) {
    out.add(" ");
    out.add(header.cas_unique);
  }
  out.add("\r\n");
}

std::string_view end_of_value(const Entry& entry) noexcept {
  return entry.protocol == Protocol::binary ? "" : "\r\n";
}

void add_miss(Words& out, const Entry& entry) noexcept {
  if (entry.protocol == Protocol::meta) {
    add_meta_status(out, entry, "EN");
  } else if (entry.protocol == Protocol::binary &&
             !binary::is_hidden(entry.opcode, Status::not_found)) {
    const binary::MissAnswer answer(entry.opcode, entry.opaque, entry.key(0));
    out.add(answer.front());
    out.add(answer.text());
  }
}

void add_line(Words& out, const Entry& entry, std::string_view line) noexcept {
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

void add_not_found(Words& out, const Entry& entry) noexcept {
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

void add_failure(Words& out, const Entry& entry, std::string_view why) noexcept {
  if (text::is_retrieval(entry.verb)) {
    add_miss(out, entry);
  } else if (!text::is_storage(entry.verb)) {
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
  return entry.protocol != Protocol::meta || meta::may_answer(entry.meta_command(), line);
}

bool is_miss_line(const Entry& entry, std::string_view line) noexcept {
  return entry.protocol == Protocol::meta && line.starts_with("EN") && meta::is_status(line);
}

}  // namespace ringfence::shim::preload
