// A real memcached of a test's own, on a free port or a unix socket. One thread uses it.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/live/support/child.hpp"
#include "tests/live/support/text_client.hpp"

namespace ringfence::live {

class Memcached {
 public:
  // Starts and waits until it answers. `arguments` go behind -U 0 -m 16 -t 1.
  explicit Memcached(std::vector<std::string> arguments = {});
  [[nodiscard]] static Memcached on_unix_socket(const std::string& path);
  // At an address of its own: 127.0.0.2:PORT is another host, to all who look from here.
  [[nodiscard]] static Memcached at(const std::string& address);

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] pid_t pid() const { return child_->pid(); }

  void kill();                                          // SIGKILL, waited for
  void begin_kill() const { child_->signal(SIGKILL); }  // its end takes the time it takes
  void restart();  // after kill(): empty, on the same address; waits until it answers
  void stop() const { child_->stop(); }  // all its threads stand still when it returns
  void resume() const { child_->signal(SIGCONT); }

  // A connection past ringfence, straight to it.
  [[nodiscard]] TextClient client() const { return TextClient{address_}; }
  [[nodiscard]] std::uint64_t stat(const std::string& name) const { return client().stat(name); }
  // How many times flush_all was asked of it since it started.
  [[nodiscard]] std::uint64_t flush_count() const { return stat("cmd_flush"); }

 private:
  Memcached(std::string address, std::vector<std::string> arguments);
  void start();

  std::string address_;
  std::vector<std::string> argv_;
  std::optional<Child> child_;
};

// `count` of them, and their addresses.
[[nodiscard]] std::vector<Memcached> start_memcacheds(std::size_t count);
[[nodiscard]] std::vector<std::string> addresses_of(const std::vector<Memcached>& memcacheds);
// The one at `address`; throws if there is none.
[[nodiscard]] Memcached& at_address(std::vector<Memcached>& memcacheds, const std::string& address);

}  // namespace ringfence::live
