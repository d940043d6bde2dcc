// What is compared: four memcacheds asked directly, a twemproxy before them, and an agent's port
// before them, all started here, on the CPU of who starts them. One thread; what it starts ends
// with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/live/support/agent.hpp"

namespace ringfence::bench {

struct Contender {
  std::string_view name;
  std::vector<std::uint16_t> ports;  // where a client connects; several: it picks by key
  pid_t pid = 0;                     // of the proxy; 0: there is none
  std::string_view io_thread;        // the name of the thread that moves bytes
};

class Rig {
 public:
  Rig();  // throws where something does not start

  [[nodiscard]] const std::vector<Contender>& contenders() const { return contenders_; }
  [[nodiscard]] std::int64_t memcacheds_cpu_ns() const;

 private:
  void start_twemproxy(std::uint16_t port);

  live::TempDir dir_;
  std::vector<live::Memcached> memcacheds_;
  std::unique_ptr<live::Agent> agent_;
  std::optional<live::Child> twemproxy_;
  std::vector<Contender> contenders_;
};

}  // namespace ringfence::bench
