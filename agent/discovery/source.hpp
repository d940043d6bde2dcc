// The I/O half of one source: reads it again and again and tells each outcome. It decides nothing.
// The daemon's loop thread.
#pragma once

#include <uv.h>

#include <cstddef>
#include <functional>
#include <memory>

#include "agent/discovery/list.hpp"

namespace ringfence::agent::discovery {

using Told = std::function<void(Result<List> read)>;

// Owns libuv handles, which the loop lets go of one turn after they were closed: it frees itself
// then. Nothing is told after end().
class LoopOwned {
 public:
  LoopOwned(const LoopOwned&) = delete;
  LoopOwned& operator=(const LoopOwned&) = delete;
  virtual void end() = 0;

 protected:
  LoopOwned() = default;
  virtual ~LoopOwned() = default;
  // Before a handle is started; `data` is this object's own.
  template <typename Handle>
  void own(Handle& handle) {
    ++open_count_;
    handle.data = this;
  }
  template <typename Handle>
  void close(Handle& handle) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) {
      auto* owner = static_cast<LoopOwned*>(closed->data);
      if (--owner->open_count_ == 0) delete owner;
    });
  }

 private:
  std::size_t open_count_ = 0;
};

struct End {
  void operator()(LoopOwned* owned) const { owned->end(); }
};
using Source = std::unique_ptr<LoopOwned, End>;

}  // namespace ringfence::agent::discovery
