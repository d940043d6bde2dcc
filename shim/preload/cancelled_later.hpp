// Around what a session does: its thread, were it cancelled where it waits, would leave locks and
// half a command behind. It is cancelled at the next of libc's own cancellation points. Some ns.
#pragma once

#include <pthread.h>

namespace ringfence::shim::preload {

class CancelledLater {
 public:
  CancelledLater() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state_); }
  ~CancelledLater() { pthread_setcancelstate(state_, nullptr); }
  CancelledLater(const CancelledLater&) = delete;
  CancelledLater& operator=(const CancelledLater&) = delete;

 private:
  int state_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace ringfence::shim::preload
