// The control socket: a unix socket on which ringfencectl asks and tells. One JSON object a line
// in, one JSON object a line out: {"command":"where","key":"k"} -> {"ok":true,...} or
// {"ok":false,"error":"..."}; a line is at most 64 KiB, a client has 5 s for it.
//
// Peer credentials (SO_PEERCRED) are checked: anybody who can open the socket (mode 0660, the
// agent's group) may ask; only root and the agent's own user may change things.
// Runs on the daemon's loop thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "shm_layout/result.hpp"

typedef struct uv_loop_s uv_loop_t;  // NOLINT(modernize-use-using)

namespace ringfence::agent::control {

struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  bool may_change = false;
};

class ControlServer {
 public:
  // Replies with one JSON text (no newline); may be called later, on the same thread, once.
  using Reply = std::function<void(std::string json)>;
  // `request` is a parsed line's text; malformed JSON never reaches the handler.
  using Handler = std::function<void(const Peer& peer, const std::string& request, Reply reply)>;

  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> start(uv_loop_t* loop,
                                                                    const std::string& path,
                                                                    Handler handler);
  virtual ~ControlServer() = default;
  virtual void close(std::function<void()> done) = 0;  // removes the socket file
};

}  // namespace ringfence::agent::control
