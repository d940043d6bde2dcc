// One connection to an agent's control socket: a JSON object a line out, a JSON object a line in.
// Blocking, with a limit on every step; one thread.
#pragma once

#include <string>

#include "shm_layout/result.hpp"

namespace ringfence::tools {

// Long enough for a command that waits for a view change; short enough that a stopped agent is
// told apart from a slow one. (The agent itself answers within a second.)
inline constexpr int control_timeout_s = 10;
// A status of 1,024 backends is below 1 MiB; more is not an agent.
inline constexpr std::size_t control_reply_bytes_max = std::size_t{64} << 20;

class ControlClient {
 public:
  // Errors say what to do: the agent is not running, or this user may not ask it.
  [[nodiscard]] static Result<ControlClient> connect(const std::string& path);
  ~ControlClient();
  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&& other) noexcept;
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

  // `request` is one line of JSON without its newline; so is the reply.
  [[nodiscard]] Result<std::string> ask(const std::string& request);

 private:
  ControlClient(int fd, std::string path);

  int fd_ = -1;
  std::string path_;
};

}  // namespace ringfence::tools
