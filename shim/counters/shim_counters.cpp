// Where the counts live, and who may have which; see shim_counters.hpp.
#include "shim/counters/shim_counters.hpp"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace ringfence::shim::counters {

using shm_layout::ShimCountersFile;

namespace {

// Zero pages that belong to nobody until something is counted in them. Apart from what follows, so
// that the library's file does not hold them.
constinit ShimCountersFile private_memory{};

}  // namespace

std::uint64_t ShimCounters::total(shm_layout::ShimCount count) const noexcept {
  std::uint64_t sum = 0;
  // Acquire; pairs with the release in seek_home(). The counts themselves relaxed.
  for (const auto& stripe : memory_.load(std::memory_order_acquire)->stripes) {
    sum += stripe.counts[static_cast<std::size_t>(count)].load(std::memory_order_relaxed);
  }
  return sum;
}

bool ShimCounters::has_file() const noexcept {
  // Acquire; pairs with the release in seek_home().
  return home_.load(std::memory_order_acquire) == Home::file;
}

void ShimCounters::seek_home() noexcept {
  Home expected = Home::unsought;
  // Acquire; pairs with the releases below: who seeks sees how the last search left the file.
  if (!home_.compare_exchange_strong(expected, Home::sought, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
    return;
  }
  ShimCountersFile* memory = file_.open(segment_path_.data(), kind_);
  if (memory != nullptr) {
    pages_.store(0, std::memory_order_relaxed);  // published by the next store
    refused_pages_.store(0, std::memory_order_relaxed);
    // Release; pairs with the acquire in add() and record_of().
    memory_.store(memory, std::memory_order_release);
  }
  // Release; pairs with the acquire above and in has_file().
  home_.store(memory != nullptr ? Home::file : Home::none, std::memory_order_release);
}

bool ShimCounters::open_page(std::uint64_t page_bit) noexcept {
  // Relaxed: a hint that saves the system call.
  if ((refused_pages_.load(std::memory_order_relaxed) & page_bit) != 0) return false;
  ShimCountersFile* memory = memory_.load(std::memory_order_acquire);  // as in add()
  const auto page = static_cast<std::size_t>(std::countr_zero(page_bit));
  const std::size_t offset =
      offsetof(ShimCountersFile, backends) + page * shm_layout::shim_page_bytes;
  if (!file_.reserve(offset, shm_layout::shim_page_bytes)) {
    refused_pages_.fetch_or(page_bit, std::memory_order_relaxed);
    return false;
  }
  // Relaxed: tells the agent which pages to read; it reads a copy, whenever it does.
  memory->identity.backend_pages.fetch_or(page_bit, std::memory_order_relaxed);
  // Release; pairs with the acquire in record_of().
  pages_.fetch_or(page_bit, std::memory_order_release);
  return true;
}

// Only the thread that forked is here.
void ShimCounters::forget_in_child() noexcept {
  const bool has_segment = segment_path_[0] != '\0';
  memory_.store(&private_memory_, std::memory_order_relaxed);
  pages_.store(0, std::memory_order_relaxed);
  refused_pages_.store(0, std::memory_order_relaxed);
  file_.forget_in_child();
  home_.store(has_segment ? Home::unsought : Home::none, std::memory_order_relaxed);
}

// At the process's end, while other threads may go on counting.
void ShimCounters::leave() noexcept {
  // Acquire; pairs with the release in seek_home(). What a thread is making now, the agent removes.
  if (home_.exchange(Home::none, std::memory_order_acquire) != Home::file) return;
  memory_.store(&private_memory_, std::memory_order_relaxed);
  file_.remove();
}

// The segments that this process counts for. Constant-initialised and never destroyed.
class ProcessCounters {
 public:
  [[nodiscard]] ShimCounters& of(std::string_view segment_path, shm_layout::ShimKind kind) noexcept;
  void after_fork_in_child() noexcept;

 private:
  class Lock;

  [[nodiscard]] ShimCounters* find(std::string_view segment_path) noexcept;
  void leave_at_exit() noexcept;

  ShimCounters unlisted_{private_memory};
  ShimCounters counters_[counted_segments_max] = {
      ShimCounters{private_memory}, ShimCounters{private_memory}, ShimCounters{private_memory},
      ShimCounters{private_memory}, ShimCounters{private_memory}, ShimCounters{private_memory},
      ShimCounters{private_memory}, ShimCounters{private_memory}};
  std::atomic<std::size_t> count_{0};
  std::atomic<pid_t> holder_{0};  // the process whose thread is in of(), or 0
  bool has_exit_handler_ = false;
};

namespace {

constinit ProcessCounters process_wide;

}  // namespace

// By process, not by thread: what a parent's thread held when it forked is nobody's in the child.
class ProcessCounters::Lock {
 public:
  explicit Lock(std::atomic<pid_t>& holder) noexcept : holder_(holder) {
    const pid_t own = getpid();
    for (;;) {
      pid_t seen = holder_.load(std::memory_order_relaxed);  // the exchange decides
      // Acquire; pairs with the release in the destructor.
      if (seen != own && holder_.compare_exchange_weak(seen, own, std::memory_order_acquire,
                                                       std::memory_order_relaxed)) {
        return;
      }
      sched_yield();  // held for one file's making, once a segment
    }
  }
  ~Lock() { holder_.store(0, std::memory_order_release); }  // pairs with the acquire above
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  std::atomic<pid_t>& holder_;
};

ShimCounters* ProcessCounters::find(std::string_view segment_path) noexcept {
  const std::size_t count = count_.load(std::memory_order_relaxed);  // under the lock
  for (std::size_t i = 0; i < count; ++i) {
    if (segment_path == counters_[i].segment_path_.data()) return &counters_[i];
  }
  return nullptr;
}

ShimCounters& ProcessCounters::of(std::string_view segment_path,
                                  shm_layout::ShimKind kind) noexcept {
  if (segment_path.empty() || segment_path.size() >= path_bytes_max) return unlisted_;
  const Lock lock(holder_);
  if (ShimCounters* found = find(segment_path)) return *found;
  const std::size_t count = count_.load(std::memory_order_relaxed);  // under the lock
  if (count == counted_segments_max) return unlisted_;
  if (!has_exit_handler_) {
    has_exit_handler_ = std::atexit([] { process_wide.leave_at_exit(); }) == 0;
  }
  ShimCounters& counters = counters_[count];
  std::memcpy(counters.segment_path_.data(), segment_path.data(), segment_path.size());
  counters.segment_path_[segment_path.size()] = '\0';  // another's copy, cut off by a fork, goes
  counters.kind_ = kind;
  // Release; pairs with the acquire in leave_at_exit(), which takes no lock.
  count_.store(count + 1, std::memory_order_release);
  counters.home_.store(ShimCounters::Home::unsought, std::memory_order_relaxed);  // by this thread
  counters.seek_home();
  return counters;
}

void ProcessCounters::after_fork_in_child() noexcept {
  holder_.store(0, std::memory_order_relaxed);  // there is one thread
  const std::size_t count = count_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) counters_[i].forget_in_child();
}

void ProcessCounters::leave_at_exit() noexcept {
  const std::size_t count = count_.load(std::memory_order_acquire);  // pairs with of()
  for (std::size_t i = 0; i < count; ++i) counters_[i].leave();
}

ShimCounters& process_counters(std::string_view segment_path, shm_layout::ShimKind kind) noexcept {
  return process_wide.of(segment_path, kind);
}

void after_fork_in_child() noexcept {
  process_wide.after_fork_in_child();
}

}  // namespace ringfence::shim::counters
