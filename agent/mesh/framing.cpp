#include "agent/mesh/framing.hpp"

#include <algorithm>

#include "agent/core/bytes.hpp"

namespace ringfence::agent::mesh {
namespace {

constexpr std::uint8_t flag_more = 1;
constexpr auto message_base = static_cast<std::uint8_t>(FrameKind::message);

void append_header(std::string& out, std::size_t length, std::uint8_t kind, std::uint8_t flags) {
  core::ByteWriter header;
  header.u32(static_cast<std::uint32_t>(length));
  header.u8(kind);
  header.u8(flags);
  header.u16(0);
  out += header.bytes();
}

}  // namespace

std::string_view describe(FrameError error) {
  switch (error) {
    case FrameError::none:
      return "no error";
    case FrameError::unknown_kind:
      return "a frame of an unknown kind";
    case FrameError::bad_header:
      return "a frame whose header makes no sense";
    case FrameError::too_long:
      return "an oversized frame";
    case FrameError::out_of_place:
      break;
  }
  return "a frame out of place";
}

std::size_t FrameReader::held_bytes() const {
  std::size_t bytes = control_.capacity();
  for (const std::string& message : messages_) bytes += message.capacity();
  return bytes;
}

std::string& FrameReader::place() {
  return is_message() ? messages_[kind_ - message_base - 1U] : control_;
}

bool FrameReader::take_header(std::string_view& input) {
  const std::size_t taken = std::min(input.size(), frame_header_bytes - header_have_);
  std::copy_n(input.data(), taken, header_.data() + header_have_);
  input.remove_prefix(taken);
  header_have_ += taken;
  if (header_have_ < frame_header_bytes) return false;
  core::ByteReader reader(std::string_view(header_.data(), header_.size()));
  length_ = left_ = reader.u32();
  kind_ = reader.u8();
  flags_ = reader.u8();
  zeros_ = reader.u16();
  return true;
}

std::size_t FrameReader::bytes_max() const {
  switch (static_cast<FrameKind>(kind_)) {
    case FrameKind::hello:
      return hello_bytes_max;
    case FrameKind::welcome:
      return 0;
    case FrameKind::refusal:
      return 1;
    case FrameKind::ping:
    case FrameKind::pong:
      return sizeof(std::uint64_t);
    case FrameKind::message:
      break;
  }
  return fragment_bytes_max;
}

FrameError FrameReader::judge_header() const {
  const bool is_control = kind_ >= static_cast<std::uint8_t>(FrameKind::hello) &&
                          kind_ <= static_cast<std::uint8_t>(FrameKind::pong);
  if (!is_control && !(is_message() && kind_ <= message_base + channel_count)) {
    return FrameError::unknown_kind;
  }
  if (zeros_ != 0 || flags_ > flag_more) return FrameError::bad_header;
  // A fragment that brings nothing and promises more would cost us for nothing.
  if (flags_ == flag_more && (is_control || length_ == 0)) return FrameError::bad_header;
  if (length_ > bytes_max()) return FrameError::too_long;
  const auto kind = static_cast<FrameKind>(kind_);
  if (kind != FrameKind::refusal && (kind == FrameKind::hello) == is_open_) {
    return FrameError::out_of_place;
  }
  if (!is_message()) return FrameError::none;
  const std::string& begun = messages_[kind_ - message_base - 1U];
  return begun.size() + length_ > message_bytes_max_ ? FrameError::too_long : FrameError::none;
}

FrameReader::Step FrameReader::next(std::string_view& input, Frame& frame) {
  while (error_ == FrameError::none) {
    if (header_have_ < frame_header_bytes) {
      if (!take_header(input)) return Step::need_more;
      error_ = judge_header();
      if (error_ != FrameError::none) break;
    }
    const std::size_t taken = std::min<std::size_t>(input.size(), left_);
    place().append(input.data(), taken);
    input.remove_prefix(taken);
    left_ -= static_cast<std::uint32_t>(taken);
    if (left_ != 0) return Step::need_more;
    header_have_ = 0;
    if (flags_ == flag_more) continue;
    frame.kind = is_message() ? FrameKind::message : static_cast<FrameKind>(kind_);
    frame.channel = is_message() ? static_cast<std::uint8_t>(kind_ - message_base) : 0;
    frame.bytes = std::move(place());
    place() = std::string();
    return Step::frame;
  }
  return Step::failed;
}

void append_frame(std::string& out, FrameKind kind, std::string_view bytes) {
  append_header(out, bytes.size(), static_cast<std::uint8_t>(kind), 0);
  out += bytes;
}

bool SendQueue::push(std::uint8_t channel, std::string_view bytes) {
  const std::size_t counted = bytes.size() + frame_header_bytes;
  if (bytes_ + counted > bytes_max_) return false;
  bytes_ += counted;
  lanes_[channel - 1U].messages.emplace_back(bytes);
  return true;
}

void SendQueue::take_fragment(std::string& out, std::uint8_t channel) {
  Lane& lane = lanes_[channel - 1U];
  const std::string& message = lane.messages.front();
  const std::size_t length = std::min(message.size() - lane.taken_bytes, fragment_bytes_max);
  const bool has_more = lane.taken_bytes + length < message.size();
  append_header(out, length, static_cast<std::uint8_t>(message_base + channel),
                has_more ? flag_more : 0);
  out.append(message, lane.taken_bytes, length);
  lane.taken_bytes += length;
  bytes_ -= length;
  if (has_more) return;
  bytes_ -= frame_header_bytes;
  lane.messages.pop_front();
  lane.taken_bytes = 0;
}

void SendQueue::take(std::string& out, std::size_t wanted_bytes) {
  out += control_;
  control_.clear();
  while (bytes_ != 0 && out.size() < wanted_bytes) {
    turn_ = static_cast<std::uint8_t>((turn_ + 1) % channel_count);
    if (!lanes_[turn_].messages.empty()) take_fragment(out, static_cast<std::uint8_t>(turn_ + 1));
  }
}

}  // namespace ringfence::agent::mesh
