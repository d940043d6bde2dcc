// twemproxy on this host, and a client with one connection to it that waits for its answers.
#include <unistd.h>

#include <stdexcept>

#include "bench/failover/contender.hpp"
#include "tests/live/support/child.hpp"
#include "tests/live/support/temp_dir.hpp"
#include "tests/live/support/text_client.hpp"

namespace ringfence::bench {
namespace {

const char* const program_path = "/usr/sbin/nutcracker";

// Longer than any outage: whoever ends a request that nobody answers is the proxy.
constexpr live::Milliseconds client_timeout{120'000};

// What its notes/recommendation.md advises, under "Liveness" and "Timeout".
const char* const advised_lines =
    "  auto_eject_hosts: true\n"
    "  server_retry_timeout: 30000\n"
    "  server_failure_limit: 3\n"
    "  timeout: 400\n";
constexpr std::chrono::seconds advised_return_limit{45};  // server_retry_timeout and a margin

// Pool gamma of its README and its conf/nutcracker.yml, the one for memcacheds.
const char* const readme_lines =
    "  timeout: 400\n"
    "  preconnect: true\n"
    "  auto_eject_hosts: true\n"
    "  server_retry_timeout: 2000\n"
    "  server_failure_limit: 3\n";

std::string local(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

class Twemproxy final : public Contender {
 public:
  Twemproxy(const std::string& lines, const std::vector<std::string>& memcacheds)
      : address_(local(live::free_port())) {
    std::string settings = "cache:\n  listen: " + address_ + "\n" + lines + "  servers:\n";
    for (const std::string& memcached : memcacheds) settings += "   - " + memcached + ":1\n";
    const std::string file = dir_.file("nutcracker.yml");
    live::write_file(file, settings);
    const std::vector<std::string> argv = {
        program_path, "-c", file, "-s", std::to_string(live::free_port()), "-a", "127.0.0.1"};
    child_.emplace(argv, dir_.file("log"));
    const bool is_up = live::wait_until([this] { return does_listen(); });
    if (!is_up) throw std::runtime_error("twemproxy: " + live::read_file(dir_.file("log")));
  }

  Answer get(const std::string& key) override {
    try {
      return {true, client().get(key)};
    } catch (const std::exception&) {  // an error line too
      client_.reset();
      return {};
    }
  }
  bool set(const std::string& key, const std::string& value) override {
    try {
      return client().set(key, value) == "STORED";
    } catch (const std::exception&) {
      client_.reset();
      return false;
    }
  }

 private:
  bool does_listen() const {
    const int fd = live::connect_to(address_);
    if (fd >= 0) close(fd);
    return fd >= 0;
  }
  live::TextClient& client() {
    if (!client_) client_.emplace(address_, client_timeout);
    return *client_;
  }

  const live::TempDir dir_;
  const std::string address_;
  std::optional<live::Child> child_;
  std::optional<live::TextClient> client_;
};

Kind kind(const char* name, const char* lines) {
  Kind made;
  made.name = name;
  made.make = [lines](const std::vector<std::string>& memcacheds) {
    return std::make_unique<Twemproxy>(lines, memcacheds);
  };
  return made;
}

}  // namespace

std::vector<Kind> twemproxy_kinds() {
  if (access(program_path, X_OK) != 0) return {};
  Kind advised = kind("twemproxy_advised", advised_lines);
  advised.return_limit = advised_return_limit;
  return {kind("twemproxy_default", ""), advised, kind("twemproxy_readme", readme_lines)};
}

}  // namespace ringfence::bench
