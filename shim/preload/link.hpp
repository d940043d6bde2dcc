// One connection of a session: to a backend, opened without anybody waiting for it, or to the
// agent's port, which is the application's own.
//
// Sending, opening and `output` are the sending side's, the inbox is the receiving side's; each
// uses the file by itself. A backend's connection belongs to one life of a backend and to one
// session at a time; between two it lies with the overlay.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "shim/preload/connection_budget.hpp"
#include "shim/preload/hidden_fd.hpp"
#include "shim/preload/inbox.hpp"
#include "shim/preload/relaxed.hpp"
#include "shim/sockets.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::shim::preload {

// How long a receive sleeps in the kernel before the view is looked at again: what a backend that
// hangs delays an answer by, once its slots have moved.
inline constexpr std::int64_t slice_ns = 100 * shm_layout::ns_per_ms;
// A server that accepts and says nothing for so long has no connection to spare.
inline constexpr std::int64_t open_timeout_ns = 250 * shm_layout::ns_per_ms;
// How long the first request by a new connection waits for it: what a near server needs many times.
inline constexpr std::int64_t greeting_wait_ns = 500'000;

enum class LinkState : std::uint8_t {
  connecting,
  greeting,  // asked for a sign of life
  up,
  refused,  // nobody is there
  full,     // somebody is there who has no connection to spare
};

class Link final : public Inbox {
 public:
  // To the agent, by the application's file; -1: by one that begin() makes.
  explicit Link(int fd, bool is_binary = false) noexcept
      : state_(fd >= 0 ? LinkState::up : LinkState::connecting),
        is_binary_(is_binary),
        is_agent_(true),
        borrowed_fd_(fd) {}
  Link(std::uint16_t index, std::uint16_t attachment, bool is_binary) noexcept
      : index_(index), attachment_(attachment), is_binary_(is_binary) {}
  ~Link() {
    file_.close();
    if (budget_ != nullptr) budget_->give_back(index_, place_);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // What it takes of the host's budget, until it goes.
  void hold_place(ConnectionBudget& budget, int place) noexcept {
    budget_ = &budget;
    place_ = place;
  }
  // Never waits. False: there is no file for it.
  [[nodiscard]] bool begin(const SocketAddress& address) noexcept;
  // How far opening has come, waited for by greeting_wait_ns at most: a new connection's.
  LinkState advance_soon() noexcept;
  // The same; never waits.
  LinkState advance() noexcept;
  [[nodiscard]] bool is_opening() const noexcept {
    return state_ == LinkState::connecting || state_ == LinkState::greeting;
  }
  [[nodiscard]] LinkState state() const noexcept { return state_; }

  // Sends what `output` holds, and then of `more` what goes at once. False: the connection is
  // broken; whatever was not sent is dropped.
  [[nodiscard]] bool send(std::string_view more, std::size_t& sent_of_more) noexcept;
  [[nodiscard]] bool has_output() const noexcept { return !output.empty(); }
  std::string output;

  [[nodiscard]] int fd() const noexcept { return is_borrowed() ? borrowed_fd_ : file_.get(); }
  [[nodiscard]] bool is_borrowed() const noexcept { return borrowed_fd_ >= 0; }
  [[nodiscard]] bool is_agent() const noexcept { return is_agent_; }
  [[nodiscard]] std::uint16_t index() const noexcept { return index_; }
  [[nodiscard]] std::uint16_t attachment() const noexcept { return attachment_; }
  [[nodiscard]] bool is_binary() const noexcept { return is_binary_; }
  // Nothing that is sent arrives any more. Relaxed: either side notes it, and the other comes to
  // see it by itself.
  [[nodiscard]] bool is_broken() const noexcept {
    return is_broken_.load(std::memory_order_relaxed);
  }
  void set_broken() noexcept { is_broken_.store(true, std::memory_order_relaxed); }
  // Whether the other side has ended it, or sent what nobody asked for. One system call.
  [[nodiscard]] bool is_stale() const noexcept;
  void close() noexcept { file_.close(); }
  // In a forked child: file and place are the parent's.
  void forget_file() noexcept {
    file_.forget();
    budget_ = nullptr;
  }

  // How many entries name it. The sending side adds them, and alone reads how many it added
  // (relaxed); the receiving side removes them: its release pairs with the acquire in
  // has_entries(), the sending side's: who sees none may free it.
  void add_entry() noexcept {
    pushed_.store(pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void remove_entry() noexcept {
    popped_.store(popped_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // By the receiving side, which has one; relaxed: one that was just added counts at the next look.
  [[nodiscard]] bool has_one_entry() const noexcept {
    return pushed_.load(std::memory_order_relaxed) - popped_.load(std::memory_order_relaxed) == 1;
  }
  [[nodiscard]] bool has_entries() const noexcept {
    return popped_.load(std::memory_order_acquire) != pushed_.load(std::memory_order_relaxed);
  }

  // When something came from it, and when some of a value went to it: the coarse clock. While the
  // application owes the rest of one it is fed, and its silence means nothing.
  std::int64_t arrived_ns = 0;  // the receiving side's
  Relaxed<std::int64_t> fed_ns;
  Relaxed<bool> is_fed;

  // Which life of the backend it belongs to.
  std::uint64_t sequence = 0;
  std::uint64_t incarnation = 0;
  SocketAddress address;
  std::int64_t idle_since_ns = 0;  // the overlay's; the coarse clock
  // The sending side's: its place among the parts of the retrieval that is being sent.
  std::uint64_t retrieval_number = 0;
  std::uint16_t part = 0;
  bool is_dirty = false;

 private:
  [[nodiscard]] LinkState greet() noexcept;
  [[nodiscard]] LinkState read_greeting() noexcept;
  [[nodiscard]] LinkState end(LinkState state) noexcept;
  void become_blocking() noexcept;

  HiddenFd file_;
  ConnectionBudget* budget_ = nullptr;
  int place_ = ConnectionBudget::no_place;
  LinkState state_ = LinkState::connecting;
  std::int64_t give_up_ns_ = 0;  // CLOCK_BOOTTIME
  const std::uint16_t index_ = 0;
  const std::uint16_t attachment_ = 0;
  const bool is_binary_ = false;
  const bool is_agent_ = false;
  const int borrowed_fd_ = -1;
  std::atomic<bool> is_broken_{false};
  std::atomic<std::uint32_t> pushed_{0};
  std::atomic<std::uint32_t> popped_{0};
};

}  // namespace ringfence::shim::preload
