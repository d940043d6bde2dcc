// The links of one I/O thread, by the backend's index in the segment.
// Its I/O thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/port/backend_link.hpp"

namespace ringfence::agent::port {

class BackendLinks {
 public:
  explicit BackendLinks(IoThread& thread) : thread_(thread) {}

  // The link that speaks the request's protocol to its ticket's backend, or null when the segment
  // names none now. A record that was rewritten for the same life of the same backend keeps its
  // link; any other gets a new one, and the old one ends when its last reply has come.
  [[nodiscard]] BackendLink* find(const Request& request);
  void resume_for(Client& client);
  [[nodiscard]] bool tick(std::uint64_t now_ms);
  void close();  // the thread ends

 private:
  using ByIndex = std::vector<std::unique_ptr<BackendLink>>;
  [[nodiscard]] BackendLink* renew(std::uint16_t index, Wire wire, std::uint64_t sequence);
  [[nodiscard]] ByIndex& of(Wire wire) noexcept {
    return wire == Wire::binary ? binary_links_ : text_links_;
  }
  [[nodiscard]] std::array<ByIndex*, 3> all() noexcept {
    return {&text_links_, &binary_links_, &retired_};
  }

  IoThread& thread_;
  ByIndex text_links_, binary_links_;
  std::vector<std::unique_ptr<BackendLink>> retired_;  // of either; no new requests
};

}  // namespace ringfence::agent::port
