// Meshes of several agents on one loop, and what each was told. One thread; a limit on every wait.
#pragma once

#include <sys/stat.h>
#include <uv.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/mesh/mesh.hpp"
#include "tests/live/support/turning_loop.hpp"

namespace ringfence::live {

using namespace agent::mesh;  // NOLINT(google-build-using-namespace): the thing under test
using agent::core::AgentId;
using agent::core::Incarnation;

struct MeshMessage {
  AgentId from;
  Channel channel{};
  std::string bytes;
};

// What one agent was told.
class Told final : public MeshEvents {
 public:
  void on_peer_up(const PeerHello& hello, const std::vector<std::string>& dialled_as) override {
    ups.push_back(hello);
    addresses = dialled_as;
    is_alternating = is_alternating && !up[hello.id];
    up[hello.id] = true;
  }
  void on_peer_down(AgentId id, const std::string& why) override {
    downs.push_back(why);
    is_alternating = is_alternating && up[id];
    up[id] = false;
  }
  void on_peer_addresses(AgentId, const std::vector<std::string>& dialled_as) override {
    addresses = dialled_as;
  }
  void on_message(AgentId from, Channel channel, std::string bytes) override {
    messages.push_back({from, channel, std::move(bytes)});
  }
  void on_self_dialled(const std::string& address) override { selves.push_back(address); }

  [[nodiscard]] bool is_up(AgentId id) const {
    const auto found = up.find(id);
    return found != up.end() && found->second;
  }

  std::vector<PeerHello> ups;
  std::vector<std::string> downs, addresses, selves;
  std::vector<MeshMessage> messages;
  std::map<AgentId, bool> up;
  bool is_alternating = true;
};

struct MeshAgent {
  Told told;
  std::vector<std::string> lines;  // of its log
  std::unique_ptr<Mesh> mesh;
  AgentId id;
  std::string address;

  [[nodiscard]] bool has_logged(const std::string& part) const {
    for (const std::string& line : lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }
  [[nodiscard]] std::string last_error() const {
    for (const PeerReport& report : mesh->peers()) {
      if (!report.is_up) return report.last_error;
    }
    return "";
  }
};

class MeshRig {
 public:
  MeshRig() {
    signal(SIGPIPE, SIG_IGN);  // as the daemon does
    std::string pattern = std::filesystem::temp_directory_path() / "mesh-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~MeshRig() {
    while (!agents_.empty()) stop(*agents_.back());
    loop_.end();
    std::filesystem::remove_all(directory_);
  }
  MeshRig(const MeshRig&) = delete;
  MeshRig& operator=(const MeshRig&) = delete;

  [[nodiscard]] uv_loop_t* loop() { return loop_.get(); }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ / name; }

  [[nodiscard]] std::string write_file(const std::string& name, const std::string& text,
                                       mode_t mode = 0600) {
    std::ofstream(path(name)) << text;
    chmod(path(name).c_str(), mode);
    return path(name);
  }
  // A key of 64 hexadecimal digits that begins with `first`.
  [[nodiscard]] MeshSettings with_key(char first = 'a', const std::string& listen = "127.0.0.1:0") {
    MeshSettings settings;
    settings.listen = listen;
    settings.key_file = write_file(std::string("key-") + first,
                                   std::string(1, first) + "123456789abcdef0123456789abcdef" +
                                       "0123456789abcdef0123456789abcdef\n");
    return settings;
  }
  [[nodiscard]] static MeshSettings in_clear(const std::string& listen = "127.0.0.1:0") {
    MeshSettings settings;
    settings.listen = listen;
    settings.is_insecure = true;
    return settings;
  }

  [[nodiscard]] MeshAgent& start(std::uint64_t id, MeshSettings settings,
                                 std::uint64_t incarnation = 1,
                                 const std::string& cluster = "test") {
    auto agent = std::make_unique<MeshAgent>();
    MeshAgent* place = agent.get();
    settings.log = [place](LogLevel, const std::string& line) { place->lines.push_back(line); };
    const Self self{AgentId{id}, Incarnation{incarnation}, cluster, "host" + std::to_string(id),
                    "127.0.0.1:1"};
    auto mesh = Mesh::start(loop_.get(), settings, self, agent->told);
    if (!mesh) {
      std::fprintf(stderr, "%s\n", mesh.error().message.c_str());
      std::abort();
    }
    agent->mesh = std::move(mesh).value();
    agent->id = self.id;
    const std::string host = settings.listen.substr(0, settings.listen.rfind(':'));
    agent->address = host + ":" + std::to_string(agent->mesh->listen_port());
    agents_.push_back(std::move(agent));
    return *place;
  }
  // Why it does not start.
  [[nodiscard]] std::string start_error(const MeshSettings& settings) {
    Told told;
    const Self self{AgentId{1}, Incarnation{1}, "test", "host", "127.0.0.1:1"};
    const auto mesh = Mesh::start(loop_.get(), settings, self, told);
    turn_for(Milliseconds{1});
    return mesh ? "" : mesh.error().message;
  }
  void stop(MeshAgent& agent) {
    bool is_done = false;
    agent.mesh->close([&] { is_done = true; });
    static_cast<void>(until([&] { return is_done; }));
    for (auto at = agents_.begin(); at != agents_.end(); ++at) {
      if (at->get() != &agent) continue;
      agents_.erase(at);
      return;
    }
  }

  [[nodiscard]] bool until(const std::function<bool()>& is_true, Milliseconds limit = patience) {
    return loop_.until(is_true, limit);
  }
  void turn_for(Milliseconds time) { loop_.turn_for(time); }
  [[nodiscard]] bool until_up(const MeshAgent& a, const MeshAgent& b) {
    return until([&] { return a.told.is_up(b.id) && b.told.is_up(a.id); });
  }

 private:
  TurningLoop loop_;
  std::filesystem::path directory_;
  std::vector<std::unique_ptr<MeshAgent>> agents_;
};

}  // namespace ringfence::live
