// The port on which others reach this agent. Accepts and hands over; decides nothing.
// The loop's thread alone. Deletes itself once libuv has let go of it.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <string>

#include "agent/mesh/stream.hpp"

namespace ringfence::agent::mesh {

class Listener {
 public:
  using OnConnection = std::function<void(uv_stream_t* listener)>;
  // `address` is "ip:port"; an IPv6 wildcard takes IPv4 as well.
  [[nodiscard]] static Result<Listener*> open(StreamContext& context, const std::string& address,
                                              OnConnection on_connection);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Nothing is handed over after this.
  void close();

 private:
  Listener(StreamContext& context, OnConnection on_connection);
  ~Listener() = default;
  [[nodiscard]] int listen(const SocketAddress& address);

  StreamContext& context_;
  OnConnection on_connection_;
  uv_tcp_t tcp_{};
  std::uint16_t port_ = 0;
};

}  // namespace ringfence::agent::mesh
