// Where the shims of this host hint at backends of one pool. Hostile input: whoever may read the
// segment may write here, so what is read in a second is bounded, and nothing is believed: a hint
// makes the agent probe.
// Runs on the loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include "shm_layout/result.hpp"

typedef struct uv_loop_s uv_loop_t;  // NOLINT(modernize-use-using)

namespace ringfence::agent::shims {

class HintSocket {
 public:
  using Sink = std::function<void(std::uint16_t backend)>;

  // Replaces what an earlier life left. `group`: who may hint beside the agent's own user.
  [[nodiscard]] static Result<std::unique_ptr<HintSocket>> open(uv_loop_t* loop,
                                                                const std::string& path,
                                                                std::optional<gid_t> group,
                                                                Sink sink);
  // Removes the file. The loop has to turn once more.
  ~HintSocket();
  HintSocket(const HintSocket&) = delete;
  HintSocket& operator=(const HintSocket&) = delete;

 private:
  struct Handles;
  explicit HintSocket(Handles* handles) : handles_(handles) {}

  Handles* handles_;  // deletes itself once libuv has let go of it
};

}  // namespace ringfence::agent::shims
