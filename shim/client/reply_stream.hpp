// What has arrived on one connection, as events: a value's head, a whole value, a line. Small
// values are handed out where they were received; one that does not fit the buffer goes straight to
// a place of the reader's choice.
//
// Owns the receive buffer, allocated once; does no I/O. One thread at a time. A backend is hostile
// input: whatever does not parse is a violation, after which the connection is of no more use.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "shim/text/expected_value.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::shim::client {

// Bytes of the receive buffer: a hundred values of a hundred bytes, and one receive's fill on
// loopback. A value larger than this is received into its destination.
inline constexpr std::size_t receive_buffer_bytes = std::size_t{32} * 1024;

enum class ReplyPart : std::uint8_t {
  need_more,  // receive, then ask again
  header,     // header() tells whose value follows
  value,      // value() is whole
  end,        // END
  line,       // line(): the reply's only line, an error line too
  violation,
};

struct ValueHeader {
  std::string_view key;  // as on the wire; in the buffer, until the next call of next()
  std::uint64_t cas = 0;
  std::uint32_t flags = 0;
  std::uint32_t bytes = 0;
};

class ReplyStream {
 public:
  ReplyStream();

  [[nodiscard]] ReplyPart next(text::ReplyShape shape) noexcept;
  // The quick way through what is most often next: takes the whole value of `wire_key`.
  // False: nothing was taken, ask next().
  [[nodiscard]] bool take_value_of(std::string_view wire_key) noexcept {
    if (parser_.is_inside_value()) return false;
    const text::ExpectedValue found = text::find_expected_value(buffered(), wire_key);
    if (found.consumed_bytes == 0) return false;
    header_.cas = found.cas;
    header_.flags = found.flags;
    header_.bytes = static_cast<std::uint32_t>(found.value.size());
    value_ = found.value;
    begin_ += found.consumed_bytes;
    return true;
  }
  // The same for the END behind it.
  [[nodiscard]] bool take_end() noexcept {
    constexpr std::string_view end = "END\r\n";
    if (!buffered().starts_with(end)) return false;
    begin_ += end.size();
    return true;
  }
  [[nodiscard]] const ValueHeader& header() const noexcept { return header_; }
  [[nodiscard]] std::string_view value() const noexcept { return value_; }
  [[nodiscard]] std::string_view line() const noexcept { return line_; }

  // After `header`: the value must be gathered elsewhere, in header().bytes bytes.
  [[nodiscard]] bool needs_place() const noexcept;
  void gather_into(char* place) noexcept { place_ = place; }

  // Where the next bytes go: at most two pieces; returns their count. Then how many came.
  [[nodiscard]] int room(std::array<iovec, 2>& pieces) noexcept;
  void received(std::size_t count) noexcept;

  [[nodiscard]] bool has_bytes() const noexcept { return begin_ != end_; }
  [[nodiscard]] bool is_between_replies() const noexcept {
    return begin_ == end_ && !parser_.is_inside_value();
  }

 private:
  [[nodiscard]] ReplyPart take_header(const text::ReplyEvent& event) noexcept;
  [[nodiscard]] ReplyPart next_of_value() noexcept;
  [[nodiscard]] ReplyPart finish_value() noexcept;
  void compact() noexcept;
  [[nodiscard]] std::string_view buffered() const noexcept {
    return {buffer_.get() + begin_, end_ - begin_};
  }

  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  text::ReplyParser parser_;
  ValueHeader header_;
  std::string_view value_;
  std::string_view line_;
  char* place_ = nullptr;             // where the current value is gathered; null: in the buffer
  std::uint32_t gathered_bytes_ = 0;  // of it, there
};

}  // namespace ringfence::shim::client
