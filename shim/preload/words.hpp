// In which words an application is told what became of its command: its protocol's, with its own
// key and opaque. What is told is decided elsewhere. Pure; any thread; no allocation.
#pragma once

#include <array>
#include <string_view>

#include "shim/preload/entry.hpp"
#include "shim/text/reply.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::preload {

// A short piece of an answer: all but values. What does not fit is left out, which nothing comes
// to: a backend's line and a key are bounded by their parsers.
class Words {
 public:
  Words() noexcept {}  // NOLINT: its bytes are written before they are read
  void add(std::string_view part) noexcept {
    const std::size_t room = bytes_.size() - size_;
    size_ += part.copy(bytes_.data() + size_, part.size() < room ? part.size() : room);
  }
  void clear() noexcept { size_ = 0; }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, text::reply_line_bytes_max + 2 * key_bytes_max + 64> bytes_;
  std::size_t size_ = 0;
};

// What stands before and behind a value's bytes.
void add_value_head(Words& out, const Entry& entry, std::string_view key,
                    const text::ReplyEvent& header) noexcept;
[[nodiscard]] std::string_view end_of_value(const Entry& entry) noexcept;
// Of one key. A classic retrieval's misses are told by leaving them out.
void add_miss(Words& out, const Entry& entry) noexcept;
// A backend's answer without a value: a line without its end, or a packet.
void add_line(Words& out, const Entry& entry, std::string_view line) noexcept;
// The truth about a delete, touch, incr or decr whose slot has a new generation.
void add_not_found(Words& out, const Entry& entry) noexcept;
// The answer that leaves clients usable: a get misses, a store was not done; a delete is never
// called done, so it is an error: `why`, a line of shim/text/port_answers.hpp.
void add_failure(Words& out, const Entry& entry, std::string_view why) noexcept;

// Whether a backend's line may be the answer. (What a classic command's may be, the parser of
// replies says.)
[[nodiscard]] bool may_answer(const Entry& entry, std::string_view line) noexcept;
// Whether it says that there is no such item.
[[nodiscard]] bool is_miss_line(const Entry& entry, std::string_view line) noexcept;

// A whole binary answer without a value.
void add_packet(Words& out, binary::Opcode opcode, std::uint32_t opaque, binary::Status status,
                std::string_view text) noexcept;

}  // namespace ringfence::shim::preload
