// What has arrived from one backend, or from the agent, and how far it has been read. Pure; the
// receiving side of its session.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "shim/binary/reply.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::shim::preload {

// One receive: some 100 answers of 100 bytes. Larger values go past it.
inline constexpr std::size_t inbox_bytes = std::size_t{16} * 1024;

class Inbox {
 public:
  [[nodiscard]] std::string_view view() const noexcept {
    return {bytes_.get() + begin_, end_ - begin_};
  }
  [[nodiscard]] bool is_empty() const noexcept { return begin_ == end_; }
  void consume(std::size_t count) noexcept {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Where the next receive may write. False: no memory, or no room, which no answer needs.
  [[nodiscard]] bool prepare() noexcept {
    if (bytes_ == nullptr) bytes_.reset(new (std::nothrow) char[inbox_bytes]);
    if (bytes_ == nullptr) return false;
    if (begin_ > 0 && end_ == inbox_bytes) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    return end_ < inbox_bytes;
  }
  [[nodiscard]] char* free_begin() const noexcept { return bytes_.get() + end_; }
  [[nodiscard]] std::size_t free_bytes() const noexcept { return inbox_bytes - end_; }
  void received(std::size_t count) noexcept { end_ += count; }
  void append(std::string_view bytes) noexcept {
    if (!prepare()) return;
    const std::size_t count = bytes.size() < free_bytes() ? bytes.size() : free_bytes();
    std::memcpy(free_begin(), bytes.data(), count);
    received(count);
  }

  // No byte will come any more: what is here is all.
  bool is_ended = false;
  // Between answers, as far as they were read: nothing is left over.
  [[nodiscard]] bool is_clean() const noexcept {
    return is_empty() && !is_ended && !text.is_inside_value() && !packets.is_inside_value();
  }

  text::ReplyParser text;
  binary::ReplyParser packets;

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace ringfence::shim::preload
