// The watch over one backend: its connection, its probes, its flush, its claim, and when to say
// that it answers, that it is unreachable, or that its contents are lost.
// Owned by Watcher; runs on the loop's thread. It reports facts and never decides what they mean.
//
//   resting --retry--> opening --inspection answered--> ready --probe fails--> opening (at once)
//      ^                  |                                                       |
//      +---- fails -------+<------------------------ fails: BackendUnreachable ---+
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/backends/claim.hpp"
#include "agent/backends/connection.hpp"
#include "agent/backends/dialogue.hpp"
#include "agent/backends/flush_script.hpp"
#include "agent/backends/process_watch.hpp"
#include "agent/backends/watcher.hpp"

namespace ringfence::agent::backends {

// What all watches of one watcher share.
struct WatchContext {
  ConnectionContext connections;
  ClaimText claim;
  std::function<void(core::Event)> emit;         // delivered later, never from inside
  std::function<void(std::int64_t ns)> wake_by;  // tick() no later than that
  std::uint64_t random_state = 1;                // for jitter only

  [[nodiscard]] std::uint64_t random();
};

class BackendWatch final : private ConnectionEvents {
 public:
  BackendWatch(WatchContext& context, const core::StartWatching& order, Endpoint endpoint,
               const WatchSettings& settings);
  ~BackendWatch();
  BackendWatch(const BackendWatch&) = delete;
  BackendWatch& operator=(const BackendWatch&) = delete;

  void start();
  void configure(const WatchSettings& settings) { settings_ = settings; }
  void tick(std::int64_t now_ns);
  // When tick() is wanted next; far in the future if never.
  [[nodiscard]] std::int64_t next_wake_ns() const;
  // This process stood still for so long: what looks late is not the backend's fault.
  void postpone(std::int64_t by_ns);

  void hint();
  // Now, whatever the interval; told as BackendProbed unless `id` is 0.
  void probe(core::RequestId id);
  void flush(const core::FlushBackend& order);
  void claim();
  // It is no longer wanted: tells who waits for a flush. Then destroy it.
  void stop();
  void close();

  [[nodiscard]] const WatchCounters& counters() const { return counters_; }
  [[nodiscard]] SegmentAddress segment_address() const;

 private:
  enum class Phase : std::uint8_t { resting, opening, ready };
  struct Flush {
    core::RequestId id;
    FlushScript script;
    bool expected_claim = false;     // before it began
    std::int64_t wait_until_ns = 0;  // 0: an exchange is under way
  };

  // ConnectionEvents
  void on_connected(const SocketAddress& resolved) override;
  void on_bytes(std::string_view bytes) override;
  void on_failed(const std::string& why) override;

  // backend_watch.cpp: the connection's life
  void open();
  void rest();
  void fail(const std::string& why);
  void tell_unreachable(const std::string& why);
  void look_at_process(std::int64_t now_ns);
  void became_full();
  void drop_connection(const std::string& why);
  [[nodiscard]] bool ask(std::string_view wire, std::span<const shim::text::ReplyShape> shapes,
                         std::int64_t timeout_ns, Dialogue::Then then);
  void send_probe(std::int64_t now_ns);
  void on_probed(const Reply& reply);
  void tell_probed(bool is_reached);

  // backend_watch_contents.cpp: what is inside
  void inspect();
  void on_inspected(Dialogue::Replies replies);
  void check_claim(const Reply& reply);
  void look_why_claim_is_gone();
  void restore_claim();
  void check_contents(const ServerStats& stats);
  void write_claim();
  [[nodiscard]] std::string why_contents_are_lost(const ServerStats& stats) const;
  void report_contents_lost(std::string why, const ServerStats& stats);
  void take_step(const FlushScript::Step& step);
  void finish_flush(core::FlushOutcome outcome, const std::string& why);

  WatchContext& context_;
  const std::string pool_, address_;
  const Endpoint endpoint_;
  WatchSettings settings_;
  WatchCounters counters_;

  Phase phase_ = Phase::resting;
  Connection* connection_ = nullptr;  // deletes itself after close()
  Dialogue dialogue_;
  SocketAddress resolved_{};
  std::int64_t deadline_ns_ = 0;    // of what is outstanding; 0: nothing is
  std::int64_t next_probe_ns_ = 0;  // ready
  std::int64_t probed_at_ns_ = 0;
  std::int64_t retry_at_ns_ = 0;  // resting
  std::int64_t speak_at_ns_ = 0;  // opening: listen until then; 0: has spoken, or not connected
  std::int64_t backoff_ns_ = 0;
  std::uint32_t failure_count_ = 0;  // in a row
  ProcessWatch process_;             // of a backend on this host
  std::int64_t next_look_ns_ = 0;    // at its process
  bool has_connected_ = false;       // this connection
  bool has_heard_ = false;           // bytes on this connection
  bool listens_first_ = false;       // the last one was closed before a word
  bool is_answered_ = false;         // BackendAnswered was reported, and no Unreachable since
  bool is_unreachable_ = false;      // BackendUnreachable was reported, and no Answered since

  ServerStats baseline_;  // as it was when last known to be the same instance
  bool expects_claim_ = false;
  bool is_flush_uncertain_ = false;  // ours failed, and may have emptied it all the same
  bool wants_claim_ = false;         // ordered while there was no connection
  bool is_asking_claim_ = false;     // an exchange about a claim that is gone is under way
  std::int64_t renew_at_ns_ = 0;
  std::optional<Flush> flush_;
  std::vector<core::RequestId> asked_probes_;  // answered by what comes next: a reply or trouble
};

}  // namespace ringfence::agent::backends
