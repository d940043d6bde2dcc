#include "bench/port/rig.hpp"

#include <unistd.h>

#include <stdexcept>

#include "bench/port/process_cost.hpp"
#include "tests/live/support/wait.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t memcached_count = 4;
constexpr const char* memcached_mib = "512";  // nothing is evicted
constexpr const char* twemproxy_path = "/usr/sbin/nutcracker";
constexpr std::string_view port_thread = "port-io";  // agent/port/io_thread.cpp

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

// As its documentation advises for a cache; the time-out is the port's own. Its default size of
// mbufs, 16 KiB.
std::string twemproxy_settings(std::uint16_t port, const std::vector<std::string>& servers) {
  std::string text = "bench:\n  listen: 127.0.0.1:" + std::to_string(port) +
                     "\n  hash: fnv1a_64\n  distribution: ketama\n  timeout: 1000\n"
                     "  backlog: 1024\n  preconnect: true\n  auto_eject_hosts: true\n"
                     "  server_failure_limit: 3\n  server_retry_timeout: 2000\n  servers:\n";
  for (const std::string& server : servers) text += "   - " + server + ":1\n";
  return text;
}

}  // namespace

Rig::Rig() {
  for (std::size_t i = 0; i < memcached_count; ++i) {
    memcacheds_.emplace_back(std::vector<std::string>{"-m", memcached_mib});
  }
  const std::vector<std::string> servers = live::addresses_of(memcacheds_);
  const std::uint16_t twemproxy_port = live::free_port();
  start_twemproxy(twemproxy_port);

  live::AgentSettings settings;
  settings.backends = servers;
  agent_ = std::make_unique<live::Agent>(settings);
  agent_->wait_ready();
  if (thread_count(agent_->pid(), port_thread) != 1) {
    throw std::runtime_error("the agent should have one thread named port-io");
  }

  std::vector<std::uint16_t> server_ports;
  server_ports.reserve(servers.size());
  for (const std::string& server : servers) server_ports.push_back(port_of(server));
  contenders_ = {{"direct", server_ports, 0, {}},
                 {"twemproxy", {twemproxy_port}, twemproxy_->pid(), "nutcracker"},
                 {"ringfence", {port_of(agent_->port_address())}, agent_->pid(), port_thread}};
}

void Rig::start_twemproxy(std::uint16_t port) {
  if (access(twemproxy_path, X_OK) != 0) {
    throw std::runtime_error(std::string(twemproxy_path) + " is missing: tools/setup installs it");
  }
  const std::string file = dir_.file("nutcracker.yml");
  live::write_file(file, twemproxy_settings(port, live::addresses_of(memcacheds_)));
  twemproxy_.emplace(std::vector<std::string>{twemproxy_path, "-c", file, "-o", dir_.file("log"),
                                              "-p", dir_.file("pid"), "-a", "127.0.0.1", "-s",
                                              std::to_string(live::free_port())},
                     dir_.file("output"));
  const bool is_up = live::wait_until([&] {
    const int fd = live::connect_to("127.0.0.1:" + std::to_string(port));
    if (fd >= 0) close(fd);
    return fd >= 0 || !twemproxy_->is_running();
  });
  if (!is_up || !twemproxy_->is_running()) {
    throw std::runtime_error("nutcracker did not start: " + live::read_file(dir_.file("output")));
  }
}

std::int64_t Rig::memcacheds_cpu_ns() const {
  std::int64_t sum_ns = 0;
  for (const live::Memcached& memcached : memcacheds_) sum_ns += cpu_ns(memcached.pid());
  return sum_ns;
}

}  // namespace ringfence::bench
