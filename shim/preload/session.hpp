// One overlaid connection. The application's file is and stays a real connection to the agent's
// port; what its keys are asked goes to their backends instead, and the answers come back in the
// order of the commands. Whatever cannot go that way goes to the agent on the real connection.
//
// Threads: one sends while one receives; each side has its lock, and a third one keeps who watches
// the session by epoll. Order: receiving, then (tried only) sending, then watching. A receive may
// sleep in the kernel under the receiving side's lock, as it would in the kernel itself.
//
// Life: adopt() makes it the session of a file, detach() takes the file away; the last reference
// puts its connections back. Its memory is never freed, only used for another session: a thread
// that holds a stale pointer finds a count, not a hole.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "shim/preload/answering.hpp"
#include "shim/preload/bell.hpp"
#include "shim/preload/caller.hpp"
#include "shim/preload/cancellation.hpp"
#include "shim/preload/commands.hpp"
#include "shim/preload/fifo.hpp"
#include "shim/preload/overlay.hpp"
#include "shim/preload/relaxed.hpp"
#include "shim/preload/report.hpp"
#include "shim/preload/watches.hpp"

namespace ringfence::shim::preload {

// For who waits for the view, or for what is held back to go.
inline constexpr std::int64_t view_tick_ns = shm_layout::ns_per_ms;

class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // --- Life
  [[nodiscard]] bool adopt(int fd, Overlay& overlay, bool is_nonblocking) noexcept;
  // Its agent is away while the lease goes on: a quiet file takes the place of the application's.
  [[nodiscard]] bool stand_in() noexcept;
  void detach() noexcept;  // the file is going; once
  // False: it is nobody's session now.
  [[nodiscard]] bool reference() noexcept;
  void release() noexcept;
  void after_fork_in_child() noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const Overlay& overlay() const noexcept { return *overlay_; }
  // Which of its lives this is.
  [[nodiscard]] std::uint64_t life() const noexcept {
    return life_.load(std::memory_order_relaxed);
  }
  // Whether its number is another socket's now.
  [[nodiscard]] bool is_replaced() const noexcept;

  // --- What the application does. As the system calls: errno tells.
  ssize_t send(const iovec* pieces, std::size_t count, int flags) noexcept;
  // A slice of it: may be `slice_passed`, and `ask_libc` (cancellation.hpp). `end_ns`: of the
  // timeout, 0 before the first slice.
  ssize_t receive(char* to, std::size_t room, int flags, std::int64_t& end_ns) noexcept;
  [[nodiscard]] std::size_t readable_bytes() noexcept;  // FIONREAD
  void set_nonblocking(bool is_nonblocking) noexcept { is_nonblocking_ = is_nonblocking; }
  void set_receive_timeout(std::int64_t ns) noexcept { receive_timeout_ns_ = ns; }
  void set_send_timeout(std::int64_t ns) noexcept { send_timeout_ns_ = ns; }
  void shut_down(int how) noexcept;
  // From now on everything goes to the agent, once what is under way is answered.
  void leave_to_agent(Way why) noexcept;
  // Nothing passes here any more but system calls on the application's own file.
  [[nodiscard]] bool is_left_to_agent() const noexcept {
    return is_left_.load(std::memory_order_acquire);
  }

  // --- poll() and select(). What a session that is not ready waits for.
  struct Waits {
    bool is_readable = false;  // now
    int read_fd = -1;          // a byte there may make it readable; -1: time will
    int write_fd = -1;
    bool is_idle = false;    // nothing is under way, or another thread receives: it may change that
    bool is_silent = false;  // nothing is under way
    std::int64_t within_ns = slice_ns;  // to be asked again
  };
  // `has_news`: its read_fd was reported.
  [[nodiscard]] Waits waits(bool wants_read, bool wants_write, bool has_news) noexcept;
  // Around a sleep of who found it idle: a file that tells when another thread asks something.
  [[nodiscard]] int begin_idle_wait() noexcept;
  [[nodiscard]] bool is_idle() const noexcept { return fifo_.is_empty(); }
  void end_idle_wait() noexcept;

  // --- epoll
  int watch(int epoll_fd, int operation, epoll_event* event) noexcept;
  void forget_epoll(int epoll_fd) noexcept;

 private:
  // Sending: session_send.cpp
  [[nodiscard]] ssize_t send_bytes(std::string_view bytes, bool may_wait);
  [[nodiscard]] std::size_t take(std::string_view bytes);
  [[nodiscard]] std::size_t take_held(std::string_view bytes);
  [[nodiscard]] std::size_t take_now(std::string_view bytes);
  [[nodiscard]] bool take_command(std::string_view bytes, std::size_t& taken);
  [[nodiscard]] bool begin_command(const Command& command, std::string_view bytes);
  [[nodiscard]] std::size_t hold(std::string_view bytes);
  [[nodiscard]] std::size_t pass_body(std::string_view bytes);
  [[nodiscard]] std::size_t pass_raw(std::string_view bytes) noexcept;
  [[nodiscard]] bool flush() noexcept;
  [[nodiscard]] bool wait_to_send(std::int64_t end_ns) noexcept;
  [[nodiscard]] bool is_behind_barrier() noexcept;
  [[nodiscard]] int drain() noexcept;
  void hasten_barrier();
  void continue_held() noexcept;

  // Asking: session_ask.cpp
  void submit(const Command& command);
  void submit_retrieval(const text::Request& request);
  // By a key of the retrieval that is being made.
  [[nodiscard]] bool is_asked_of_agent(const Entry& entry, std::uint32_t slot) const noexcept;
  [[nodiscard]] bool has_reserved_key(const text::Request& request) const noexcept;
  void submit_keyless(const Command& command, std::string_view front);
  void submit_local(std::string_view answer);
  void fail_here(const Command& command, Entry& entry, std::string_view why);
  [[nodiscard]] Link* choose(Ticket& ticket, std::string_view key, text::Verb verb);
  [[nodiscard]] bool has_agent() noexcept;
  [[nodiscard]] bool is_under_way(std::uint32_t slot, bool is_through_agent) const noexcept;
  [[nodiscard]] Link* through_agent(const Ticket& ticket, Way why) noexcept;
  [[nodiscard]] Link* link_to(std::uint16_t backend);
  void retire(Link*& link) noexcept;
  void sweep_retired() noexcept;
  void follow_segment() noexcept;
  void mark_dirty(Link& link);
  void push(Entry& entry);
  void note_agent_slot(std::uint32_t slot, int change) noexcept;
  [[nodiscard]] std::uint16_t part_of(Entry& entry, Link& link);
  void fill(Entry& entry, const Command& command);
  void write_front(Link& link, const Command& command, const Entry& entry,
                   std::string_view wire_key);

  // Receiving: session_receive.cpp
  [[nodiscard]] ssize_t receive_now(char* to, std::size_t room, std::int64_t* end_ns) noexcept;
  [[nodiscard]] ssize_t pull(char* to, std::size_t room, std::int64_t* end_ns, bool may_receive);
  [[nodiscard]] std::int64_t left_ns(std::int64_t* end_ns) const noexcept;
  [[nodiscard]] std::size_t take_ready(char* to, std::size_t room) noexcept;
  enum class Filled : std::uint8_t { some, none, interrupted };
  [[nodiscard]] Filled fill_inbox(Entry& entry, Link& link, Sink& sink, Answering& answering,
                                  std::int64_t wait_ns) noexcept;
  [[nodiscard]] static ssize_t receive_from(const Link& link, char* to, std::size_t room,
                                            std::int64_t wait_ns) noexcept;
  [[nodiscard]] bool goes_on() const noexcept;
  void pop(Entry& entry) noexcept;
  void end_broken(const Entry& entry) noexcept;
  void note(const Tally& tally) noexcept;
  [[nodiscard]] ssize_t receive_idle(char* to, std::size_t room, std::int64_t* end_ns) noexcept;
  [[nodiscard]] bool wait_idle(std::int64_t ns) noexcept;
  [[nodiscard]] Stepped step(const Entry& entry, Answering& answering, const Tally& tally);
  [[nodiscard]] bool give_up(const Entry& entry, Link& link, std::int64_t patience_ns) noexcept;
  [[nodiscard]] std::int64_t patience_ns(const Entry& entry, const Link& link) const noexcept;
  [[nodiscard]] std::int64_t sleep_ns(const Entry& entry, const Link& link) const noexcept;
  [[nodiscard]] ssize_t peek(char* to, std::size_t room, std::int64_t* end_ns) noexcept;
  [[nodiscard]] bool has_ready() const noexcept { return ready_begin_ < ready_.size(); }
  [[nodiscard]] bool fill_ready(bool may_receive) noexcept;
  [[nodiscard]] bool may_look() noexcept;
  [[nodiscard]] Link* head_link() noexcept;
  [[nodiscard]] int head_fd() noexcept;

  // Watching: session_watch.cpp
  void watch_link(Link& link) noexcept;
  void unwatch_link(Link& link) noexcept;
  void wake_watchers(std::int64_t within_ns) noexcept;
  [[nodiscard]] std::int64_t tick_ns() const noexcept;
  [[nodiscard]] bool may_have_answer(bool has_news) const noexcept;
  [[nodiscard]] std::int64_t look_within_ns(const Entry& head) noexcept;
  [[nodiscard]] static std::int64_t look_within_ns(const Link& link,
                                                   std::int64_t patience_ns) noexcept;
  void note_blocked(Link* link) noexcept;
  void wake_idle_reader() noexcept;

  void end(bool has_file) noexcept;
  [[nodiscard]] bool is_left_behind(const Caller& caller) noexcept;
  void unwatch_all() noexcept;
  void await_writes() noexcept;
  [[nodiscard]] bool is_raw() const noexcept { return is_raw_.load(std::memory_order_acquire); }
  void become_raw() noexcept { is_raw_.store(true, std::memory_order_release); }

  // 0: nobody's. One for the file, one for each call that is under way. Release and acquire: see
  // adopt(), reference() and release().
  std::atomic<std::uint32_t> references_{0};
  std::atomic<std::uint64_t> life_{0};  // relaxed: who kept a number and finds it knows the life
  int fd_ = -1;
  Relaxed<std::uint64_t> cookie_;  // of the application's socket
  Overlay* overlay_ = nullptr;
  Relaxed<bool> is_nonblocking_;
  Relaxed<std::int64_t> receive_timeout_ns_;
  Relaxed<std::int64_t> send_timeout_ns_;
  Relaxed<bool> is_broken_;    // ECONNRESET until it is closed
  Relaxed<bool> is_shut_;      // nothing is received any more
  Relaxed<bool> is_ending_;    // nothing is sent any more: who is silent is not waited for
  Relaxed<bool> is_detached_;  // the file is going
  // Something stands behind a barrier, or may. The sending side's; a receiver that misses it looks
  // again within a slice.
  Relaxed<bool> is_holding_;
  // All bytes go to the agent, and come from there. Release in become_raw(), acquire in is_raw():
  // who sees it sees the entries that were pushed before.
  std::atomic<bool> is_raw_{false};
  // And all that was answered before was taken. Release where it is set, acquire in
  // is_left_to_agent(): who sees it finds nothing in memory that comes before the file's bytes.
  std::atomic<bool> is_left_{false};
  // The application's file leads to no agent any more. Release in stand_in(), acquire in
  // has_agent().
  std::atomic<bool> has_stood_in_{false};
  // Keys under way through the agent, by filter_of() of their slots. Release and acquire: see
  // note_agent_slot().
  static constexpr std::uint32_t filter_count = 256;
  [[nodiscard]] static constexpr std::uint32_t filter_of(std::uint32_t slot) noexcept {
    return slot % filter_count;
  }
  std::atomic<std::uint16_t> agent_slots_[filter_count]{};
  Fifo fifo_;

  Caller sender_;
  Caller receiver_;
  std::mutex sending_;  // what follows
  CommandReader reader_;
  std::string joined_;               // pieces; for one call
  std::string begun_;                // the front of a command that is not whole
  std::string held_;                 // what came behind a barrier
  std::size_t owed_bytes_ = 0;       // taken already; the application is to send them again
  std::size_t body_left_bytes_ = 0;  // of a value, to body_link_; null: to nobody
  Link* body_link_ = nullptr;
  bool is_barrier_ = false;  // nothing is passed on before all under way is answered
  bool wants_raw_ = false;
  Way raw_reason_ = Way::over;
  std::unique_ptr<Link> agent_;
  std::int64_t next_dial_ns_ = 0;  // to an agent that is back; CLOCK_BOOTTIME
  std::vector<Link*> links_;       // by backend
  std::vector<Link*> retired_;
  std::vector<Link*> dirty_;
  const Attachment* attachment_ = nullptr;
  std::string_view refusal_;  // why nobody could be asked: a line of port_answers.hpp
  std::uint64_t retrieval_number_ = 0;
  std::uint32_t next_opaque_ = 1;
  std::uint64_t submitted_ = 0;
  bool has_answered_here_ = false;  // no file tells of it
  struct Group {
    Link* link = nullptr;
    std::uint32_t keys = 0;
    std::size_t bytes = 0;
    std::size_t last = 0;
  };
  std::vector<Group> groups_;

  std::mutex receiving_;  // what follows
  std::string ready_;     // answered, and not taken by the application yet
  std::size_t ready_begin_ = 0;
  std::int64_t wait_end_ns_ = 0;    // Answering's
  std::unique_ptr<char[]> looked_;  // for one look; applications' stacks may be small

  std::mutex watching_;  // what follows, but for the last two
  Watches watches_;
  Bell bell_;
  Link* blocked_ = nullptr;   // the application waits to send; only compared and asked for its file
  HiddenFd quiet_peer_;       // of the file that stands in
  Relaxed<bool> is_watched_;  // watch() rings for a call that misses it
  // Threads that sleep until another one asks something. Sequentially consistent: see
  // begin_idle_wait() and send_bytes().
  std::atomic<int> idle_readers_{0};
};

// Keeps a session while a call is under way, or a slice of it. Its thread is not cancelled
// meanwhile: the last reference puts connections back (CalledSession; cancellation.hpp).
class SessionReference {
 public:
  explicit SessionReference(Session* session) noexcept : session_(session) {}
  ~SessionReference() {
    if (session_ != nullptr) session_->release();
  }
  SessionReference(const SessionReference&) = delete;
  SessionReference& operator=(const SessionReference&) = delete;
  explicit operator bool() const noexcept { return session_ != nullptr; }
  Session* operator->() const noexcept { return session_; }
  [[nodiscard]] Session* get() const noexcept { return session_; }

 private:
  Session* session_;
};

}  // namespace ringfence::shim::preload
