// A real ringfenced of a test's own: its configuration, state, segment and sockets live in
// directories that go with it. One thread uses it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/live/support/child.hpp"
#include "tests/live/support/memcached.hpp"
#include "tests/live/support/temp_dir.hpp"
#include "tests/live/support/text_client.hpp"

namespace ringfence::live {

struct AgentSettings {
  std::vector<std::string> backends;  // "host:port" or "host:port weight=2"
  bool has_tags = true;
  std::string pool_lines;   // more keys of [[pool]], one a line
  std::string table_lines;  // more tables, before the pool
  std::string top_lines;    // more keys before all tables
  std::string instance;     // tells the agents of a fleet apart
};

class Agent {
 public:
  // Writes the configuration and starts it; does not wait.
  explicit Agent(AgentSettings settings);
  ~Agent();  // after a failed test, prints the end of the agent's log
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Answers on the control socket and every configured backend serves, or throws with the status.
  void wait_ready();
  // `count` backends serve and no change is under way.
  void wait_serving(std::size_t count);
  void wait_backend(const std::string& address, const std::string& state);

  void start();                              // again, after kill() or terminate()
  void kill();                               // SIGKILL, waited for
  int terminate();                           // SIGTERM, waited for; its exit code, -1 for a signal
  void reload();                             // SIGHUP
  void reconfigure(AgentSettings settings);  // writes the file; reload() applies it at once
  [[nodiscard]] pid_t pid() const { return child_->pid(); }
  [[nodiscard]] Child& child() { return *child_; }

  // The control socket. An agent that cannot be reached answers {"ok":false,"error":...}.
  [[nodiscard]] nlohmann::json ask(const std::string& command) const;
  [[nodiscard]] nlohmann::json ask_json(const nlohmann::json& request) const;
  [[nodiscard]] nlohmann::json backend(const std::string& address) const;  // its part of status
  [[nodiscard]] std::uint64_t epoch() const;
  [[nodiscard]] std::string owner_of(const std::string& key) const;

  [[nodiscard]] TextClient client() const { return TextClient{port_address()}; }
  [[nodiscard]] std::string port_address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string unix_address() const { return dir_.file("pool.sock"); }
  [[nodiscard]] std::string segment() const;
  [[nodiscard]] std::string control() const { return dir_.file("control.sock"); }
  [[nodiscard]] std::string config_path() const { return dir_.file("ringfenced.toml"); }
  [[nodiscard]] std::string log() const { return read_file(log_path()); }
  [[nodiscard]] std::string state_dir() const { return dir_.file("state"); }

 private:
  [[nodiscard]] std::string log_path() const { return dir_.file("log"); }
  [[nodiscard]] std::string config_text() const;

  TempDir dir_;
  TempDir segment_dir_;
  std::uint16_t port_ = 0;
  AgentSettings settings_;
  std::optional<Child> child_;
};

// One request over a control socket.
[[nodiscard]] nlohmann::json ask_control(const std::string& path, const nlohmann::json& request);

}  // namespace ringfence::live
