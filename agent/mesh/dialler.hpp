// Which addresses are dialled, when, and whom each led to. An address is dialled until it has led
// to a peer; then again only when that peer is down. All addresses of a name are tried in turn. The
// loop's thread alone. Opens no connection itself: its owner does, and reports how it went.
#pragma once

#include <uv.h>

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/mesh/stream.hpp"

namespace ringfence::agent::mesh {

class DiallerOwner {
 public:
  // To open one connection; on_dialled() is to be called when it has come to something.
  virtual void on_dial(std::uint64_t target, const SocketAddress& to) = 0;
  // The target is not wanted any more: its connection goes, unless it is the pair's.
  virtual void on_dropped(std::uint64_t target) = 0;
  [[nodiscard]] virtual bool is_up(core::AgentId id) const = 0;

 protected:
  ~DiallerOwner() = default;
};

struct DialReport {
  std::string address;
  core::AgentId led_to;  // 0: nobody yet
  bool is_self = false;
  std::string error;
};

class Dialler {
 public:
  Dialler(StreamContext& context, DiallerOwner& owner, std::uint64_t chance);
  ~Dialler() = default;
  Dialler(const Dialler&) = delete;
  Dialler& operator=(const Dialler&) = delete;

  // Replaces the wanted set. Dialling begins at the loop's next turn.
  void want(const std::vector<std::string>& addresses);
  void close();

  // How an attempt went. The answers of failed() and self(): whether it is news.
  void led_to(std::uint64_t target, core::AgentId id);
  void succeeded(std::uint64_t target);
  [[nodiscard]] bool failed(std::uint64_t target, const std::string& why);
  [[nodiscard]] bool self(std::uint64_t target);
  void peer_down(core::AgentId id, const std::string& why);

  [[nodiscard]] std::string address_of(std::uint64_t target) const;
  [[nodiscard]] std::vector<std::string> addresses_of(core::AgentId id) const;
  [[nodiscard]] std::vector<DialReport> reports() const;

 private:
  struct Target {
    std::string address;
    HostPort parts;
    bool is_busy = false;  // resolving or connecting
    std::vector<SocketAddress> found;
    std::size_t next_found = 0;
    core::AgentId led_to;
    bool is_self = false;
    bool met_self = false;  // in this round through `found`
    std::string error;
    unsigned failure_count = 0;
    std::int64_t next_ns = 0;
  };
  struct Lookup;

  void run_due();
  void arm();
  void start(std::uint64_t id, Target& target);
  void look_up(std::uint64_t id, Target& target);
  void looked_up(std::uint64_t id, int status, const addrinfo* list);
  void dial_next(std::uint64_t id, Target& target);
  [[nodiscard]] bool round_over(Target& target, const std::string& why);
  [[nodiscard]] Target* find(std::uint64_t id);
  [[nodiscard]] std::int64_t with_jitter(std::int64_t delay_ns);

  StreamContext& context_;
  DiallerOwner& owner_;
  std::mt19937_64 chance_;
  uv_timer_t timer_{};
  bool is_closed_ = false;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Target> targets_;
  std::set<Lookup*> lookups_;
};

}  // namespace ringfence::agent::mesh
