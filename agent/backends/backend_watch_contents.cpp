// The half of BackendWatch that looks inside: inspection, the claim, the flush.
#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include <sys/random.h>

#include "agent/backends/backend_watch.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::backends {
namespace {

using shim::text::ReplyShape;
using shm_layout::ns_per_second;

// flush_all walks memcached's lists under locks; a large instance needs longer than a probe.
constexpr std::int64_t flush_answer_timeout_ns = 2 * ns_per_second;

constexpr std::array inspection_shapes{ReplyShape::line, ReplyShape::values, ReplyShape::values,
                                       ReplyShape::values, ReplyShape::stats};
constexpr std::array stats_shapes{ReplyShape::stats};
constexpr std::array claim_shapes{ReplyShape::line, ReplyShape::line, ReplyShape::stats};

std::string make_nonce() {
  std::uint64_t bits[2] = {};
  // A short read (possible only before the kernel's pool is ready) leaves zeros, and the clock
  // still tells two canaries apart.
  if (getrandom(bits, sizeof(bits), GRND_NONBLOCK) != static_cast<ssize_t>(sizeof(bits))) {
    bits[1] = uv_hrtime();
  }
  char text[33];
  std::snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, bits[0], bits[1]);
  return text;
}

// Of an inspection: which of claim, mark and canary are there.
std::uint64_t own_item_count(Dialogue::Replies replies) {
  std::uint64_t count = 0;
  for (const Reply& reply : replies) count += reply.has_value ? 1U : 0U;
  return count;
}

}  // namespace

// The gets stand before `stats`: memcached unlinks an expired item when it is asked for, so that
// curr_items counts what lives.
void BackendWatch::inspect() {
  const bool is_asked = ask(
      "version\r\nget ringfence!claim\r\nget ringfence!mark\r\nget ringfence!canary\r\nstats\r\n",
      inspection_shapes, settings_.probe_timeout.ns,
      [this](Dialogue::Replies replies) { on_inspected(replies); });
  if (!is_asked) fail("the connection is not clean");
}

void BackendWatch::on_inspected(Dialogue::Replies replies) {
  const ServerStats stats = replies[4].stats;
  if (!stats.is_memcached()) {
    const std::string said = replies[4].line.empty() ? std::string() : " (" + replies[4].line + ")";
    return fail("it answers, but its stats are not a memcached's" + said +
                ": a proxy in front of others, or a server that wants a login");
  }
  const std::string& version = replies[0].line;
  counters_.version = version.starts_with("VERSION ") ? version.substr(8) : version;
  counters_.note.clear();
  phase_ = Phase::ready;
  failure_count_ = 0;
  listens_first_ = is_unreachable_ = false;
  backoff_ns_ = settings_.probe_interval.ns;
  next_probe_ns_ = 0;
  context_.wake_by(static_cast<std::int64_t>(uv_hrtime()));
  if (is_answered_) {
    check_claim(replies[1]);
  } else {
    is_answered_ = true;
    baseline_ = stats;
    if (connection_->is_local()) process_.follow(stats);
    is_flush_uncertain_ = false;
    const std::string owner(claimed_by(replies[1].value));
    const bool is_marked = claimed_by(replies[2].value) == context_.claim.cluster_id_hex;
    expects_claim_ = owner == context_.claim.cluster_id_hex || (owner.empty() && is_marked);
    renew_at_ns_ = 0;
    context_.emit(core::BackendAnswered{pool_, address_, stats.curr_items > own_item_count(replies),
                                        owner, expects_claim_, counters_.version});
  }
  if (wants_claim_) write_claim();
  tell_probed(true);
}

// Of a probe or of an inspection after a silent reconnect.
void BackendWatch::check_claim(const Reply& reply) {
  if (!expects_claim_ || is_asking_claim_ || !reply.line.empty()) return;
  if (!reply.has_value) return look_why_claim_is_gone();
  if (claimed_by(reply.value) == context_.claim.cluster_id_hex) {
    if (is_flush_uncertain_) restore_claim();  // the mark may be gone, and the count is needed
    return;
  }
  report_contents_lost("claimed by another fleet: " + reply.value, baseline_);
}

void BackendWatch::look_why_claim_is_gone() {
  is_asking_claim_ =
      ask("stats\r\n", stats_shapes, settings_.probe_timeout.ns, [this](Dialogue::Replies replies) {
        is_asking_claim_ = false;
        const ServerStats stats = replies[0].stats;
        std::string why = why_contents_are_lost(stats);
        if (!why.empty()) return report_contents_lost(std::move(why), stats);
        restore_claim();
      });
}

// It was evicted, or expired while nobody renewed it. `add` never overwrites another fleet's claim,
// and the stats behind it show a flush or restart that came in between.
void BackendWatch::restore_claim() {
  is_asking_claim_ = ask(claim_commands("add", context_.claim.value) + "stats\r\n", claim_shapes,
                         settings_.probe_timeout.ns, [this](Dialogue::Replies replies) {
                           is_asking_claim_ = false;
                           check_contents(replies[2].stats);
                         });
}

// The claim was just looked after: what these stats show of our own flush is known from now on.
void BackendWatch::check_contents(const ServerStats& stats) {
  std::string why = why_contents_are_lost(stats);
  if (!why.empty()) return report_contents_lost(std::move(why), stats);
  if (is_flush_uncertain_ && stats.is_memcached()) baseline_ = stats;
  is_flush_uncertain_ = is_flush_uncertain_ && !stats.is_memcached();
}

std::string BackendWatch::why_contents_are_lost(const ServerStats& stats) const {
  // `time` and `uptime` are whole seconds of one clock, so their difference is constant but for a
  // reading that falls between two ticks.
  const std::int64_t start_moved_s = stats.started_s() - baseline_.started_s();
  if (stats.pid != baseline_.pid || start_moved_s > 1 || start_moved_s < -1) {
    return "it restarted (pid " + std::to_string(baseline_.pid) + ", now " +
           std::to_string(stats.pid) + ")";
  }
  const bool is_flushed = stats.cmd_flush != baseline_.cmd_flush;
  if (is_flushed && !is_flush_uncertain_) return "somebody else flushed it";
  return {};
}

void BackendWatch::report_contents_lost(std::string why, const ServerStats& stats) {
  expects_claim_ = is_flush_uncertain_ = false;
  baseline_ = stats;
  if (connection_->is_local()) process_.follow(stats);
  context_.emit(core::BackendContentsLost{pool_, address_, std::move(why)});
}

void BackendWatch::claim() {
  if (phase_ == Phase::ready) return write_claim();
  wants_claim_ = true;
}

void BackendWatch::write_claim() {
  const bool is_asked = ask(claim_commands("set", context_.claim.value) + "stats\r\n", claim_shapes,
                            settings_.probe_timeout.ns, [this](Dialogue::Replies replies) {
                              baseline_ = replies[2].stats;
                              expects_claim_ = true;
                              renew_at_ns_ = 0;
                            });
  wants_claim_ = !is_asked;
}

void BackendWatch::flush(const core::FlushBackend& order) {
  if (phase_ != Phase::ready || flush_) {
    const char* why = flush_ ? "a flush is already under way" : "there is no connection to it";
    return context_.emit(
        core::FlushFinished{order.id, pool_, address_, core::FlushOutcome::unreachable, why});
  }
  flush_.emplace(Flush{order.id, FlushScript(make_nonce(), context_.claim.value, order.is_proof),
                       expects_claim_, 0});
  expects_claim_ = wants_claim_ = false;
  take_step(flush_->script.begin(static_cast<std::int64_t>(uv_hrtime())));
}

void BackendWatch::take_step(const FlushScript::Step& step) {
  switch (step.kind) {
    case FlushScript::Step::Kind::finished:
      return finish_flush(step.outcome, step.why);
    case FlushScript::Step::Kind::wait:
      flush_->wait_until_ns = step.until_ns;
      return context_.wake_by(step.until_ns);
    case FlushScript::Step::Kind::send:
      break;
  }
  const bool is_asked =
      ask(step.wire, step.shapes, flush_answer_timeout_ns, [this](Dialogue::Replies replies) {
        if (!flush_) return;
        take_step(flush_->script.on_replies(static_cast<std::int64_t>(uv_hrtime()), replies));
      });
  if (!is_asked) finish_flush(core::FlushOutcome::unreachable, "the connection is not clean");
}

void BackendWatch::finish_flush(core::FlushOutcome outcome, const std::string& why) {
  const Flush done = std::move(*flush_);
  flush_.reset();
  if (outcome == core::FlushOutcome::verified) {
    ++counters_.flush_count;
    baseline_ = done.script.stats();
    expects_claim_ = true;
    is_flush_uncertain_ = false;
    renew_at_ns_ = static_cast<std::int64_t>(uv_hrtime()) + claim_renewal_s * ns_per_second;
  } else if (done.expected_claim) {
    // It is supervised as before. A probe at once writes the claim anew if our flush took it.
    expects_claim_ = is_flush_uncertain_ = true;
    next_probe_ns_ = 0;
    context_.wake_by(static_cast<std::int64_t>(uv_hrtime()));
  }
  context_.emit(core::FlushFinished{done.id, pool_, address_, outcome, why});
}

}  // namespace ringfence::agent::backends
