// Which connection of a pair is kept, who is refused, and who is up.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "agent/mesh/mesh_impl.hpp"

namespace ringfence::agent::mesh {
namespace {

// Lives that are remembered of agents that are gone; a fleet is smaller.
constexpr std::size_t seen_count_max = 4096;

// Connections of one agent that wait for its welcome: one for each of its names for us is plenty.
constexpr std::ptrdiff_t waiting_count_max = 16;

}  // namespace

Hello MeshImpl::own_hello() const {
  Hello hello;
  hello.nonce = nonce_;
  hello.cluster = self_.cluster;
  hello.peer = PeerHello{self_.id, self_.incarnation, self_.name, self_.address};
  return hello;
}

bool MeshImpl::is_up(core::AgentId id) const {
  return up_.count(id) != 0;
}

std::optional<Refusal> MeshImpl::judge(const Connection& connection,
                                       const DecodedHello& decoded) const {
  if (decoded.refusal) return decoded.refusal;
  if (const auto refusal = judge_hello(own_hello(), decoded.hello)) return refusal;
  const PeerHello& peer = connection.peer();
  const auto seen = seen_.find(peer.id);
  if (seen != seen_.end() && peer.incarnation < seen->second) return Refusal::old_incarnation;
  const auto is_waiting_too = [&](const auto& other) {
    return other->stage() == Connection::Stage::waiting && other->peer().id == peer.id;
  };
  const auto waiting_count =
      std::count_if(connections_.begin(), connections_.end(), is_waiting_too);
  if (waiting_count > waiting_count_max) return Refusal::full;
  const auto live = up_.find(peer.id);
  if (live == up_.end()) {
    return up_.size() >= settings_.peer_count_max ? std::optional(Refusal::full) : std::nullopt;
  }
  // The other side may have lost it and we not know yet: then ours falls silent, and it dials
  // again.
  const bool is_same_life = live->second->peer().incarnation == peer.incarnation;
  if (is_same_life && decides(peer.id)) return Refusal::duplicate;
  return std::nullopt;
}

void MeshImpl::on_hello(Connection& connection, const DecodedHello& decoded) {
  // Who dialled has greeted already; who was dialled does so now, also where it will refuse.
  if (connection.side() == Side::acceptor) connection.send_hello(encode_hello(own_hello()));
  const std::optional<Refusal> refusal = judge(connection, decoded);
  const bool is_peer = !refusal || *refusal == Refusal::duplicate;
  const core::AgentId id = connection.peer().id;
  if (is_peer && connection.target() != 0) {
    dialler_.led_to(connection.target(), id);
    if (is_up(id)) events_.on_peer_addresses(id, dialler_.addresses_of(id));
    if (is_closed_) return;
  }
  if (refusal) return refuse(connection, *refusal);
  if (!decides(id)) return;  // the other side does, and says so
  connection.welcome();
  take_up(connection);
}

void MeshImpl::on_welcome(Connection& connection) {
  const bool is_awaited =
      connection.stage() == Connection::Stage::waiting && !decides(connection.peer().id);
  if (is_awaited) {
    // Others may have come up while this one waited.
    const bool has_room = is_up(connection.peer().id) || up_.size() < settings_.peer_count_max;
    return has_room ? take_up(connection) : refuse(connection, Refusal::full);
  }
  connection.close();
  on_ended(connection, EndKind::refused, "a welcome that nobody waits for");
}

void MeshImpl::refuse(Connection& connection, Refusal reason) {
  const std::uint64_t target = connection.target();
  const std::string why(describe(reason));
  connection.refuse(reason);
  if (reason == Refusal::oneself) {
    const std::string address = dialler_.address_of(target);
    if (target != 0 && dialler_.self(target)) events_.on_self_dialled(address);
    return;
  }
  if (target != 0) static_cast<void>(dialler_.failed(target, why));
  if (reason == Refusal::duplicate || is_closed_) return;
  log_refusal(connection.remote(), why);
}

void MeshImpl::take_up(Connection& connection) {
  const PeerHello peer = connection.peer();
  const auto live = up_.find(peer.id);
  if (live != up_.end()) {
    Connection& former = *live->second;
    const bool is_new_life = former.peer().incarnation < peer.incarnation;
    former.close();
    forget(former);
    take_down(peer.id, is_new_life ? "it has started again" : "it has connected anew");
    if (is_closed_ || connection.stage() != Connection::Stage::waiting) return;
  }
  connection.set_up();
  up_[peer.id] = &connection;
  remember(peer);
  down_why_.erase(peer.id);
  if (connection.target() != 0) dialler_.succeeded(connection.target());
  events_.on_peer_up(peer, dialler_.addresses_of(peer.id));
}

void MeshImpl::take_down(core::AgentId id, const std::string& why) {
  up_.erase(id);
  if (down_why_.size() < seen_count_max) down_why_[id] = why;
  dialler_.peer_down(id, why);
  events_.on_peer_down(id, why);
}

void MeshImpl::remember(const PeerHello& peer) {
  if (seen_.size() >= seen_count_max && seen_.count(peer.id) == 0) {
    for (auto at = seen_.begin(); at != seen_.end(); ++at) {
      if (is_up(at->first)) continue;
      seen_.erase(at);
      break;
    }
  }
  seen_[peer.id] = peer.incarnation;
}

void MeshImpl::on_frame(Connection& connection, Channel channel, std::string bytes) {
  events_.on_message(connection.peer().id, channel, std::move(bytes));
}

void MeshImpl::on_ended(Connection& connection, EndKind kind, const std::string& why) {
  const std::uint64_t target = connection.target();
  const std::string remote = connection.remote();
  const core::AgentId id = connection.peer().id;
  const auto live = up_.find(id);
  const bool was_up = live != up_.end() && live->second == &connection;
  forget(connection);
  if (kind == EndKind::refused && (was_up || target == 0)) log_refusal(remote, why);
  if (was_up) return take_down(id, why);
  if (target == 0) return;
  const std::string address = dialler_.address_of(target);
  if (!dialler_.failed(target, why) || kind == EndKind::duplicate) return;
  log(LogLevel::warning, fmt::format("mesh: {}: {}; trying again", address, why));
}

std::vector<PeerReport> MeshImpl::peers() const {
  const auto now_ns = static_cast<std::int64_t>(uv_hrtime());
  std::vector<PeerReport> reports;
  for (const auto& [id, connection] : up_) {
    PeerReport report;
    connection->report(report, now_ns);
    report.dialled_as = dialler_.addresses_of(id);
    reports.push_back(std::move(report));
  }
  for (const DialReport& dialled : dialler_.reports()) {
    if (dialled.is_self || is_up(dialled.led_to)) continue;
    PeerReport report;
    report.id = dialled.led_to;
    report.address = dialled.address;
    report.dialled_as = {dialled.address};
    report.is_dialled = true;
    report.last_error = dialled.error.empty() ? "not tried yet" : dialled.error;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace ringfence::agent::mesh
