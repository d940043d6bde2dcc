#include "agent/backends/flush_script.hpp"

#include <algorithm>
#include <utility>

#include "agent/backends/claim.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::backends {
namespace {

using core::FlushOutcome;
using shim::text::ReplyShape;
using shm_layout::ns_per_ms;
using shm_layout::ns_per_second;
using Step = FlushScript::Step;

// Seconds past the canary's own second, on the server's clock: flush_all declares dead what is
// older than its second less one (memcached 1.6, items.c and proto_text.c).
constexpr std::int64_t settle_s = 2;
// memcached's clock ticks once a second and may lag by one more; beyond this it stands still.
constexpr std::int64_t settle_limit_ns = 6 * ns_per_second;
constexpr std::int64_t clock_poll_ns = 100 * ns_per_ms;
// How long a canary may still be seen after OK: flush_all skips items whose lock is busy, and a
// lock is held for microseconds.
constexpr std::int64_t canary_limit_ns = 1 * ns_per_second;
constexpr std::int64_t canary_poll_ns = 50 * ns_per_ms;

Step send(std::string wire, std::vector<ReplyShape> shapes) {
  Step step;
  step.kind = Step::Kind::send;
  step.wire = std::move(wire);
  step.shapes = std::move(shapes);
  return step;
}

Step wait_until(std::int64_t until_ns) {
  Step step;
  step.kind = Step::Kind::wait;
  step.until_ns = until_ns;
  return step;
}

Step finished(FlushOutcome outcome, std::string why) {
  Step step;
  step.outcome = outcome;
  step.why = std::move(why);
  return step;
}

std::string get_command(std::string_view key) {
  return std::string("get ").append(key).append("\r\n");
}

}  // namespace

FlushScript::FlushScript(std::string nonce, std::string claim_value, bool is_proof)
    : nonce_(std::move(nonce)), claim_value_(std::move(claim_value)), is_proof_(is_proof) {}

Step FlushScript::begin(std::int64_t now_ns) {
  stage_ = Stage::set_canary;
  give_up_ns_ = now_ns + settle_limit_ns;
  // The gets come first: memcached unlinks an expired claim or canary when it is asked for, so what
  // `stats` counts afterwards is other people's items and those that the gets have shown.
  return send(get_command(claim_key) + get_command(mark_key) + get_command(canary_key) +
                  "stats\r\n" + storage_command("set", canary_key, 0, nonce_),
              {ReplyShape::values, ReplyShape::values, ReplyShape::values, ReplyShape::stats,
               ReplyShape::line});
}

Step FlushScript::on_replies(std::int64_t now_ns, Dialogue::Replies replies) {
  switch (stage_) {
    case Stage::set_canary:
      return canary_set(replies);
    case Stage::await_clock:
      return clock_read(now_ns, replies);
    case Stage::flush:
      return flushed(now_ns, replies[0]);
    case Stage::look_for_canary:
      return canary_looked_for(now_ns, replies[0]);
    case Stage::claim:
      return claimed(replies);
  }
  return finished(FlushOutcome::not_done, "the flush lost its way");
}

Step FlushScript::on_waited(std::int64_t) {
  return stage_ == Stage::look_for_canary ? ask_canary() : ask_clock();
}

Step FlushScript::canary_set(Dialogue::Replies replies) {
  const ServerStats& stats = replies[3].stats;
  if (!stats.is_memcached()) {
    return finished(FlushOutcome::not_done, "its stats are not a memcached's");
  }
  if (replies[4].line != "STORED") {
    return finished(FlushOutcome::not_done, "it does not store the canary: " + replies[4].line);
  }
  const auto own_count = static_cast<std::uint64_t>(std::count_if(
      replies.begin(), replies.begin() + 3, [](const Reply& reply) { return reply.has_value; }));
  if (!is_proof_ || stats.curr_items <= own_count) return ask_flush();
  return ask_clock();
}

Step FlushScript::ask_clock() {
  stage_ = Stage::await_clock;
  return send("stats\r\n", {ReplyShape::stats});
}

Step FlushScript::clock_read(std::int64_t now_ns, Dialogue::Replies replies) {
  const std::int64_t server_s = replies[0].stats.time_s;
  // The first reading comes after the canary was stored, so it is never before the canary's second.
  if (canary_time_s_ == 0) canary_time_s_ = server_s;
  if (server_s >= canary_time_s_ + settle_s) return ask_flush();
  if (now_ns >= give_up_ns_) {
    return finished(FlushOutcome::not_done, "its clock stands still, so a flush proves nothing");
  }
  return wait_until(std::min(give_up_ns_, now_ns + clock_poll_ns));
}

Step FlushScript::ask_flush() {
  stage_ = Stage::flush;
  return send("flush_all\r\n", {ReplyShape::line});
}

Step FlushScript::flushed(std::int64_t now_ns, const Reply& reply) {
  if (reply.line != "OK") {
    return finished(FlushOutcome::refused, "it refuses flush_all: " + reply.line);
  }
  give_up_ns_ = now_ns + canary_limit_ns;
  return ask_canary();
}

Step FlushScript::ask_canary() {
  stage_ = Stage::look_for_canary;
  return send(get_command(canary_key), {ReplyShape::values});
}

Step FlushScript::canary_looked_for(std::int64_t now_ns, const Reply& reply) {
  if (!reply.line.empty()) {
    return finished(FlushOutcome::not_done,
                    "it does not show whether the canary is gone: " + reply.line);
  }
  if (!reply.has_value) return ask_claim();
  if (now_ns >= give_up_ns_) {
    return finished(FlushOutcome::not_done,
                    "it answered OK to flush_all, but the canary is still there");
  }
  return wait_until(std::min(give_up_ns_, now_ns + canary_poll_ns));
}

Step FlushScript::ask_claim() {
  stage_ = Stage::claim;
  return send(claim_commands("set", claim_value_) + "stats\r\n",
              {ReplyShape::line, ReplyShape::line, ReplyShape::stats});
}

Step FlushScript::claimed(Dialogue::Replies replies) {
  if (replies[0].line != "STORED" || !replies[2].stats.is_memcached()) {
    return finished(FlushOutcome::not_done, "it does not store the claim: " + replies[0].line);
  }
  stats_ = replies[2].stats;
  return finished(FlushOutcome::verified, {});
}

}  // namespace ringfence::agent::backends
