// What the preload is in this process: whether it is wanted at all, the pools of this host, the
// sessions, and forks. Any thread.
//
// No lock is taken before a fork: other libraries' handlers, which run beside ours, may wait for
// threads that are about to connect. A child looks what its parent's other threads were at: what a
// lock of theirs guarded may be half changed, and is left as it is.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "shim/preload/cancellation.hpp"
#include "shim/preload/descriptors.hpp"
#include "shim/preload/overlay.hpp"
#include "shim/preload/session.hpp"

namespace ringfence::shim::preload {

class Process {
 public:
  Process() noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  // The pool whose port listens at an address; null: none, or the preload is switched off.
  [[nodiscard]] Overlay* find(const sockaddr* address, socklen_t size) noexcept;
  // Makes a connection that succeeded, or is about to, an overlaid one.
  void overlay(int fd, Overlay& overlay) noexcept;
  // The same for one that was refused while the host's lease goes on; false: it stays refused.
  [[nodiscard]] bool overlay_refused(int fd, Overlay& overlay) noexcept;
  // Whether the descriptor is overlaid, and not for this pool.
  [[nodiscard]] bool is_of_another(int fd, const Overlay* overlay) noexcept;
  void recycle(Session* session) noexcept;
  [[nodiscard]] bool is_wanted() noexcept;
  // False in the child of a vfork, whose memory is the parent's.
  [[nodiscard]] bool is_own() const noexcept;
  // Before a file goes: nothing of it is known afterwards.
  void forget(int fd) noexcept;
  // The same, if another socket has its number now: it was closed past libc.
  void forget_replaced(int fd) noexcept;

 private:
  enum class Wish : std::uint8_t { unknown, on, off };
  void report() noexcept;  // at the end
  void look_for_segments() noexcept;
  [[nodiscard]] Session* take_session() noexcept;

  static void after_fork_in_child();

  std::atomic<Wish> wish_{Wish::unknown};
  std::atomic<pid_t> pid_{getpid()};
  std::atomic<Overlay*> overlays_{nullptr};  // the first; each names the next; they only come
  std::mutex mutex_;                         // what follows, and who adds an overlay
  std::int64_t next_look_ns_ = 0;            // the coarse clock
  std::string named_;                        // RINGFENCE_SEGMENT, as it was then
  std::vector<Session*> spare_sessions_;
  bool reports_at_exit_ = false;
};

[[nodiscard]] Process& process() noexcept;

// The session of a descriptor, kept for a call; none for any other descriptor, nor, for most
// purposes, where it has been left to the agent.
enum class Sessions : bool { at_work, all };
[[nodiscard]] inline SessionReference session_of(int fd,
                                                 Sessions which = Sessions::at_work) noexcept {
  Session* session = descriptors.session(fd);
  while (__builtin_expect(session != nullptr, 0)) {
    if (which == Sessions::at_work && session->is_left_to_agent()) break;
    if (session->reference()) {
      if (descriptors.session(fd) == session) return SessionReference(session);
      session->release();
    }
    session = descriptors.session(fd);
  }
  return SessionReference(nullptr);
}

// The same for an application's call, in which its thread is not cancelled then.
class CalledSession {
 public:
  explicit CalledSession(int fd) noexcept : session_(session_of(fd)) {
    if (session_) uncancelled_.emplace();
  }
  CalledSession(const CalledSession&) = delete;
  CalledSession& operator=(const CalledSession&) = delete;
  explicit operator bool() const noexcept { return static_cast<bool>(session_); }
  Session* operator->() const noexcept { return session_.get(); }
  [[nodiscard]] Session* get() const noexcept { return session_.get(); }

 private:
  std::optional<Uncancelled> uncancelled_;  // goes last
  SessionReference session_;
};

}  // namespace ringfence::shim::preload
