// How much a simulated fleet says: when nothing happens, and for one change. What goes over the
// mesh's channel `core`, without TLS and frames; engines of three or five voters add to it.
#include "tests/sim/fleet.hpp"

namespace ringfence::sim {
namespace {

constexpr Duration forming = 20_s;
constexpr Duration idle = 10_s;
constexpr Duration change = 2_s;  // longer than any message is under way
constexpr std::uint64_t ns_per_s = 1'000'000'000;

}  // namespace

FleetTraffic Fleet::traffic_within(Duration time) {
  const std::uint64_t messages = mesh_.message_count();
  const std::uint64_t bytes = mesh_.byte_count();
  const Instant end = now() + time;
  while (schedule_.step(end)) {
  }
  return {mesh_.message_count() - messages, mesh_.byte_count() - bytes};
}

std::optional<TrafficFigures> Fleet::measure_traffic() {
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    after(between(1_ms, 300_ms), [this, host] { start_agent(host); });
  }
  (void)traffic_within(forming);
  const FleetTraffic idling = traffic_within(idle);
  const Realm* realm = main_realm();
  if (realm == nullptr || !realm->engine.leader().has_value()) return std::nullopt;
  const auto leader = host_of(*realm->engine.leader());
  if (!leader.has_value()) return std::nullopt;
  const std::uint64_t before = epoch();
  give(*leader, BackendAddAsked{RequestId{++last_id_}, pool_.name, backends_[0].address, 2, "who"});
  const FleetTraffic changing = traffic_within(change);
  for (const Host& host : hosts_) {
    const bool is_there = host.segment->view != nullptr &&
                          host.segment->view->epoch.value == before + 1 &&
                          host.segment->view->agents.size() == hosts_.size();
    if (!is_there) return std::nullopt;
  }
  const std::uint64_t idle_s = static_cast<std::uint64_t>(idle.ns) / ns_per_s;
  const std::uint64_t change_s = static_cast<std::uint64_t>(change.ns) / ns_per_s;
  const auto less_idle = [&](std::uint64_t in_all, std::uint64_t while_idle) {
    const std::uint64_t rest = while_idle / idle_s * change_s;
    return in_all > rest ? in_all - rest : 0;
  };
  return TrafficFigures{
      {idling.messages / idle_s, idling.bytes / idle_s},
      {less_idle(changing.messages, idling.messages), less_idle(changing.bytes, idling.bytes)}};
}

}  // namespace ringfence::sim
