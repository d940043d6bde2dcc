// Where the backends of this host's pools come from, at run time and all at once: the list in the
// configuration, `announce`, a watched file, DNS names, a command. Owns the sources and what each
// listed last; the rule that nothing is taken away by a failure is SourceState's; which backends
// the fleet wants is the core's to decide. The daemon's loop thread.
#pragma once

#include <uv.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/config.hpp"
#include "agent/core/effect.hpp"
#include "agent/discovery/memory.hpp"
#include "agent/discovery/source.hpp"
#include "agent/discovery/source_state.hpp"

namespace ringfence::agent::discovery {

// A source for people.
struct SourceReport {
  std::string pool, name;   // "file /etc/ringfence/backends"
  bool has_listed = false;  // in this life of the agent
  std::size_t count = 0;    // of what it listed last
  std::string trouble;      // empty: none
  core::Instant trouble_since;
  core::Instant read_at;  // its last good read; only if has_listed
};

struct Surroundings {
  uv_loop_t* loop = nullptr;
  std::string memory_path;
  bool is_shared = false;  // several hosts share the addresses: none may be on loopback
  std::function<core::Instant()> now;
  std::function<void(core::LogLevel, const std::string&)> log;
  std::function<void()> changed;  // what `wanted` says; never called from inside a call
};

class Discovery {
 public:
  explicit Discovery(Surroundings around);
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;
  ~Discovery() = default;

  // Sources that stay go on; those that are gone end, and what they listed with them. A file is
  // read before this returns.
  void configure(const std::vector<config::PoolConfig>& pools);
  // The union of a pool's sources.
  [[nodiscard]] core::WantedPool wanted(const config::PoolConfig& pool) const;
  [[nodiscard]] std::vector<SourceReport> report() const;
  // The loop needs a turn to let go of all.
  void close();

 private:
  struct Running {
    std::string settings;  // all that it depends on, to see whether it stays
    SourceState state;
    Source source;
  };
  using Key = std::pair<std::string, std::string>;  // pool, name
  // What starts a source that tells `told`.
  using Starter = std::function<Source(Told told)>;

  void configure_pool(const config::PoolConfig& pool, std::map<Key, std::unique_ptr<Running>>& old);
  void keep_or_start(const Key& key, const std::string& settings,
                     std::map<Key, std::unique_ptr<Running>>& old, const Starter& start);
  void on_read(const Key& key, Result<List> read);
  void remember();

  Surroundings around_;
  ListRules rules_;
  Remembered remembered_;
  bool is_configuring_ = false;
  std::map<Key, std::unique_ptr<Running>> sources_;
};

}  // namespace ringfence::agent::discovery
