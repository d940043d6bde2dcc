// The mesh's own parts, for its sources alone. See mesh.hpp.
#pragma once

#include <uv.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/connection.hpp"
#include "agent/mesh/dialler.hpp"
#include "agent/mesh/hello.hpp"
#include "agent/mesh/listener.hpp"
#include "agent/mesh/mesh.hpp"
#include "agent/mesh/refusal_log.hpp"

namespace ringfence::agent::mesh {

class MeshImpl final : public Mesh, public ConnectionOwner, public DiallerOwner {
 public:
  MeshImpl(uv_loop_t* loop, MeshSettings settings, Self self, MeshEvents& events,
           std::unique_ptr<TlsContext> tls, std::pair<std::uint64_t, std::uint64_t> chance);
  [[nodiscard]] Status open();

  bool send(core::AgentId to, Channel channel, std::string_view bytes) override;
  void dial(const std::vector<std::string>& addresses) override;
  [[nodiscard]] std::vector<PeerReport> peers() const override;
  [[nodiscard]] std::uint16_t listen_port() const override;
  void close(std::function<void()> done) override;

 private:
  void on_hello(Connection& connection, const DecodedHello& decoded) override;
  void on_welcome(Connection& connection) override;
  void on_frame(Connection& connection, Channel channel, std::string bytes) override;
  void on_ended(Connection& connection, EndKind kind, const std::string& why) override;
  void on_dirty(Connection& connection) override;
  void on_dial(std::uint64_t target, const SocketAddress& to) override;
  void on_dropped(std::uint64_t target) override;
  [[nodiscard]] bool is_up(core::AgentId id) const override;

  // mesh_peers.cpp: who is kept
  [[nodiscard]] Hello own_hello() const;
  [[nodiscard]] std::optional<Refusal> judge(const Connection& connection,
                                             const DecodedHello& decoded) const;
  void refuse(Connection& connection, Refusal reason);
  void take_up(Connection& connection);
  void take_down(core::AgentId id, const std::string& why);
  void remember(const PeerHello& peer);
  [[nodiscard]] bool decides(core::AgentId other) const { return self_.id < other; }

  void on_connection(uv_stream_t* listener);
  void make_room();
  Connection& add(Side side, std::uint64_t target);
  void forget(Connection& connection);
  void flush();
  void tick();
  void log(LogLevel level, const std::string& line) const;
  void log_refusal(const std::string& remote, const std::string& reason);

  MeshSettings settings_;
  Self self_;
  MeshEvents& events_;
  std::uint64_t nonce_;
  StreamContext context_;
  Dialler dialler_;
  Listener* listener_ = nullptr;
  uv_prepare_t flusher_{};
  uv_timer_t ticker_{};
  std::int64_t ticked_ns_ = 0;
  bool is_closed_ = false;
  std::function<void()> on_closed_;

  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> over_;  // freed outside of their calls
  std::vector<Connection*> dirty_;
  std::map<core::AgentId, Connection*> up_;
  std::map<core::AgentId, core::Incarnation> seen_;  // the newest life of each
  std::map<core::AgentId, std::string> down_why_;    // of those that were up
  RefusalLog refusals_;
};

}  // namespace ringfence::agent::mesh
