#include <fmt/format.h>

#include <algorithm>

#include "shm_layout/clock.hpp"
#include "shm_layout/slot_word.hpp"
#include "tools/shmdump/print.hpp"
#include "tools/shmdump/printable.hpp"

namespace ringfence::shmdump {
namespace {

constexpr const char* green = "\x1b[32m";
constexpr const char* yellow = "\x1b[33m";
constexpr const char* red = "\x1b[31m";
constexpr const char* plain = "\x1b[0m";

std::string freshness_text(const Snapshot& snapshot, bool has_color) {
  std::string name = name_of(snapshot.freshness);
  std::replace(name.begin(), name.end(), '_', ' ');
  if (!has_color) {
    return name;
  }
  const char* color = snapshot.freshness == Freshness::fresh   ? green
                      : snapshot.freshness == Freshness::stale ? yellow
                                                               : red;
  return color + name + plain;
}

std::string lease_text(const Snapshot& snapshot) {
  if (!snapshot.lease_left_ns) {
    return "none";
  }
  const std::int64_t left_ns = *snapshot.lease_left_ns;
  if (left_ns > 0) {
    return duration_text(left_ns) + " left";
  }
  // One added before the sign turns: the lowest number has no positive twin.
  return "ended " + duration_text(-(left_ns + 1)) + " ago";
}

std::string heartbeat_text(const Snapshot& snapshot) {
  return snapshot.heartbeat_age_ns ? duration_text(*snapshot.heartbeat_age_ns) + " ago" : "none";
}

std::string wait_text(std::uint32_t ms) {
  return duration_text(ms * shm_layout::ns_per_ms);
}

double share_percent(std::uint32_t slots) {
  return 100.0 * slots / shm_layout::slot_count;
}

std::string facts_text(const Snapshot& s) {
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    text += fmt::format("{:<10} {}\n", name, value);
  };
  add("state",
      fmt::format("{}; lease {}; heartbeat {}", s.state, lease_text(s), heartbeat_text(s)));
  add("view", fmt::format("epoch {}, digest {:016x}", s.epoch, s.digest));
  add("pool", fmt::format("{} of cluster {} (id {}){}", s.pool, s.cluster, s.cluster_id,
                          s.instance.empty() ? "" : ", instance " + s.instance));
  add("options", fmt::format("tags {}, hash tag {}, on lease loss {}",
                             s.has_tags ? "on, salt " + s.salt : "off",
                             s.hash_tag.empty() ? "none" : s.hash_tag,
                             s.serves_without_lease ? "serve" : "miss"));
  add("answers", fmt::format("get failure {}, store failure {}, request timeout {}, change wait {}",
                             s.answers.tells_get_failure() ? "error" : "miss",
                             s.answers.tells_store_failure() ? "error" : "not_stored",
                             wait_text(s.answers.request_timeout_ms()),
                             wait_text(s.answers.change_wait_ms())));
  add("preload", fmt::format("{} connections to one backend", s.connection_budget));
  add("agent",
      fmt::format("pid {}, incarnation {}, term {}", s.agent_pid, s.agent_incarnation, s.term));
  add("published", fmt::format("{} times, {} interrupted, {} takeovers", s.publish_count,
                               s.publish_interrupted_count, s.takeover_count));
  add("slots",
      fmt::format("{} served, {} unowned, {} fenced; generations {} to {}", s.served_count,
                  s.unowned_count, s.fenced_count, s.generation_lowest, s.generation_highest));
  add("layout", fmt::format("{}.{}, {} bytes, made {} ago", s.major, s.minor, s.segment_bytes,
                            duration_text(s.created_age_ns)));
  for (const std::string& address : s.intercepts) {
    add("intercept", address);
  }
  return text;
}

std::string backends_text(const Snapshot& snapshot) {
  std::size_t width = 7;
  for (const BackendRow& row : snapshot.backends) {
    width = std::max(width, row.address.size());
  }
  std::string text = fmt::format("\n{:>5}  {:<{}}  {:<6} {:>6} {:<7} {:>6} {:>7} {:>6} {:>11}\n",
                                 "index", "backend", width, "family", "weight", "state", "slots",
                                 "share %", "fenced", "incarnation");
  for (const BackendRow& row : snapshot.backends) {
    text += fmt::format("{:>5}  {:<{}}  {:<6} {:>6} {:<7} {:>6} {:>7.2f} {:>6} {:>11}\n", row.index,
                        row.address, width, row.family, row.weight,
                        row.is_serving ? "serving" : "lost", row.slot_count,
                        share_percent(row.slot_count), row.fenced_count, row.incarnation);
  }
  return text;
}

std::string keys_text(const Snapshot& snapshot) {
  std::size_t width = 3;
  for (const SlotRow& row : snapshot.keys) {
    width = std::max(width, row.key.size());
  }
  std::string text = fmt::format("\n{:<{}}  {:>5} {:<7} {:>10}  {}\n", "key", width, "slot",
                                 "state", "generation", "backend");
  for (const SlotRow& row : snapshot.keys) {
    const std::string owner =
        row.address.empty() ? "-" : fmt::format("{} (index {})", row.address, row.backend);
    text += fmt::format("{:<{}}  {:>5} {:<7} {:>10}  {}\n", row.key, width, row.slot, row.state,
                        row.generation, owner);
  }
  return text;
}

}  // namespace

std::string text_of(const Snapshot& snapshot, bool has_color) {
  std::string text = fmt::format("{:<10} {}\n{:<10} {}{}\n", "segment", snapshot.path, "is",
                                 freshness_text(snapshot, has_color),
                                 snapshot.reason.empty() ? "" : ": " + snapshot.reason);
  if (!snapshot.is_whole) {
    return text;
  }
  text += facts_text(snapshot);
  if (!snapshot.backends.empty()) {
    text += backends_text(snapshot);
  }
  if (!snapshot.keys.empty()) {
    text += keys_text(snapshot);
  }
  return text;
}

std::string line_of(const Snapshot& snapshot) {
  if (!snapshot.is_whole) {
    return fmt::format("{}: {}", name_of(snapshot.freshness), snapshot.reason);
  }
  return fmt::format("{}; {}; epoch {}; lease {}; heartbeat {}; {} served, {} unowned, {} fenced",
                     name_of(snapshot.freshness), snapshot.state, snapshot.epoch,
                     lease_text(snapshot), heartbeat_text(snapshot), snapshot.served_count,
                     snapshot.unowned_count, snapshot.fenced_count);
}

}  // namespace ringfence::shmdump
