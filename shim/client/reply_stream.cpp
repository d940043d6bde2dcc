#include "shim/client/reply_stream.hpp"

#include <algorithm>
#include <cstring>

namespace ringfence::shim::client {

using text::ReplyEvent;
using text::ReplyEventKind;
using text::ReplyShape;

namespace {

constexpr std::size_t crlf_bytes = 2;

}  // namespace

ReplyStream::ReplyStream()
    : buffer_(std::make_unique_for_overwrite<char[]>(receive_buffer_bytes)) {}

ReplyPart ReplyStream::next(ReplyShape shape) noexcept {
  if (parser_.is_inside_value()) return next_of_value();
  if (begin_ == end_) return ReplyPart::need_more;
  const ReplyEvent event = parser_.next(shape, buffered());
  begin_ += event.consumed_bytes;
  switch (event.kind) {
    case ReplyEventKind::need_more:
      return ReplyPart::need_more;
    case ReplyEventKind::value_header:
      return take_header(event);
    case ReplyEventKind::end:
      return ReplyPart::end;
    case ReplyEventKind::line:
      line_ = event.bytes;
      return ReplyPart::line;
    case ReplyEventKind::value_bytes:
    case ReplyEventKind::value_done:
    case ReplyEventKind::stat:
    case ReplyEventKind::violation:
      break;
  }
  return ReplyPart::violation;
}

ReplyPart ReplyStream::take_header(const ReplyEvent& event) noexcept {
  header_.key = event.key;
  header_.bytes = event.value_bytes;
  header_.flags = static_cast<std::uint32_t>(event.flags_number);  // memcached keeps 32 bits
  header_.cas = event.cas_number;
  place_ = nullptr;
  gathered_bytes_ = 0;
  return ReplyPart::header;
}

bool ReplyStream::needs_place() const noexcept {
  return header_.bytes + crlf_bytes > receive_buffer_bytes;
}

ReplyPart ReplyStream::next_of_value() noexcept {
  if (place_ == nullptr) {
    if (end_ - begin_ < header_.bytes + crlf_bytes) return ReplyPart::need_more;
    value_ = {buffer_.get() + begin_, header_.bytes};
    if (!parser_.skip_whole_value(buffered())) return ReplyPart::violation;
    begin_ += header_.bytes + crlf_bytes;
    return ReplyPart::value;
  }
  // What is in the buffer goes to its place; the rest is received there.
  if (gathered_bytes_ < header_.bytes && begin_ != end_) {
    const ReplyEvent event = parser_.next(ReplyShape::values, buffered());
    std::memcpy(place_ + gathered_bytes_, event.bytes.data(), event.bytes.size());
    gathered_bytes_ += static_cast<std::uint32_t>(event.bytes.size());
    begin_ += event.consumed_bytes;
  }
  if (gathered_bytes_ < header_.bytes) return ReplyPart::need_more;
  value_ = {place_, header_.bytes};
  return finish_value();
}

// The closing CRLF.
ReplyPart ReplyStream::finish_value() noexcept {
  const ReplyEvent event = parser_.next(ReplyShape::values, buffered());
  if (event.kind == ReplyEventKind::need_more) return ReplyPart::need_more;
  if (event.kind != ReplyEventKind::value_done) return ReplyPart::violation;
  begin_ += event.consumed_bytes;
  return ReplyPart::value;
}

void ReplyStream::compact() noexcept {
  if (begin_ != end_ && begin_ != 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  }
  end_ -= begin_;
  begin_ = 0;
}

int ReplyStream::room(std::array<iovec, 2>& pieces) noexcept {
  compact();
  int count = 0;
  if (parser_.is_inside_value() && place_ != nullptr && gathered_bytes_ < header_.bytes) {
    pieces[count++] = {place_ + gathered_bytes_, header_.bytes - gathered_bytes_};
  }
  pieces[count++] = {buffer_.get() + end_, receive_buffer_bytes - end_};
  return count;
}

void ReplyStream::received(std::size_t count) noexcept {
  if (parser_.is_inside_value() && place_ != nullptr && gathered_bytes_ < header_.bytes) {
    const auto placed =
        static_cast<std::uint32_t>(std::min<std::size_t>(count, header_.bytes - gathered_bytes_));
    // The parser counts what it has seen, wherever it lies.
    (void)parser_.next(ReplyShape::values, {place_ + gathered_bytes_, placed});
    gathered_bytes_ += placed;
    count -= placed;
  }
  end_ += count;
}

}  // namespace ringfence::shim::client
