// Agents that come, all agents that come back, and agents that have nothing to do.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/fleet/changes.hpp"
#include "shim/route.hpp"

namespace ringfence::bench {
namespace {

constexpr std::int64_t start_limit_ns = 20'000'000'000;
constexpr live::Milliseconds settling{3'000};
constexpr double kib_per_mib = 1024;

// Whether a shim that comes to this host now is served.
bool does_serve(const std::string& segment) {
  shm_layout::MappedSegment mapped;
  return mapped.open(segment.c_str()) == shm_layout::AttachVerdict::ok &&
         shim::route(mapped.reader(), "key").status == shim::RouteStatus::ok;
}

// The number behind `name` in /proc/<pid>/status.
double status_kib(pid_t pid, const std::string& name) {
  const std::string text = live::read_file("/proc/" + std::to_string(pid) + "/status");
  const std::size_t at = text.find(name + ":");
  if (at == std::string::npos) throw std::runtime_error("no " + name + " in a process's status");
  return std::strtod(text.c_str() + at + name.size() + 1, nullptr);
}

// User and system time, in seconds: fields 14 and 15 of proc(5), the second being the name.
double cpu_seconds(pid_t pid) {
  const std::string text = live::read_file("/proc/" + std::to_string(pid) + "/stat");
  const char* at = text.c_str() + text.rfind(')') + 2;
  double ticks = 0;
  for (int field = 3; field <= 15 && *at != '\0'; ++field) {
    if (field >= 14) ticks += std::strtod(at, nullptr);
    while (*at != '\0' && *at != ' ') ++at;
    while (*at == ' ') ++at;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// On all its connections to other agents.
double sent_bytes(const live::Agent& agent) {
  double sum = 0;
  const nlohmann::json peers = agent.ask("peers");
  for (const nlohmann::json& peer : peers.at("agents")) {
    sum += peer.value("sent_bytes", 0.0);
  }
  return sum;
}

}  // namespace

void measure_joins(Rig& rig, std::size_t count, Figures& figures) {
  live::Agents& agents = rig.agents();
  const std::size_t joiner = rig.joiner();
  for (std::size_t event = 0; event < count; ++event) {
    const std::int64_t start_ns = monotonic_ns();
    rig.start(joiner);  // with directories of its own, each time new
    if (!live::wait_until([&] { return does_serve(agents[joiner].segment()); },
                          live::fleet_patience, live::Milliseconds{1})) {
      throw std::runtime_error("an agent that joined does not serve");
    }
    figures.add_ms("join_serving", monotonic_ns() - start_ns);
    agents.wait_agreed(rig.size() + 1, backend_count);
    agents.terminate(joiner);
  }
}

void measure_restarts(Rig& rig, std::size_t count, Figures& figures) {
  live::Agents& agents = rig.agents();
  for (std::size_t event = 0; event < count; ++event) {
    SegmentWatch watch = rig.watch();
    watch.begin({});
    for (std::size_t i = 0; i < rig.size(); ++i) kill(agents[i].pid(), SIGKILL);
    for (std::size_t i = 0; i < rig.size(); ++i) agents.kill(i);  // collects it
    const std::int64_t start_ns = monotonic_ns();
    for (std::size_t i = 0; i < rig.size(); ++i) agents.start(i);
    const SegmentWatch::Seen seen = watch.wait_new_lives(start_limit_ns);
    figures.add_ms("restart_serving", monotonic_ns() - start_ns);
    figures.add_ms("restart_pause", seen.pause_ns);
    rig.settle();
  }
}

void measure_idleness(Rig& rig, std::size_t seconds, Figures& figures) {
  struct Usage {
    double cpu_seconds = 0, sent_bytes = 0;
  };
  live::Agents& agents = rig.agents();
  live::pass(settling);
  std::vector<Usage> before;
  std::vector<std::int64_t> from_ns;
  for (std::size_t i = 0; i < rig.size(); ++i) {
    before.push_back({cpu_seconds(agents[i].pid()), sent_bytes(agents[i])});
    from_ns.push_back(monotonic_ns());
  }
  live::pass(live::Milliseconds{1000} * static_cast<int>(seconds));
  const std::size_t leader = agents.leader();
  for (std::size_t i = 0; i < rig.size(); ++i) {
    const pid_t pid = agents[i].pid();
    const double passed = static_cast<double>(monotonic_ns() - from_ns[i]) / 1e9;
    const double cpu = 100 * (cpu_seconds(pid) - before[i].cpu_seconds) / passed;
    const double bytes = (sent_bytes(agents[i]) - before[i].sent_bytes) / passed;
    const double rss_mib = status_kib(pid, "VmRSS") / kib_per_mib;
    for (const bool is_leader : {false, true}) {
      if (is_leader && i != leader) continue;
      const std::string kind = is_leader ? "idle_leader" : "idle";
      figures.add(kind + "_cpu_percent", cpu);
      figures.add(kind + "_sent_bytes_per_second", bytes);
      figures.add(kind + "_rss_mib", rss_mib);
      figures.add(kind + "_own_rss_mib", status_kib(pid, "RssAnon") / kib_per_mib);
    }
  }
}

}  // namespace ringfence::bench
