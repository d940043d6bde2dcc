// A server that answers `version` as memcached does and anything else as its script says: what a
// broken or hostile backend may do. One thread of its own, which ends with it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>

namespace ringfence::live {

class ScriptedServer {
 public:
  // What to say to what came in one receive; empty: nothing. Called on the server's thread.
  using Script = std::function<std::string(std::string_view received)>;

  explicit ScriptedServer(Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  // Connections that were asked something by now: all, and those that nobody has closed.
  [[nodiscard]] std::size_t asked_count() const { return asked_count_; }
  [[nodiscard]] std::size_t open_count() const { return open_count_; }

 private:
  struct Connection {
    bool is_asked = false;
  };
  void run();
  void serve(int fd);

  const Script script_;
  std::string address_;
  int listen_fd_ = -1;
  std::map<int, Connection> connections_;    // the thread's
  std::atomic<bool> is_ending_{false};       // relaxed would do: only ends the loop
  std::atomic<std::size_t> asked_count_{0};  // counts
  std::atomic<std::size_t> open_count_{0};
  std::thread thread_;
};

}  // namespace ringfence::live
