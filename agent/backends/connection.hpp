// One stream to one backend over TCP or a unix socket: connect (names resolved off the loop), send,
// receive, close. It knows no protocol and decides nothing.
// Runs on the loop's thread only. A connection deletes itself once libuv has let go of it.
#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "agent/backends/endpoint.hpp"

namespace ringfence::agent::backends {

// What all connections of one watcher share; it must outlive them (see live_count).
struct ConnectionContext {
  uv_loop_t* loop = nullptr;
  // Replies are consumed before the read callback returns, so one buffer serves all.
  std::array<char, 16384> read_buffer{};
  std::size_t live_count = 0;
  std::function<void()> on_none_left;  // called whenever live_count falls to 0
};

class ConnectionEvents {
 public:
  virtual void on_connected(const SocketAddress& resolved) = 0;
  virtual void on_bytes(std::string_view bytes) = 0;
  // The connection failed or ended; it is already closing and is not to be used again.
  virtual void on_failed(const std::string& why) = 0;

 protected:
  ~ConnectionEvents() = default;
};

class Connection {
 public:
  // Starts to connect. Events come later, never from inside open().
  // `known` (family AF_UNSPEC: none) spares a name's resolution.
  static Connection* open(ConnectionContext& context, ConnectionEvents& events,
                          const Endpoint& endpoint, const SocketAddress& known);
  // Sends all of `bytes`, now or when the kernel takes them.
  void send(std::string_view bytes);
  // Once connected: whether the other end is on this very host.
  [[nodiscard]] bool is_local() const;
  // No event comes after this.
  void close();

 private:
  Connection(ConnectionContext& context, ConnectionEvents& events, const Endpoint& endpoint);
  ~Connection();
  void resolve();
  void connect(const SocketAddress& address);
  void start_reading();
  void fail(const std::string& why);
  void fail_later(int uv_status);
  void release();

  ConnectionContext& context_;
  ConnectionEvents* events_;  // null once closed
  Endpoint endpoint_;
  SocketAddress resolved_;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv_{};
  uv_connect_t connect_request_{};
  uv_getaddrinfo_t resolve_request_{};
  bool is_resolving_ = false;      // libuv still holds resolve_request_
  bool is_failing_later_ = false;  // a turn of the loop will still report a refusal
  bool is_handle_closed_ = false;
};

}  // namespace ringfence::agent::backends
