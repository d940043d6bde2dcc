// Cuts a byte stream into frames and puts fragments together; and the queue that fragments what is
// to be sent. Input is hostile: each length is judged from the header, before any byte of it is
// kept, and buffers grow only by bytes that came. Pure; one connection's, on its thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "agent/mesh/wire.hpp"

namespace ringfence::agent::mesh {

enum class FrameError : std::uint8_t {
  none,
  unknown_kind,
  bad_header,    // flags or zeros that are none
  too_long,      // a frame or message beyond its bound
  out_of_place,  // anything but a greeting before the greeting is whole, or a second one
};
[[nodiscard]] std::string_view describe(FrameError error);

struct Frame {
  FrameKind kind{};
  std::uint8_t channel = 0;  // of a message: 1 to channel_count
  std::string bytes;
};

class FrameReader {
 public:
  explicit FrameReader(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // The greeting is whole: from now on messages and pings are taken, and no second greeting.
  void open_channels() { is_open_ = true; }

  enum class Step : std::uint8_t { need_more, frame, failed };
  // Takes from the front of `input` up to the end of one frame or message. After `failed` the
  // stream is worth nothing any more.
  [[nodiscard]] Step next(std::string_view& input, Frame& frame);

  [[nodiscard]] FrameError error() const { return error_; }
  // Kept for messages that are not whole yet.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  [[nodiscard]] bool take_header(std::string_view& input);
  [[nodiscard]] FrameError judge_header() const;
  [[nodiscard]] std::size_t bytes_max() const;
  [[nodiscard]] bool is_message() const { return kind_ > static_cast<int>(FrameKind::message); }
  [[nodiscard]] std::string& place();

  std::size_t message_bytes_max_;
  bool is_open_ = false;
  FrameError error_ = FrameError::none;
  std::array<char, frame_header_bytes> header_{};
  std::size_t header_have_ = 0;
  std::uint32_t length_ = 0, left_ = 0;
  std::uint8_t kind_ = 0;
  std::uint8_t flags_ = 0;
  std::uint16_t zeros_ = 0;
  std::string control_;                              // of what is no message
  std::array<std::string, channel_count> messages_;  // begun, by channel
};

void append_frame(std::string& out, FrameKind kind, std::string_view bytes);

// Messages that wait for one peer, by channel. Fragments of the channels take turns.
class SendQueue {
 public:
  explicit SendQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // False: it does not fit; nothing was queued.
  [[nodiscard]] bool push(std::uint8_t channel, std::string_view bytes);
  // Ahead of all messages.
  void push_control(FrameKind kind, std::string_view bytes) { append_frame(control_, kind, bytes); }
  // Appends whole frames until `out` has `wanted_bytes` or more, or nothing is left.
  void take(std::string& out, std::size_t wanted_bytes);
  [[nodiscard]] bool is_empty() const { return bytes_ == 0 && control_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_ + control_.size(); }

 private:
  struct Lane {
    std::deque<std::string> messages;
    std::size_t taken_bytes = 0;  // of the first
  };
  void take_fragment(std::string& out, std::uint8_t channel);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;  // with a header for each message, so that empty ones count
  std::string control_;
  std::array<Lane, channel_count> lanes_;
  std::uint8_t turn_ = 0;
};

}  // namespace ringfence::agent::mesh
