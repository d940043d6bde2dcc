// Configuration: one TOML file, or none. Every key has a default; an unknown key, a wrong type or a
// value out of bounds is an error that names file, line, what is allowed and, for a key, the
// nearest known one. README's table "Every default" lists all of these with unit and reason. Pure
// but for reading the file; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/event.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::config {

// Where a pool's backends come from besides its own list; README, "Discovery".
struct DiscoveryConfig {
  std::vector<core::WantedBackend> announce;  // of this host
  std::string file;                           // empty: none
  std::vector<std::string> exec;              // program and arguments; empty: none
  core::Duration exec_interval = core::operator""_s(30);
  core::Duration exec_timeout = core::operator""_s(10);
  std::vector<core::WantedBackend> dns;  // "name:port": each address of that name
  std::vector<std::string> dns_servers;  // empty: those of /etc/resolv.conf
  core::Duration dns_ttl_min = core::operator""_s(5);
  core::Duration dns_ttl_max = core::operator""_s(300);
};

struct PoolConfig {
  std::string name = "default";
  std::vector<std::string> listen;  // canonical "ip:port" or an absolute path
  std::vector<core::WantedBackend> backends;
  DiscoveryConfig discovery;
  core::PoolOptions options;  // tags, hash_tag, flush_all, admit_unflushed, on_lease_loss
  core::PoolTiming timing;    // grace, hold_down, ...
  core::Duration probe_interval = core::operator""_ms(100);
  core::Duration probe_timeout = core::operator""_ms(300);
  core::Duration connect_timeout = core::operator""_ms(300);
  core::Duration request_timeout =
      core::operator""_ms(1000);  // a backend's answer to a client's request
  core::Duration change_wait =
      core::operator""_ms(1000);          // how long the port waits for a view change
  std::uint32_t max_connections = 16384;  // clients of the port
  // What a request that failed is told as: an error, or a miss and NOT_STORED.
  bool tells_get_failure = false;
  bool tells_store_failure = false;
  std::uint32_t preload_connections = 512;  // of this host's preloaded processes, to one backend
};

struct Config {
  std::string path;  // the file it came from; empty: built-in defaults
  std::string cluster = "default";
  std::string instance;
  std::string state_dir = "/var/lib/ringfence";
  std::string segment_dir = "/dev/shm/ringfence";
  std::string segment_group;  // the group that may read segments; empty: the agent's own
  struct {
    std::string listen;
    std::string advertise;  // empty: listen
    std::vector<std::string> seeds;
    std::string key_file, cert_file, private_key_file, ca_file;
    bool is_insecure = false;
    std::string role = "auto";
    std::string zone;
    core::Duration forget_after = core::operator""_s(3600);  // an agent that is gone
  } mesh;
  struct {
    std::string listen = "/run/ringfence/control.sock";
  } control;
  struct {
    core::Duration length = core::operator""_s(2);
    core::Duration margin = core::operator""_ms(50);
  } lease;
  struct {
    std::string level = "info";  // debug | info | warning | error
  } log;
  std::uint32_t io_threads = 1;
  std::vector<PoolConfig> pools;
};

// No file: a fleet of one, pool "default" on 127.0.0.1:11210, backend 127.0.0.1:11211 named by
// nobody (so that an instance with items in it waits for consent).
[[nodiscard]] Config default_config();
[[nodiscard]] Result<Config> load_config(const std::string& path);
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::string& path);

// "a weight=2" and the address rules: host:port, [v6]:port, absolute unix path; at most 111 bytes.
[[nodiscard]] Result<core::WantedBackend> parse_backend(std::string_view text);

// All of it on one line a pool: for the debug log, and to compare two.
[[nodiscard]] std::string show_config(const Config& config);

// README's table of every key with default, limits and reason; also what --help-config prints.
[[nodiscard]] std::string defaults_table();

// What a reload cannot change, one sentence each (cluster, state_dir, ...). Empty: all can be
// applied.
[[nodiscard]] std::vector<std::string> needs_restart(const Config& running, const Config& loaded);

}  // namespace ringfence::agent::config
