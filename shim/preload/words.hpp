// In which words an application is told what became of its command: its protocol's, with its own
// key and opaque. What is told is decided elsewhere. Pure; any thread; no allocation.
#pragma once

#include <string_view>

#include "shim/preload/entry.hpp"
#include "shim/reply_text.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::shim::preload {

// What stands before and behind a value's bytes.
void add_value_head(ReplyText& out, const Entry& entry, std::string_view key,
                    const text::ReplyEvent& header) noexcept;
[[nodiscard]] std::string_view end_of_value(const Entry& entry) noexcept;
// Of one key. A classic retrieval's misses are told by leaving them out.
void add_miss(ReplyText& out, const Entry& entry) noexcept;
// A backend's answer without a value: a line without its end, or a packet.
void add_line(ReplyText& out, const Entry& entry, std::string_view line) noexcept;
// The truth about a delete, touch, incr or decr whose slot has a new generation.
void add_not_found(ReplyText& out, const Entry& entry) noexcept;
// The answer that leaves clients usable, unless the pool asks for errors: a get misses, a store was
// not done; a delete is never called done, so it is an error: `why`, a line of
// shim/text/port_answers.hpp. (A classic retrieval's failure stands in place of its END.)
void add_failure(ReplyText& out, const Entry& entry, std::string_view why) noexcept;
// Why an answer may not be believed that came under such a ticket.
[[nodiscard]] std::string_view reason_of(TicketStatus status) noexcept;
// What the pool wants of failures.
[[nodiscard]] shm_layout::AnswerWord answers_of(const Entry& entry) noexcept;

// Whether a backend's line, or its value with this header, may be the answer; if not, the two are
// out of step. (A packet's opcode and opaque have said so already, and a retrieval's keys do.)
[[nodiscard]] bool may_answer(const Entry& entry, std::string_view line) noexcept;
[[nodiscard]] bool may_answer_value(const Entry& entry, const text::ReplyEvent& header) noexcept;
// Whether it says that there is no such item, or is the agent's error about a quiet binary get,
// which it saw as a loud one: the application is told a miss, which means nothing.
[[nodiscard]] bool is_miss_line(const Entry& entry, std::string_view line) noexcept;

}  // namespace ringfence::shim::preload
