// Start, end, and what turns with the loop. Who is kept: mesh_peers.cpp.
#include "agent/mesh/mesh.hpp"

#include <sys/random.h>

#include <algorithm>

#include "agent/mesh/mesh_impl.hpp"

namespace ringfence::agent::mesh {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
// Of pings and limits: short against peer_timeout, and 10 wake-ups a second cost nothing.
constexpr std::int64_t tick_ms = 100;
// A turn that comes later than this stood still itself, or its host did.
constexpr std::int64_t pause_ns = 3 * tick_ms * ns_per_ms;

std::int64_t now() {
  return static_cast<std::int64_t>(uv_hrtime());
}

Status check_self(const Self& self) {
  if (self.id.value == 0) return Error{"mesh: an agent's id is never 0"};
  // What this agent would send, as the others will read it.
  Hello hello;
  hello.cluster = self.cluster;
  hello.peer = PeerHello{self.id, self.incarnation, self.name, self.address};
  if (decode_hello(encode_hello(hello)).refusal) {
    return Error{"mesh: cluster, name or address of this agent is too long or not printable: \"" +
                 printable(self.cluster) + "\", \"" + printable(self.name) + "\", \"" +
                 printable(self.address) + "\""};
  }
  return Done{};
}

}  // namespace

Result<std::unique_ptr<Mesh>> Mesh::start(uv_loop_t* loop, const MeshSettings& settings,
                                          const Self& self, MeshEvents& events) {
  if (Status status = check_self(self); !status) return status.error();
  const bool has_key = !settings.key_file.empty();
  const bool has_certificates = !settings.cert_file.empty();
  if (has_key + has_certificates + settings.is_insecure != 1) {
    return Error{
        "the mesh needs mesh.key_file, or mesh.cert_file with mesh.private_key_file and "
        "mesh.ca_file, or mesh.insecure = true on loopback; one of them"};
  }
  std::unique_ptr<TlsContext> tls;
  if (!settings.is_insecure) {
    Result<std::unique_ptr<TlsContext>> made = TlsContext::make(settings, self.cluster);
    if (!made) return made.error();
    tls = std::move(made).value();
  }
  std::pair<std::uint64_t, std::uint64_t> chance;
  if (getrandom(&chance.first, sizeof chance.first, 0) != sizeof chance.first ||
      getrandom(&chance.second, sizeof chance.second, 0) != sizeof chance.second) {
    return os_error("getrandom");
  }
  auto mesh = std::make_unique<MeshImpl>(loop, settings, self, events, std::move(tls), chance);
  if (Status status = mesh->open(); !status) {
    MeshImpl* failed = mesh.release();
    failed->close([failed] { delete failed; });
    return status.error();
  }
  return std::unique_ptr<Mesh>(std::move(mesh));
}

MeshImpl::MeshImpl(uv_loop_t* loop, MeshSettings settings, Self self, MeshEvents& events,
                   std::unique_ptr<TlsContext> tls, std::pair<std::uint64_t, std::uint64_t> chance)
    : settings_(std::move(settings)),
      self_(std::move(self)),
      events_(events),
      nonce_(chance.first),
      context_(loop, std::move(tls)),
      dialler_(context_, *this, chance.second) {
  context_.on_none_left = [this] {
    if (is_closed_ && on_closed_) std::exchange(on_closed_, nullptr)();
  };
  context_.live_count += 2;
  uv_prepare_init(loop, &flusher_);
  uv_timer_init(loop, &ticker_);
  flusher_.data = ticker_.data = this;
}

Status MeshImpl::open() {
  if (!settings_.listen.empty()) {
    Result<Listener*> listener = Listener::open(
        context_, settings_.listen, [this](uv_stream_t* stream) { on_connection(stream); });
    if (!listener) return listener.error();
    listener_ = listener.value();
  }
  ticked_ns_ = now();
  uv_prepare_start(&flusher_,
                   [](uv_prepare_t* handle) { static_cast<MeshImpl*>(handle->data)->flush(); });
  uv_timer_start(
      &ticker_, [](uv_timer_t* timer) { static_cast<MeshImpl*>(timer->data)->tick(); }, tick_ms,
      tick_ms);
  return Done{};
}

void MeshImpl::close(std::function<void()> done) {
  is_closed_ = true;
  on_closed_ = std::move(done);
  up_.clear();
  while (!connections_.empty()) {
    connections_.back()->close();
    forget(*connections_.back());
  }
  dialler_.close();
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->close();
  const auto on_handle_closed = [](uv_handle_t* handle) {
    static_cast<MeshImpl*>(handle->data)->context_.drop_one();
  };
  uv_close(reinterpret_cast<uv_handle_t*>(&flusher_), on_handle_closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&ticker_), on_handle_closed);
}

std::uint16_t MeshImpl::listen_port() const {
  return listener_ == nullptr ? std::uint16_t{0} : listener_->port();
}

void MeshImpl::dial(const std::vector<std::string>& addresses) {
  if (!is_closed_) dialler_.want(addresses);
}

bool MeshImpl::send(core::AgentId to, Channel channel, std::string_view bytes) {
  const auto found = up_.find(to);
  return found != up_.end() && found->second->send(channel, bytes);
}

Connection& MeshImpl::add(Side side, std::uint64_t target) {
  connections_.push_back(std::make_unique<Connection>(*this, settings_, side, target));
  return *connections_.back();
}

// It may be in the middle of a call of its own: it is freed at the next flush.
void MeshImpl::forget(Connection& connection) {
  const auto at = std::find_if(connections_.begin(), connections_.end(),
                               [&](const auto& owned) { return owned.get() == &connection; });
  if (at == connections_.end()) return;
  over_.push_back(std::move(*at));
  *at = std::move(connections_.back());
  connections_.pop_back();
}

void MeshImpl::on_dirty(Connection& connection) {
  if (connection.is_dirty) return;
  connection.is_dirty = true;
  dirty_.push_back(&connection);
}

// Once a turn, right before the loop waits: what was sent in this turn leaves in one piece.
void MeshImpl::flush() {
  while (!dirty_.empty()) {
    const std::vector<Connection*> dirty = std::exchange(dirty_, {});
    for (Connection* connection : dirty) {
      connection->is_dirty = false;
      connection->flush();
      if (is_closed_) return;
    }
  }
  over_.clear();
}

void MeshImpl::tick() {
  const std::int64_t now_ns = now();
  const std::int64_t late_ns = now_ns - ticked_ns_;
  ticked_ns_ = now_ns;
  std::vector<Connection*> all;
  for (const auto& connection : connections_) all.push_back(connection.get());
  // An event of one may end another; none is freed before the next flush.
  for (Connection* connection : all) {
    if (late_ns > pause_ns) connection->forgive(late_ns);
    connection->tick(now_ns);
    if (is_closed_) return;
  }
  for (const std::string& line : refusals_.due(now_ns)) log(LogLevel::warning, line);
}

void MeshImpl::on_connection(uv_stream_t* listener) {
  make_room();
  Connection& connection = add(Side::acceptor, 0);
  if (connection.accept(context_, listener)) return;
  connection.close();
  forget(connection);
}

// Of those that hold a place and have proved nothing, the oldest of the address that has most of
// them goes: one stranger, however busy, keeps nobody else out.
void MeshImpl::make_room() {
  std::map<std::string, std::size_t> counts;
  std::size_t unproven_count = 0;
  for (const auto& connection : connections_) {
    if (!connection->is_unproven()) continue;
    unproven_count++;
    counts[connection->remote()]++;
  }
  if (unproven_count < settings_.unproven_count_max) return;
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  Connection* oldest = nullptr;
  for (const auto& connection : connections_) {
    const bool is_candidate = connection->is_unproven() && connection->remote() == most->first;
    if (is_candidate && (oldest == nullptr || connection->began_ns() < oldest->began_ns())) {
      oldest = connection.get();
    }
  }
  if (oldest == nullptr) return;
  log_refusal(oldest->remote(), "too many connections without a greeting");
  oldest->close();
  forget(*oldest);
}

void MeshImpl::on_dial(std::uint64_t target, const SocketAddress& to) {
  Connection& connection = add(Side::dialler, target);
  connection.dial(context_, to);
  connection.send_hello(encode_hello(own_hello()));
}

void MeshImpl::on_dropped(std::uint64_t target) {
  for (const auto& connection : connections_) {
    if (connection->target() != target || connection->stage() == Connection::Stage::up) continue;
    connection->close();
    return forget(*connection);
  }
}

void MeshImpl::log(LogLevel level, const std::string& line) const {
  if (settings_.log) settings_.log(level, line);
}

void MeshImpl::log_refusal(const std::string& remote, const std::string& reason) {
  for (const std::string& line : refusals_.note(now(), remote, reason)) {
    log(LogLevel::warning, line);
  }
}

}  // namespace ringfence::agent::mesh
