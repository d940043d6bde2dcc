// The links of one I/O thread, by the backend's index in the segment.
// Its I/O thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/port/backend_link.hpp"

namespace ringfence::agent::port {

class BackendLinks {
 public:
  explicit BackendLinks(IoThread& thread) : thread_(thread) {}

  // The link to the backend that the segment names now, or null when it names none. A record that
  // was rewritten for the same life of the same backend keeps its link; any other gets a new one,
  // and the old one ends when its last reply has come.
  [[nodiscard]] BackendLink* find(std::uint16_t index);
  void resume_for(Client& client);
  [[nodiscard]] bool tick(std::uint64_t now_ms);
  void close();  // the thread ends

 private:
  [[nodiscard]] BackendLink* renew(std::uint16_t index, std::uint64_t sequence);

  IoThread& thread_;
  std::vector<std::unique_ptr<BackendLink>> links_;    // by index
  std::vector<std::unique_ptr<BackendLink>> retired_;  // no new requests
};

}  // namespace ringfence::agent::port
