// A short piece of a reply to a client, in whichever protocol: all but values. No allocation; the
// caller's.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "shim/text/reply.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim {

// What does not fit is left out, which nothing comes to: a backend's line and a key are bounded by
// their parsers.
class ReplyText {
 public:
  void add(std::string_view part) noexcept {
    const std::size_t fitting = part.size() < room() ? part.size() : room();
    part.copy(text_.data() + size_, fitting);
    size_ += fitting;
  }
  void clear() noexcept { size_ = 0; }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  [[nodiscard]] std::size_t room() const noexcept { return text_.size() - size_; }

  std::array<char, text::reply_line_bytes_max + 2 * key_bytes_max + 64> text_;
  std::size_t size_ = 0;
};

}  // namespace ringfence::shim
