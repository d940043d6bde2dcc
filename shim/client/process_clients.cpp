#include "shim/client/process_clients.hpp"

#include <pthread.h>

#include <atomic>
#include <mutex>

#include "shim/counters/shim_counters.hpp"

namespace ringfence::shim::client {

// Its mutex is taken before that of any member.
struct MemberList {
  std::mutex mutex;
  ForkMember* first = nullptr;
  bool has_handlers = false;

  void add(ForkMember& member) noexcept {
    member.next_ = first;
    if (first != nullptr) first->previous_ = &member;
    first = &member;
  }
  void remove(ForkMember& member) noexcept {
    (member.previous_ == nullptr ? first : member.previous_->next_) = member.next_;
    if (member.next_ != nullptr) member.next_->previous_ = member.previous_;
  }
  template <typename Function>
  void for_each(Function function) noexcept {
    for (ForkMember* member = first; member != nullptr; member = member->next_) function(*member);
  }
  template <typename Function>
  [[nodiscard]] bool any_of(Function function) noexcept {
    ForkMember* member = first;
    while (member != nullptr && !function(*member)) member = member->next_;
    return member != nullptr;
  }
};

namespace {

// Constant-initialised, and trivial enough to need no destruction order.
constinit MemberList members;
// Relaxed everywhere: a bound on a number; what the connections hold is ordered by their pools.
constinit std::atomic<std::uint32_t> connection_count{0};

void prepare() {
  members.mutex.lock();
  members.for_each([](ForkMember& member) { member.before_fork(); });
}

void resume_parent() {
  members.for_each([](ForkMember& member) { member.after_fork_in_parent(); });
  members.mutex.unlock();
}

void resume_child() {
  connection_count.store(0, std::memory_order_relaxed);
  counters::after_fork_in_child();
  members.for_each([](ForkMember& member) { member.after_fork_in_child(); });
  members.mutex.unlock();
}

}  // namespace

void ForkMember::join_process() noexcept {
  const std::lock_guard lock(members.mutex);
  if (!members.has_handlers) {
    members.has_handlers = pthread_atfork(prepare, resume_parent, resume_child) == 0;
  }
  members.add(*this);
}

void ForkMember::leave_process() noexcept {
  const std::lock_guard lock(members.mutex);
  members.remove(*this);
}

bool count_connection() noexcept {
  if (connection_count.fetch_add(1, std::memory_order_relaxed) < process_connections_max) {
    return true;
  }
  uncount_connection();
  return false;
}

void uncount_connection() noexcept {
  connection_count.fetch_sub(1, std::memory_order_relaxed);
}

bool close_an_idle_connection_of_the_process() noexcept {
  const std::lock_guard lock(members.mutex);
  return members.any_of([](ForkMember& member) { return member.close_an_idle_connection(); });
}

}  // namespace ringfence::shim::client
