// One TCP connection with its TLS: plain bytes in and out, nothing of frames. It is handed bytes
// only up to a window, so that what waits stays in the queue above it, where it is counted. The
// loop's thread alone. A stream deletes itself once libuv has let go of it.
#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "agent/mesh/address.hpp"
#include "agent/mesh/tls.hpp"

namespace ringfence::agent::mesh {

// What all streams of one mesh share; it must outlive them (see live_count).
struct StreamContext {
  StreamContext(uv_loop_t* its_loop, std::unique_ptr<TlsContext> its_tls)
      : loop(its_loop), tls(std::move(its_tls)) {}

  uv_loop_t* loop;
  std::unique_ptr<TlsContext> tls;  // null: plaintext, and both ends must be on loopback
  // Bytes are consumed before the read callback returns, so one buffer each serves all.
  std::array<char, std::size_t{64} << 10> wire_buffer{};
  std::array<char, std::size_t{32} << 10> plain_buffer{};
  std::size_t live_count = 0;
  std::function<void()> on_none_left;  // called whenever live_count falls to 0

  // Of what libuv has let go of; the last may take this context along.
  void drop_one() {
    if (--live_count != 0) return;
    const std::function<void()> told = on_none_left;
    if (told) told();
  }
};

// What a connection's end says: nothing about the other side, that it is to be refused, or that all
// is well (the pair has another connection).
enum class EndKind : std::uint8_t { lost, refused, duplicate };

class StreamEvents {
 public:
  virtual void on_secured() = 0;  // the other side has proved itself
  virtual void on_bytes(std::string_view bytes) = 0;
  virtual void on_writable() = 0;  // everything handed over so far is with the kernel
  // It failed or ended; it is closing already and is not to be used again.
  virtual void on_ended(EndKind kind, const std::string& why) = 0;

 protected:
  ~StreamEvents() = default;
};

class Stream {
 public:
  // Events come later, never from inside these two. Null: nothing could be accepted.
  [[nodiscard]] static Stream* dial(StreamContext& context, StreamEvents& events,
                                    const SocketAddress& to);
  [[nodiscard]] static Stream* accept(StreamContext& context, StreamEvents& events,
                                      uv_stream_t* listener);

  // Hands over plain bytes. Never fails from inside: on_ended comes from the loop.
  void write(std::string_view bytes);
  [[nodiscard]] bool is_writable() const { return !is_closing_ && !is_writing_; }
  // No more bytes out; what comes in is dropped until the other side ends too.
  void finish();
  // No event comes after this.
  void close();

  [[nodiscard]] const SocketAddress& remote() const { return remote_; }
  // Given to the kernel, and still waiting for it here.
  [[nodiscard]] std::uint64_t sent_bytes() const;
  [[nodiscard]] std::uint64_t waiting_bytes() const;
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }

 private:
  struct Write;
  Stream(StreamContext& context, StreamEvents& events);
  ~Stream() = default;
  [[nodiscard]] bool start(Side side);
  [[nodiscard]] bool is_allowed() const;
  void set_options();
  void on_connected(int status);
  void on_read(ssize_t count, const char* bytes);
  void take_wire(std::string_view bytes);
  void take_plain();
  void secured();
  void send_wire(std::string bytes);
  void fail(EndKind kind, const std::string& why);
  void fail_later(EndKind kind, const std::string& why);
  void release();

  StreamContext& context_;
  StreamEvents* events_;  // null once closed
  uv_tcp_t tcp_{};
  uv_connect_t connect_request_{};
  uv_shutdown_t shutdown_request_{};
  std::unique_ptr<TlsSession> tls_;
  SocketAddress remote_;
  bool is_secured_ = false;
  bool is_writing_ = false;
  bool is_finishing_ = false;
  bool is_closing_ = false;
  EndKind later_kind_{};  // told at the next turn
  std::string later_why_;
  uv_timer_t later_{};
  int open_handle_count_ = 2;
  std::uint64_t handed_bytes_ = 0, received_bytes_ = 0;
};

}  // namespace ringfence::agent::mesh
