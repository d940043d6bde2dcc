// The engine's thread: its loop, the orders that other threads leave, and the life of the libraft
// node (opened, failed, closed, opened anew). See raft_engine.hpp; libraft itself is behind
// raft_node.h.
#include "agent/engine/raft_engine.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <uv.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "agent/engine/disk_advice.hpp"
#include "agent/engine/log_owner.hpp"
#include "agent/engine/raft_node.h"

namespace ringfence::agent::engine {
namespace {

constexpr std::uint64_t reopen_ms = 1000;     // a full disk is looked at again this often
constexpr std::uint64_t apply_after_ms = 50;  // a change is over by then
constexpr std::size_t entry_bytes_max = std::size_t{1} << 20;  // engine.hpp

// Received and not yet looked at, while the disk keeps the thread: more is lost, as on a network.
constexpr std::size_t waiting_bytes_max = std::size_t{64} << 20;

struct Order {
  enum class Kind : std::uint8_t { commit, confirm_quorum, receive, set_voters, transfer } kind{};
  core::RequestId id{};
  std::string bytes{};  // an entry, or what was received
  core::Instant now{};
  core::AgentId from{};
  std::vector<Voter> voters{};
};

unsigned to_ms(core::Duration duration) {
  return static_cast<unsigned>(duration.ns / 1'000'000);
}

// The threads that libuv makes for the disk inherit this. Signals are the daemon's; SIGPIPE and
// SIGXFSZ would end the process where an error answer does.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

class RaftEngine::Loop {
 public:
  Loop(const RaftSettings& settings, StateMachine& machine, EngineEvents& events)
      : settings_(settings), machine_(machine), events_(events) {}

  Status start(RaftFault& fault) {
    std::promise<Status> opened;
    std::future<Status> is_open = opened.get_future();
    thread_ = std::thread([this, &opened, &fault] { run(opened, fault); });
    Status status = is_open.get();
    if (!status) thread_.join();
    return status;
  }

  void leave(Order order) {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return;
    if (order.kind == Order::Kind::receive) {
      if (waiting_bytes_ + order.bytes.size() > waiting_bytes_max) return;
      waiting_bytes_ += order.bytes.size();
    }
    orders_.push_back(std::move(order));
    uv_async_send(&wake_);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      if (!is_stopping_) {
        is_stopping_ = true;
        uv_async_send(&wake_);
      }
    }
    const std::lock_guard joining(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  // --- the thread ------------------------------------------------------------------------------

  void run(std::promise<Status>& opened, RaftFault& fault) {
    block_signals();
    uv_loop_init(&loop_);
    uv_async_init(&loop_, &wake_, [](uv_async_t* handle) { self(handle->data).on_wake(); });
    uv_timer_init(&loop_, &reopen_timer_);
    uv_timer_init(&loop_, &apply_timer_);
    wake_.data = reopen_timer_.data = apply_timer_.data = this;
    Status status = open(fault);
    const bool is_open = status.is_ok();
    if (!is_open) close_handles();
    if (is_open) opened.set_value(Done{});
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
    if (!is_open) opened.set_value(status.error());
  }

  void close_handles() {
    apply_waiting();
    uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&reopen_timer_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&apply_timer_), nullptr);
  }

  static Loop& self(void* data) { return *static_cast<Loop*>(data); }

  void on_wake() {
    std::vector<Order> orders;
    bool is_stopping = false;
    {
      const std::lock_guard lock(mutex_);
      orders.swap(orders_);
      waiting_bytes_ = 0;
      is_stopping = is_stopping_;
    }
    for (Order& order : orders) perform(order);
    if (!is_stopping || is_closing_) return;
    is_closing_ = true;
    uv_timer_stop(&reopen_timer_);
    if (node_ == nullptr) return close_handles();
    // While a failed node closes, on_closed() ends the rest.
    if (!is_node_closing_) close_node("the agent stops");
  }

  void perform(const Order& order) {
    raft_node* node = is_node_closing_ ? nullptr : node_;
    switch (order.kind) {
      case Order::Kind::commit:
        return commit(node, order);
      case Order::Kind::confirm_quorum:
        if (node != nullptr) return raft_node_confirm_quorum(node, order.now.ns);
        // See the head of raft_engine.hpp: alone, and the log is opened anew.
        return events_.on_quorum(order.now, is_alone_ && led_term_.value != 0);
      case Order::Kind::receive:
        if (node == nullptr) return;
        return raft_node_receive(node, order.from.value, order.bytes.data(), order.bytes.size());
      case Order::Kind::set_voters:
        if (node != nullptr) set_voters(node, order.voters);
        return;
      case Order::Kind::transfer:
        if (node != nullptr) raft_node_transfer(node);
        return;
    }
  }

  void commit(raft_node* node, const Order& order) {
    if (order.bytes.empty() || order.bytes.size() > entry_bytes_max) {
      return events_.on_committed(
          order.id, false,
          fmt::format("an entry has 1 to {} bytes, not {}", entry_bytes_max, order.bytes.size()));
    }
    if (node == nullptr) return events_.on_committed(order.id, false, refusal_);
    raft_node_commit(node, order.id.value, order.bytes.data(), order.bytes.size());
  }

  // The names stay the caller's.
  static std::vector<raft_node_voter> to_node(const std::vector<Voter>& voters) {
    std::vector<raft_node_voter> to;
    to.reserve(voters.size());
    for (const Voter& voter : voters) to.push_back({voter.id.value, voter.address.c_str()});
    return to;
  }

  static void set_voters(raft_node* node, const std::vector<Voter>& wanted) {
    const std::vector<raft_node_voter> voters = to_node(wanted);
    raft_node_set_voters(node, voters.data(), voters.size());
  }

  // --- the node --------------------------------------------------------------------------------

  Status damaged(RaftFault& fault, const std::string& why) const {
    fault = RaftFault::damaged;
    return Error{fmt::format("the engine's log in {} is damaged: {}", settings_.dir, why)};
  }

  Status open(RaftFault& fault) {
    fault = RaftFault::other;
    Result<LogOwner> owner = claim_log(settings_.dir, settings_.id);
    if (!owner) return owner.error();
    if (owner.value().is_damaged) return damaged(fault, "the file that names its owner is");
    if (owner.value().is_other) {
      return damaged(fault, fmt::format("it belongs to another agent ({:016x}) than {:016x}",
                                        owner.value().id.value, settings_.id.value));
    }
    return open_node(fault, owner.value().has_begun);
  }

  Status open_node(RaftFault& fault, bool has_begun) {
    raft_node_settings settings{};
    const std::vector<raft_node_voter> bootstrap = to_node(settings_.bootstrap);
    settings.bootstrap = bootstrap.data();
    settings.bootstrap_count = bootstrap.size();
    settings.has_begun = has_begun ? 1 : 0;
    settings.dir = settings_.dir.c_str();
    settings.id = settings_.id.value;
    settings.term_min = settings_.term_min.value;
    settings.election_ms = to_ms(settings_.election_timeout);
    settings.heartbeat_ms = to_ms(settings_.heartbeat);
    settings.commit_timeout_ms = to_ms(settings_.commit_timeout);
    settings.snapshot_threshold = settings_.snapshot_threshold;
    settings.snapshot_trailing = settings_.snapshot_trailing;
    const raft_node_callbacks callbacks = callbacks_to_this();
    char why[RAFT_NODE_TEXT_BYTES] = "";
    int is_damaged = 0;
    is_node_closing_ = false;
    node_ = raft_node_open(&loop_, &settings, &callbacks, why, &is_damaged);
    if (node_ != nullptr) {
      apply_waiting();
      is_alone_ = raft_node_is_alone(node_) != 0;
      fault = RaftFault::none;
      return Done{};
    }
    if (is_damaged != 0) return damaged(fault, why);
    return Error{fmt::format("the engine's log in {} cannot be opened: {}; {}", settings_.dir, why,
                             disk_advice(settings_.dir))};
  }

  raft_node_callbacks callbacks_to_this() {
    raft_node_callbacks to{};
    to.data = this;
    to.restore = [](void* data, std::uint64_t index, const char* bytes, std::size_t length) {
      return self(data).on_restore({index}, {bytes, length}) ? 0 : 1;
    };
    to.apply = [](void* data, std::uint64_t index, std::uint64_t term, const char* bytes,
                  std::size_t length) {
      self(data).on_apply({index}, {term}, {bytes, length});
    };
    to.snapshot = [](void* data, char** bytes, std::size_t* length) {
      self(data).apply_waiting();
      const std::string taken = self(data).machine_.snapshot();
      *bytes = raft_node_alloc(taken.size());
      *length = taken.size();
      if (*bytes == nullptr) return 1;
      std::memcpy(*bytes, taken.data(), taken.size());
      return 0;
    };
    to.leadership = [](void* data, int is_leader, std::uint64_t term) {
      self(data).on_leadership(is_leader != 0, {term});
    };
    to.committed = [](void* data, std::uint64_t id, int is_ok, const char* why, int is_disk) {
      self(data).on_committed({id}, is_ok != 0, why, is_disk != 0);
    };
    to.quorum = [](void* data, std::int64_t submitted_ns, int is_ok) {
      self(data).events_.on_quorum({submitted_ns}, is_ok != 0);
    };
    to.send = [](void* data, std::uint64_t agent, const char* bytes, std::size_t length) {
      self(data).events_.on_send({agent}, std::string(bytes, length));
    };
    to.voters = [](void* data, const std::uint64_t* ids, std::size_t count) {
      self(data).on_voters(ids, count);
    };
    to.begins = [](void* data) {
      const Loop& loop = self(data);
      return note_log_began(loop.settings_.dir, loop.settings_.id).is_ok() ? 0 : 1;
    };
    to.failed = [](void* data, const char* what) { self(data).on_failed(what); };
    to.closed = [](void* data) { self(data).on_closed(); };
    return to;
  }

  // A log that is opened anew in this life tells what was told already: the machine and the
  // listeners have it.
  bool on_restore(core::LogIndex index, std::string_view bytes) {
    if (index <= told_) return true;
    unapplied_.clear();
    if (!machine_.restore(bytes)) return false;
    told_ = index;
    events_.on_restored(index, std::string(bytes));
    return true;
  }

  void on_apply(core::LogIndex index, core::Term term, std::string_view bytes) {
    if (index <= told_) return;
    told_ = index;
    events_.on_applied(index, term, std::string(bytes));
    unapplied_.emplace_back(index, bytes);
    if (uv_is_active(reinterpret_cast<const uv_handle_t*>(&apply_timer_)) != 0) return;
    uv_timer_start(
        &apply_timer_, [](uv_timer_t* timer) { self(timer->data).apply_waiting(); }, apply_after_ms,
        0);
  }

  // The machine is for snapshots alone, and to apply a change takes it the better part of a
  // millisecond: not while the fleet waits for that change.
  void apply_waiting() {
    for (const auto& [index, bytes] : unapplied_) machine_.apply(index, bytes);
    unapplied_.clear();
  }

  void on_voters(const std::uint64_t* ids, std::size_t count) {
    std::vector<core::AgentId> voters(count);
    std::transform(ids, ids + count, voters.begin(),
                   [](std::uint64_t id) { return core::AgentId{id}; });
    std::sort(voters.begin(), voters.end());
    // A log that is opened anew tells again.
    if (are_voters_told_ && voters == voters_) return;
    are_voters_told_ = true;
    voters_ = voters;
    events_.on_voters(std::move(voters));
  }

  void on_leadership(bool is_leader, core::Term term) {
    if (is_leader && led_term_.value != 0) events_.on_leadership(false, led_term_);
    led_term_ = is_leader ? term : core::Term{};
    if (term > settings_.term_min) settings_.term_min = term;
    events_.on_leadership(is_leader, term);
  }

  void on_committed(core::RequestId id, bool is_ok, const char* why, bool is_disk) {
    if (is_ok) return events_.on_committed(id, true, "");
    std::string text = fmt::format("not committed: {}", why);
    if (is_disk) text += "; " + disk_advice(settings_.dir);
    events_.on_committed(id, false, std::move(text));
  }

  void close_node(const char* why) {
    is_node_closing_ = true;
    raft_node_close(node_, why);
  }

  void on_failed(const char* what) {
    refusal_ = fmt::format("not committed: the disk refuses writes ({}); {}", what,
                           disk_advice(settings_.dir));
    const std::string why = what;  // the node's own text ends with it
    if (!is_alone_ && led_term_.value != 0) {
      events_.on_leadership(false, led_term_);
      led_term_ = {};
    }
    close_node(why.c_str());
  }

  void on_closed() {
    node_ = nullptr;
    if (is_closing_) return close_handles();
    reopen_later();
  }

  void reopen_later() {
    uv_timer_start(
        &reopen_timer_, [](uv_timer_t* timer) { self(timer->data).reopen(); }, reopen_ms, 0);
  }

  void reopen() {
    RaftFault fault = RaftFault::none;
    const Status status = open(fault);
    if (status) return;
    refusal_ = "not committed: " + status.error().message;
    if (fault == RaftFault::other) return reopen_later();
    if (led_term_.value != 0) events_.on_leadership(false, led_term_);
    led_term_ = {};
    events_.on_fatal(status.error());
  }

  RaftSettings settings_;
  StateMachine& machine_;
  EngineEvents& events_;

  std::mutex mutex_;  // guards the next three
  std::vector<Order> orders_;
  std::size_t waiting_bytes_ = 0;
  bool is_stopping_ = false;
  std::mutex join_mutex_;
  std::thread thread_;

  // The rest belongs to the thread (wake_ may be signalled by any).
  uv_loop_t loop_{};
  uv_async_t wake_{};
  uv_timer_t reopen_timer_{};
  uv_timer_t apply_timer_{};
  std::vector<std::pair<core::LogIndex, std::string>> unapplied_;  // told, not in the machine yet
  raft_node* node_ = nullptr;
  bool is_node_closing_ = false;
  bool is_closing_ = false;
  bool is_alone_ = false;
  core::LogIndex told_;
  core::Term led_term_;
  std::vector<core::AgentId> voters_;
  bool are_voters_told_ = false;
  std::string refusal_;
};

RaftEngine::RaftEngine(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
RaftEngine::~RaftEngine() {
  loop_->stop();
}

Result<std::unique_ptr<RaftEngine>> RaftEngine::start(const RaftSettings& settings,
                                                      StateMachine& machine, EngineEvents& events,
                                                      RaftFault* fault) {
  RaftFault found = RaftFault::none;
  auto loop = std::make_unique<Loop>(settings, machine, events);
  Status status = loop->start(found);
  if (fault != nullptr) *fault = found;
  if (!status) return status.error();
  return std::unique_ptr<RaftEngine>(new RaftEngine(std::move(loop)));
}

void RaftEngine::commit(core::RequestId id, std::string entry) {
  Order order{Order::Kind::commit};
  order.id = id;
  order.bytes = std::move(entry);
  loop_->leave(std::move(order));
}
void RaftEngine::confirm_quorum(core::Instant now) {
  Order order{Order::Kind::confirm_quorum};
  order.now = now;
  loop_->leave(std::move(order));
}
void RaftEngine::receive(core::AgentId from, std::string bytes) {
  Order order{Order::Kind::receive};
  order.from = from;
  order.bytes = std::move(bytes);
  loop_->leave(std::move(order));
}
void RaftEngine::set_voters(std::vector<Voter> wanted) {
  Order order{Order::Kind::set_voters};
  order.voters = std::move(wanted);
  loop_->leave(std::move(order));
}
void RaftEngine::transfer_leadership() {
  loop_->leave(Order{Order::Kind::transfer});
}
void RaftEngine::stop() {
  loop_->stop();
}

}  // namespace ringfence::agent::engine
