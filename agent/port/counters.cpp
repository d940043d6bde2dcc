#include "agent/port/counters.hpp"

namespace ringfence::agent::port {

void ThreadCounters::add_to(PortCounters& sum) const noexcept {
  // Closed first: a connection that closes between the two reads must not count below zero.
  const std::uint64_t closed = closed_connections.read();
  const std::uint64_t opened = opened_connections.read();
  sum.curr_connections += opened - closed;
  sum.total_connections += opened;
  sum.rejected_connections += rejected_connections.read();
  sum.cmd_get += cmd_get.read();
  sum.get_hits += get_hits.read();
  sum.get_misses += get_misses.read();
  sum.cmd_set += cmd_set.read();
  sum.cmd_touch += cmd_touch.read();
  sum.cmd_flush += cmd_flush.read();
  sum.delete_hits += delete_hits.read();
  sum.delete_misses += delete_misses.read();
  sum.incr_hits += incr_hits.read();
  sum.incr_misses += incr_misses.read();
  sum.decr_hits += decr_hits.read();
  sum.decr_misses += decr_misses.read();
  sum.cas_hits += cas_hits.read();
  sum.cas_misses += cas_misses.read();
  sum.cas_badval += cas_badval.read();
  sum.touch_hits += touch_hits.read();
  sum.touch_misses += touch_misses.read();
  sum.bytes_read += bytes_read.read();
  sum.bytes_written += bytes_written.read();
  sum.refused_by_lease += refused_by_lease.read();
  sum.refused_by_fence += refused_by_fence.read();
  sum.redone += redone.read();
  sum.backend_errors += backend_errors.read();
  sum.closed_slow_clients += closed_slow_clients.read();
}

void count_command(ThreadCounters& counters, shim::text::Verb verb) noexcept {
  using shim::text::Verb;
  if (verb <= Verb::gats) counters.cmd_get.add();
  if (verb == Verb::gat || verb == Verb::gats || verb == Verb::touch) counters.cmd_touch.add();
  if (verb >= Verb::set && verb <= Verb::cas) counters.cmd_set.add();
}

void count_outcome(ThreadCounters& counters, shim::text::Verb verb, Outcome outcome) noexcept {
  using shim::text::Verb;
  const bool is_missing = outcome == Outcome::not_found;
  const bool is_done = outcome == Outcome::done;
  switch (verb) {
    case Verb::delete_key:
      (is_missing ? counters.delete_misses : counters.delete_hits).add(is_missing || is_done);
      break;
    case Verb::incr:
      (is_missing ? counters.incr_misses : counters.incr_hits).add(is_missing || is_done);
      break;
    case Verb::decr:
      (is_missing ? counters.decr_misses : counters.decr_hits).add(is_missing || is_done);
      break;
    case Verb::touch:
      (is_missing ? counters.touch_misses : counters.touch_hits).add(is_missing || is_done);
      break;
    case Verb::cas:
      if (outcome == Outcome::exists) counters.cas_badval.add();
      (is_missing ? counters.cas_misses : counters.cas_hits).add(is_missing || is_done);
      break;
    default:
      break;
  }
}

}  // namespace ringfence::agent::port
