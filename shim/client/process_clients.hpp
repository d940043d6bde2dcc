// What the clients of one process share: the bound on their connections, and fork. Any thread.
#pragma once

#include <cstdint>

namespace ringfence::shim::client {

// Connections of all clients of a process together: half of the 1,024 files that a process has by
// default, and half of what a memcached takes by default.
inline constexpr std::uint32_t process_connections_max = 512;

// A member of the process's list of clients. The functions are called in this order around a fork:
// before_fork (in each member), then after_fork_in_parent or after_fork_in_child.
class ForkMember {
 public:
  ForkMember() = default;
  ForkMember(const ForkMember&) = delete;
  ForkMember& operator=(const ForkMember&) = delete;

  virtual void before_fork() noexcept = 0;
  virtual void after_fork_in_parent() noexcept = 0;
  virtual void after_fork_in_child() noexcept = 0;
  // Closes one connection that nobody uses; false if there is none.
  [[nodiscard]] virtual bool close_an_idle_connection() noexcept = 0;

 protected:
  ~ForkMember() = default;
  void join_process() noexcept;
  void leave_process() noexcept;

 private:
  friend struct MemberList;
  ForkMember* next_ = nullptr;
  ForkMember* previous_ = nullptr;
};

// One more connection, unless that were too many.
[[nodiscard]] bool count_connection() noexcept;
void uncount_connection() noexcept;
// Closes an idle connection of any client; false if there is none. Call without a client's mutex.
[[nodiscard]] bool close_an_idle_connection_of_the_process() noexcept;

}  // namespace ringfence::shim::client
