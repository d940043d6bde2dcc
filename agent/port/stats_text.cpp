#include "agent/port/stats_text.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>

#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"
#include "shim/text/line.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::port {
namespace {

class Stats {
 public:
  template <typename T>
  void add(std::string_view name, const T& value) {
    fmt::format_to(std::back_inserter(text_), "STAT {} {}\r\n", name, value);
  }
  [[nodiscard]] std::string end() && { return std::move(text_) + "END\r\n"; }

 private:
  std::string text_;
};

void add_process(Stats& stats, IoThread& thread) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const std::int64_t up_ns = shm_layout::boottime_ns() - thread.shared().started_ns;
  stats.add("pid", getpid());
  stats.add("uptime", up_ns / shm_layout::ns_per_second);
  stats.add("time", std::time(nullptr));
  stats.add("version", thread.version());
  stats.add("libevent", fmt::format("libuv-{}", uv_version_string()));
  stats.add("pointer_size", 8 * sizeof(void*));
  stats.add("rusage_user", fmt::format("{}.{:06}", usage.ru_utime.tv_sec, usage.ru_utime.tv_usec));
  stats.add("rusage_system",
            fmt::format("{}.{:06}", usage.ru_stime.tv_sec, usage.ru_stime.tv_usec));
}

void add_commands(Stats& stats, const PortCounters& sum) {
  stats.add("cmd_get", sum.cmd_get);
  stats.add("cmd_set", sum.cmd_set);
  stats.add("cmd_flush", sum.cmd_flush);
  stats.add("cmd_touch", sum.cmd_touch);
  stats.add("get_hits", sum.get_hits);
  stats.add("get_misses", sum.get_misses);
  stats.add("delete_misses", sum.delete_misses);
  stats.add("delete_hits", sum.delete_hits);
  stats.add("incr_misses", sum.incr_misses);
  stats.add("incr_hits", sum.incr_hits);
  stats.add("decr_misses", sum.decr_misses);
  stats.add("decr_hits", sum.decr_hits);
  stats.add("cas_misses", sum.cas_misses);
  stats.add("cas_hits", sum.cas_hits);
  stats.add("cas_badval", sum.cas_badval);
  stats.add("touch_hits", sum.touch_hits);
  stats.add("touch_misses", sum.touch_misses);
}

void add_ringfence(Stats& stats, IoThread& thread, const PortCounters& sum) {
  // Acquire, as every reader of the view's number; pairs with SegmentWriter::end_publish.
  stats.add("ringfence_epoch", thread.segment().control().epoch.load(std::memory_order_acquire));
  stats.add("ringfence_pool", thread.settings().pool);
  stats.add("ringfence_tags", thread.segment().pool().has_tags() ? 1 : 0);
  stats.add("ringfence_refused_by_lease", sum.refused_by_lease);
  stats.add("ringfence_refused_by_fence", sum.refused_by_fence);
  stats.add("ringfence_redone", sum.redone);
  stats.add("ringfence_backend_errors", sum.backend_errors);
  stats.add("ringfence_closed_slow_clients", sum.closed_slow_clients);
}

std::string general_text(IoThread& thread) {
  PortCounters sum;
  for (const ThreadCounters* counters : thread.shared().counters) counters->add_to(sum);
  Stats stats;
  add_process(stats, thread);
  stats.add("max_connections", thread.settings().max_connections);
  stats.add("curr_connections", sum.curr_connections);
  stats.add("total_connections", sum.total_connections);
  stats.add("rejected_connections", sum.rejected_connections);
  add_commands(stats, sum);
  stats.add("bytes_read", sum.bytes_read);
  stats.add("bytes_written", sum.bytes_written);
  stats.add("threads", thread.settings().io_threads);
  add_ringfence(stats, thread, sum);
  return std::move(stats).end();
}

std::string settings_text(IoThread& thread) {
  const PortSettings& settings = thread.settings();
  Stats stats;
  stats.add("maxconns", settings.max_connections);
  stats.add("num_threads", settings.io_threads);
  stats.add("cas_enabled", "yes");
  stats.add("flush_enabled", settings.allows_flush_all ? "yes" : "no");
  stats.add("binding_protocol", "auto-negotiate");
  stats.add("ringfence_request_timeout_ms", settings.request_timeout.ns / shm_layout::ns_per_ms);
  stats.add("ringfence_change_wait_ms", settings.change_wait.ns / shm_layout::ns_per_ms);
  stats.add("ringfence_get_failure", settings.tells_get_failure ? "error" : "miss");
  stats.add("ringfence_store_failure", settings.tells_store_failure ? "error" : "not_stored");
  stats.add("ringfence_client_buffer_max", client_buffer_bytes_max);
  return std::move(stats).end();
}

}  // namespace

std::string stats_text(IoThread& thread, std::string_view argument) {
  shim::text::Words words(argument);
  const std::string_view name = words.next();
  if (name.empty()) return general_text(thread);
  if (name == "settings") return settings_text(thread);
  // The port keeps no items: what these name lies on the backends.
  if (name == "items" || name == "slabs" || name == "sizes" || name == "conns") return "END\r\n";
  // Counters only grow here, so that rates can be drawn from them; memcached's answer all the same.
  if (name == "reset") return "RESET\r\n";
  if (name == "detail") {
    const std::string_view what = words.next();
    if (what == "on" || what == "off") return "OK\r\n";
    if (what == "dump") return "END\r\n";
    return "CLIENT_ERROR usage: stats detail on|off|dump\r\n";
  }
  if (name == "cachedump") return "CLIENT_ERROR stats cachedump not allowed\r\n";
  return "ERROR\r\n";
}

}  // namespace ringfence::agent::port
