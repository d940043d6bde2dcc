// One I/O thread: a libuv loop, its clients, its links to the backends, and the end of each turn,
// where what the turn gathered is sent: one write for each link and each client.
// post() may be called from any thread; everything else runs on the loop's thread alone.
#pragma once

#include <uv.h>

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/port/backend_links.hpp"
#include "agent/port/chunk.hpp"
#include "agent/port/counters.hpp"
#include "agent/port/dispatcher.hpp"
#include "agent/port/flushes.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/port.hpp"
#include "agent/port/request.hpp"
#include "agent/port/ticker.hpp"
#include "agent/port/uploads.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::port {

class Client;
class IoThread;

// What all I/O threads of a port see.
struct PortShared {
  const shm_layout::SegmentReader& segment;
  PortEvents& events;
  std::int64_t started_ns = 0;  // CLOCK_BOOTTIME
  // Relaxed: a limit and a count, no data hangs on them.
  std::atomic<std::uint32_t> connection_count{0};
  // Set before the threads start, cleared after they ended; read by `stats`.
  std::vector<const ThreadCounters*> counters;
};

class IoThread final : private Ticker::Owner {
 public:
  using Task = std::function<void(IoThread&)>;

  IoThread(PortShared& shared, PortSettings settings);
  ~IoThread();  // after join()
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  [[nodiscard]] Status start();
  bool post(Task task);  // any thread; false: the thread ends, and the task is dropped
  void join();           // after finish() was posted
  // Asks for a sign of life. How many askings before this one are unanswered; 0 once it has ended.
  // The daemon's thread.
  [[nodiscard]] std::uint32_t ask_for_life();

  // Takes a connected socket over.
  void adopt(int fd);
  // Ends idle clients now, the others when they were answered, all of them after `limit_ms`; then
  // the thread ends.
  void finish(std::uint64_t limit_ms);
  void apply(const PortSettings& settings) { settings_ = settings; }

  [[nodiscard]] uv_loop_t* loop() noexcept { return &loop_; }
  [[nodiscard]] std::uint64_t now_ms() const noexcept { return uv_now(&loop_); }
  [[nodiscard]] const PortSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] PortShared& shared() noexcept { return shared_; }
  [[nodiscard]] const shm_layout::SegmentReader& segment() const noexcept {
    return shared_.segment;
  }
  [[nodiscard]] ThreadCounters& counters() noexcept { return counters_; }
  [[nodiscard]] const ThreadCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] Account& input() noexcept { return input_; }
  [[nodiscard]] Account& output() noexcept { return output_; }
  // Where the next recv from a client goes, and from a backend; inside a large value there is more,
  // unless too much is held already.
  [[nodiscard]] ChunkRef& room_for_input(bool is_large) {
    return is_large && input_.bytes <= input_budget_bytes
               ? large_inputs_.with_room(large_receive_room_bytes_min)
               : inputs_.with_room(receive_room_bytes_min);
  }
  [[nodiscard]] ChunkRef& room_for_answers(bool is_large) {
    return is_large && output_.bytes <= output_budget_bytes
               ? large_answers_.with_room(large_receive_room_bytes_min)
               : answers_.with_room(receive_room_bytes_min);
  }
  // Where clients' replies are gathered: those on their way, and those that wait for their turn.
  [[nodiscard]] Arena& replies() noexcept { return replies_; }
  [[nodiscard]] Arena& waiting_replies() noexcept { return waiting_replies_; }
  [[nodiscard]] shim::text::Request& parsed() noexcept { return parsed_; }
  [[nodiscard]] RequestPool& requests() noexcept { return requests_; }
  [[nodiscard]] Dispatcher& dispatcher() noexcept { return dispatcher_; }
  [[nodiscard]] BackendLinks& links() noexcept { return links_; }
  [[nodiscard]] Uploads& uploads() noexcept { return uploads_; }
  [[nodiscard]] Flushes& flushes() noexcept { return flushes_; }
  [[nodiscard]] bool is_draining() const noexcept { return is_draining_; }
  [[nodiscard]] std::string& version() noexcept { return version_; }
  [[nodiscard]] std::uint64_t connect_timeout_ms() const noexcept {
    return to_ms(settings_.connect_timeout);
  }
  [[nodiscard]] std::uint64_t request_timeout_ms() const noexcept {
    return to_ms(settings_.request_timeout);
  }
  [[nodiscard]] std::uint64_t change_wait_ms() const noexcept {
    return to_ms(settings_.change_wait);
  }
  // How many reply bytes one client may hold before its backend link waits for it.
  [[nodiscard]] std::size_t client_buffer_limit() const noexcept;

  // Work for the end of this turn.
  void mark_runnable(Client& client);  // it may take more commands
  void mark_dirty(Client& client);     // it has something to send, or may be over
  void mark_dirty(BackendLink& link);
  void bury(Client& client);    // its last request is back and its connection ended
  void forget(Client& client);  // its connection ended
  // Keeps the tick running until nothing has a deadline.
  void need_tick();

 private:
  [[nodiscard]] static std::uint64_t to_ms(core::Duration duration) noexcept {
    return static_cast<std::uint64_t>(duration.ns / shm_layout::ns_per_ms);
  }
  void run_loop();
  void settle();
  void take_posts();
  void on_tick() override;
  void end_when_done();
  void close_handles();

  PortShared& shared_;
  PortSettings settings_;
  uv_loop_t loop_{};
  uv_async_t wake_{};
  uv_prepare_t before_poll_{};
  uv_check_t after_poll_{};
  Ticker ticker_;
  std::thread thread_;

  std::mutex posts_mutex_;
  std::vector<Task> posts_;      // guarded by posts_mutex_
  bool takes_no_posts_ = false;  // guarded by posts_mutex_; wake_ is closed then

  std::uint32_t asked_ = 0;  // the daemon's thread
  // The last asking that was answered. Relaxed: a count, no data hangs on it.
  std::atomic<std::uint32_t> answered_{0};

  ThreadCounters counters_;
  Account input_, output_;
  Arena inputs_{receive_chunk_bytes, input_};
  Arena large_inputs_{large_receive_chunk_bytes, input_};
  Arena answers_{receive_chunk_bytes, output_};
  Arena large_answers_{large_receive_chunk_bytes, output_};
  Arena replies_{reply_chunk_bytes, output_};
  Arena waiting_replies_{reply_chunk_bytes, output_};
  shim::text::Request parsed_;
  std::string version_ = "1.6.18";
  RequestPool requests_;
  Dispatcher dispatcher_;
  BackendLinks links_;
  Uploads uploads_;
  Flushes flushes_;

  std::vector<Client*> clients_;
  std::vector<Client*> runnable_, dirty_clients_;
  std::vector<BackendLink*> dirty_links_;
  std::vector<std::unique_ptr<Client>> buried_;
  std::size_t ghost_count_ = 0;  // clients whose connection ended and whose requests did not
  bool needs_tick_ = false;      // asked for since the last tick
  bool is_draining_ = false;
  bool is_closing_ = false;
  std::uint64_t drain_until_ms_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace ringfence::agent::port
