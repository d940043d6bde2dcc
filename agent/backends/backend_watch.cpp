#include "agent/backends/backend_watch.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "shm_layout/clock.hpp"

namespace ringfence::agent::backends {
namespace {

using shim::text::ReplyShape;
using shm_layout::ns_per_ms;
using shm_layout::ns_per_second;

constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();
// Retries of an unreachable backend: from the probe interval up to this, so that a return is
// noticed within a second and a dead host costs one SYN a second.
constexpr std::int64_t backoff_max_ns = 1 * ns_per_second;
// memcached that is full writes one line and closes; speaking first would turn its close into a
// reset that swallows the line. Long enough for an accept queue, short against a probe's timeout.
constexpr std::int64_t listen_first_ns = 30 * ns_per_ms;
// A port that meets trouble on many connections hints many times; one probe answers them all.
constexpr std::int64_t hint_gap_ns = 10 * ns_per_ms;
// A process with much memory is looked at this often: against the 40 ms and more that its sockets
// would take to tell of its end, and 50 wake-ups a second of this agent.
constexpr std::int64_t look_interval_ns = 20 * ns_per_ms;
// What memcached 1.6 writes when it holds `-c` connections (memcached.c, drive_machine).
constexpr std::string_view full_line = "ERROR Too many open connections";

std::int64_t now_ns() {
  return static_cast<std::int64_t>(uv_hrtime());
}

// Probes of every backend with one interval fall on one grid: one wakeup serves all.
std::int64_t next_on_grid(std::int64_t now, std::int64_t interval_ns) {
  return (now / interval_ns + 1) * interval_ns;
}

constexpr std::array probe_shapes{ReplyShape::values};
constexpr std::array renewing_probe_shapes{ReplyShape::values, ReplyShape::line};

}  // namespace

// xorshift64: jitter needs no better.
std::uint64_t WatchContext::random() {
  random_state ^= random_state << 13U;
  random_state ^= random_state >> 7U;
  random_state ^= random_state << 17U;
  return random_state;
}

BackendWatch::BackendWatch(WatchContext& context, const core::StartWatching& order,
                           Endpoint endpoint, const WatchSettings& settings)
    : context_(context),
      pool_(order.pool),
      address_(order.address),
      endpoint_(std::move(endpoint)),
      settings_(settings),
      backoff_ns_(settings.probe_interval.ns) {}

BackendWatch::~BackendWatch() {
  close();
}

void BackendWatch::start() {
  open();
}

void BackendWatch::stop() {
  if (flush_) finish_flush(core::FlushOutcome::unreachable, "it is no longer watched");
  close();
}

void BackendWatch::close() {
  if (connection_ != nullptr) connection_->close();
  connection_ = nullptr;
  phase_ = Phase::resting;
  retry_at_ns_ = never_ns;
}

SegmentAddress BackendWatch::segment_address() const {
  return backends::segment_address(endpoint_,
                                   endpoint_.is_name() ? resolved_ : literal_address(endpoint_));
}

void BackendWatch::open() {
  // A name keeps its address until the backend was unreachable: another address is another
  // instance, and only an admission may bring one in.
  const SocketAddress known = is_unreachable_ ? SocketAddress{} : resolved_;
  const std::int64_t patience_ns = failure_count_ == 1
                                       ? settings_.probe_timeout.ns
                                       : settings_.connect_timeout.ns + settings_.probe_timeout.ns;
  phase_ = Phase::opening;
  has_connected_ = has_heard_ = false;
  speak_at_ns_ = 0;
  deadline_ns_ = now_ns() + patience_ns;
  ++counters_.connect_count;
  connection_ = Connection::open(context_.connections, *this, endpoint_, known);
  context_.wake_by(deadline_ns_);
}

void BackendWatch::rest() {
  phase_ = Phase::resting;
  const std::int64_t jitter_ns =
      static_cast<std::int64_t>(context_.random() % static_cast<std::uint64_t>(backoff_ns_ / 2));
  retry_at_ns_ = now_ns() + backoff_ns_ * 3 / 4 + jitter_ns;
  backoff_ns_ = std::min(backoff_max_ns, backoff_ns_ * 2);
  context_.wake_by(retry_at_ns_);
}

void BackendWatch::on_connected(const SocketAddress& resolved) {
  resolved_ = resolved;
  has_connected_ = true;
  if (!listens_first_) return inspect();
  speak_at_ns_ = now_ns() + listen_first_ns;
  context_.wake_by(speak_at_ns_);
}

void BackendWatch::on_bytes(std::string_view bytes) {
  if (phase_ == Phase::opening && !has_heard_ && bytes.starts_with(full_line)) {
    return became_full();
  }
  has_heard_ = true;
  const Connection* const speaker = connection_;
  if (!dialogue_.feed(bytes)) return fail(dialogue_.violation());
  // A reply may have ended this connection and opened another, whose deadline stays.
  if (connection_ == speaker && dialogue_.is_idle()) deadline_ns_ = 0;
}

void BackendWatch::on_failed(const std::string& why) {
  connection_ = nullptr;  // it has closed itself
  listens_first_ = phase_ == Phase::opening && has_connected_ && !has_heard_;
  fail(why);
}

void BackendWatch::drop_connection(const std::string& why) {
  if (connection_ != nullptr) connection_->close();
  connection_ = nullptr;
  process_.stop();  // the next connection may lead to another one
  dialogue_.reset();
  deadline_ns_ = 0;
  is_asking_claim_ = false;
  if (flush_) finish_flush(core::FlushOutcome::unreachable, why);
}

// The first failure in a row gets one immediate reconnect, which must bring an answer: a stopped
// process still accepts connections.
void BackendWatch::fail(const std::string& why) {
  drop_connection(why);
  ++counters_.probe_failed_count;
  if (++failure_count_ == 1) return open();
  tell_unreachable(why);
}

void BackendWatch::tell_unreachable(const std::string& why) {
  is_answered_ = false;
  if (!is_unreachable_) {
    is_unreachable_ = true;
    context_.emit(core::BackendUnreachable{pool_, address_, why});
  }
  tell_probed(false);
  rest();
}

// Without a reconnect: its port may accept connections for as long as the kernel frees its memory,
// and nobody will ever answer them.
void BackendWatch::look_at_process(std::int64_t now) {
  const ProcessWatch::Seen seen = process_.look();
  next_look_ns_ = process_.is_large() ? next_on_grid(now, look_interval_ns) : never_ns;
  if (seen != ProcessWatch::Seen::gone) return;
  const std::string why = "its process ended (pid " + std::to_string(baseline_.pid) + ")";
  drop_connection(why);
  ++counters_.probe_failed_count;
  ++failure_count_;
  tell_unreachable(why);
}

// It lives, accepts and says so: not dead. What it holds is as it was, so nothing is reported.
void BackendWatch::became_full() {
  drop_connection("too many connections");
  counters_.note = "too many connections: it turns the agent away; raise memcached's -c";
  failure_count_ = 0;
  listens_first_ = true;
  tell_probed(true);
  rest();
}

bool BackendWatch::ask(std::string_view wire, std::span<const ReplyShape> shapes,
                       std::int64_t timeout_ns, Dialogue::Then then) {
  if (!dialogue_.expect(shapes, std::move(then))) return false;
  deadline_ns_ = std::max(deadline_ns_, now_ns() + timeout_ns);
  context_.wake_by(deadline_ns_);
  connection_->send(wire);
  return true;
}

void BackendWatch::tick(std::int64_t now) {
  if (phase_ == Phase::resting) {
    if (now >= retry_at_ns_) open();
    return;
  }
  if (now >= next_look_ns_ || now >= next_probe_ns_) look_at_process(now);
  if (phase_ == Phase::resting) return;
  if (deadline_ns_ != 0 && now >= deadline_ns_) {
    return fail(phase_ == Phase::ready ? "no answer within the probe's time limit"
                : has_connected_       ? "it accepts connections but does not answer"
                                       : "no connection within the time limit");
  }
  if (phase_ == Phase::opening) {
    if (speak_at_ns_ != 0 && now >= speak_at_ns_) {
      speak_at_ns_ = 0;
      inspect();
    }
    return;
  }
  if (flush_ && flush_->wait_until_ns != 0 && now >= flush_->wait_until_ns) {
    flush_->wait_until_ns = 0;
    take_step(flush_->script.on_waited(now));
  }
  if (phase_ == Phase::ready && now >= next_probe_ns_) send_probe(now);
}

std::int64_t BackendWatch::next_wake_ns() const {
  if (phase_ == Phase::resting) return retry_at_ns_;
  std::int64_t wake_ns = deadline_ns_ != 0 ? deadline_ns_ : never_ns;
  if (speak_at_ns_ != 0) wake_ns = std::min(wake_ns, speak_at_ns_);
  wake_ns = std::min(wake_ns, next_look_ns_);
  if (phase_ == Phase::opening) return wake_ns;
  if (flush_ && flush_->wait_until_ns != 0) wake_ns = std::min(wake_ns, flush_->wait_until_ns);
  return std::min(wake_ns, next_probe_ns_);
}

void BackendWatch::postpone(std::int64_t by_ns) {
  if (deadline_ns_ != 0) deadline_ns_ += by_ns;
}

void BackendWatch::hint() {
  const std::int64_t now = now_ns();
  if (phase_ == Phase::ready && now - probed_at_ns_ >= hint_gap_ns) send_probe(now);
}

// Questions of the fleet's leader are few: each is a probe of its own.
void BackendWatch::probe(core::RequestId id) {
  if (id != core::RequestId{}) asked_probes_.push_back(id);
  if (phase_ == Phase::ready) return send_probe(now_ns());
  // Who asks knows of something new: the pauses between earlier attempts say nothing any more.
  backoff_ns_ = settings_.probe_interval.ns;
  if (phase_ == Phase::resting) open();
}

void BackendWatch::tell_probed(bool is_reached) {
  for (const core::RequestId id : std::exchange(asked_probes_, {})) {
    context_.emit(core::BackendProbed{id, pool_, address_, is_reached});
  }
}

void BackendWatch::send_probe(std::int64_t now) {
  next_probe_ns_ = next_on_grid(now, settings_.probe_interval.ns);
  if (!dialogue_.is_idle()) return;  // what is outstanding tells as much as a probe
  probed_at_ns_ = now;
  ++counters_.probe_count;
  const auto then = [this](Dialogue::Replies replies) { on_probed(replies[0]); };
  const bool is_renewing = expects_claim_ && now >= renew_at_ns_;
  // `touch`, not `set`: a claim that is gone must be noticed, never silently written anew.
  const bool is_asked =
      is_renewing ? ask("get ringfence!claim\r\ntouch ringfence!claim 60\r\n",
                        renewing_probe_shapes, settings_.probe_timeout.ns, then)
                  : ask("get ringfence!claim\r\n", probe_shapes, settings_.probe_timeout.ns, then);
  if (is_asked && is_renewing) renew_at_ns_ = now + claim_renewal_s * ns_per_second;
}

void BackendWatch::on_probed(const Reply& reply) {
  const std::int64_t now = now_ns();
  counters_.last_probe_us = static_cast<std::uint32_t>((now - probed_at_ns_) / 1000);
  check_claim(reply);
  tell_probed(true);
}

}  // namespace ringfence::agent::backends
