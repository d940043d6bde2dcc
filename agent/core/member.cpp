#include "agent/core/member.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace ringfence::agent::core {

void broken_invariant(const char* guarantee, Epoch epoch, const std::string& what) {
  std::fprintf(stderr, "ringfence core: %s is broken at epoch %llu: %s\n", guarantee,
               static_cast<unsigned long long>(epoch.value), what.c_str());
  std::abort();
}

void Member::on_leader(AgentId leader) {
  leader_ = leader;
  refusal_.clear();
  ask_at_ = leader.value == 0 || has_ended_ ? far_future : desk_.now;
}

void Member::on_proposal_applied() {
  if (!is_caught_up_) return;
  fence();
}

void Member::fence() {
  const OpenChange& open = *desk_.replica.open();
  for (const PoolSlots& moved : open.next.moved) desk_.emit(FenceSlots{moved.pool, moved.slots});
  fence_ = open.index;
  acknowledge();
}

// Idempotent: asked for again by each leader, and repeated with each question for a lease.
void Member::acknowledge() {
  const OpenChange* open = desk_.replica.open();
  if (open == nullptr || fence_ != open->index || leader_.value == 0 || !may_vouch()) return;
  desk_.send(leader_, FenceAck{desk_.settings.incarnation, open->index, open->next.digest});
}

// Epochs may have passed in between: no lease held for them, so readers wait. What is open now is
// fenced before anything is published.
void Member::on_snapshot_restored() {
  if (!is_caught_up_) return;
  const OpenChange* open = desk_.replica.open();
  if (open != nullptr && open->index != fence_) fence();
  if (desk_.replica.view()->epoch > published_) publish();
  ask_for_lease();
}

void Member::on_segments_closed() {
  ask_at_ = far_future;
  // Readers of an earlier life, which this one did not close, may route until then.
  if (leader_.value != 0 && may_vouch()) {
    desk_.send(leader_, LeaseEnded{desk_.settings.incarnation, desk_.term});
  }
  leader_ = AgentId{};
  has_ended_ = true;
}

void Member::on_view_activated() {
  if (!is_caught_up_) return;
  publish();
  ask_for_lease();
}

void Member::publish() {
  const ViewPtr view = desk_.replica.view();
  if (view->epoch < desk_.settings.published_epoch) {
    desk_.log(LogLevel::error,
              fmt::format("the segment shows epoch {}, but the log reaches only {}: not published; "
                          "was state_dir replaced by an older copy?",
                          desk_.settings.published_epoch.value, view->epoch.value));
    return;
  }
  if (view->epoch < published_) {
    broken_invariant("G5", view->epoch, "an epoch would be published below an earlier one");
  }
  PublishView order{view, desk_.replica.digest(), desk_.term, {}};
  if (const OpenChange* open = desk_.replica.open(); open != nullptr) {
    for (const PoolSlots& moved : open->next.moved) {
      order.still_fenced.push_back(FenceSlots{moved.pool, moved.slots});
    }
  }
  published_ = view->epoch;
  published_at_ = desk_.now;
  desk_.emit(std::move(order));
}

// From now on the replica holds all that any leader had agreed before this life: publish it (the
// same epoch as before a restart), with the fences of a change that is still open.
void Member::catch_up() {
  is_caught_up_ = true;
  if (desk_.replica.open() != nullptr) fence();
  if (desk_.replica.view()->epoch.value > 0) publish();
  ask_for_lease();
}

void Member::ask_for_lease() {
  if (leader_.value == 0 || has_ended_) return;
  ask_at_ = desk_.now + desk_.settings.lease / 4;
  if (!may_vouch()) ask_at_ = std::min(ask_at_, desk_.settings.earlier_leases_end);
  asked_at_ = desk_.now;
  ++nonce_;
  acknowledge();
  desk_.send(leader_, LeaseRequest{desk_.settings.incarnation, published_, fence_, nonce_});
}

void Member::on_lease_reply(const LeaseReply& reply) {
  if (has_ended_ || reply.incarnation != desk_.settings.incarnation || reply.nonce != nonce_) {
    return;
  }
  if (!is_caught_up_ && reply.applied <= desk_.applied) {
    catch_up();
    return;
  }
  const bool is_current = reply.epoch == published_ && reply.fence == fence_;
  if (!is_current || reply.length.ns <= 0 || !may_vouch()) return;
  const Duration length = std::min(reply.length, desk_.settings.lease);
  const Instant until = asked_at_ + length - desk_.settings.lease_margin;
  if (until <= lease_until_ || until <= desk_.now) return;
  if (lapsed_since_.has_value()) {
    desk_.log(LogLevel::info,
              fmt::format("the lease is renewed: this host routes again, after {} ms",
                          (desk_.now - *lapsed_since_).ns / 1'000'000));
  }
  lapsed_since_.reset();
  lease_until_ = until;
  refusal_.clear();
  desk_.emit(SetDeadline{until});
}

void Member::on_lease_refused(std::string why) {
  if (why != refusal_) {
    desk_.log(LogLevel::warning,
              "this host is quarantined and misses, because " + why + ": look at its network");
  }
  refusal_ = std::move(why);
}

// A guest that was paused may believe in a dead lease. What was asked before the jump is void too.
void Member::on_clock_jumped() {
  lease_until_ = Instant{};
  desk_.emit(SetDeadline{Instant{}});
  ++nonce_;
  if (leader_.value != 0 && !has_ended_) ask_at_ = desk_.now;
}

void Member::tell_lapse() {
  if (!is_lapse_awaited() || desk_.now < lease_until_) return;
  lapsed_since_ = lease_until_;
  desk_.log(LogLevel::warning,
            fmt::format("the lease ended, and this host misses until it is renewed: {}",
                        leader_.value == 0 ? "no agent leads the fleet that this one can reach"
                                           : "the leader grants none"));
}

void Member::on_timer() {
  tell_lapse();
  // Within a sixteenth of a lease counts as due, so that an idle agent wakes once for all roles.
  if (ask_at_ <= desk_.now + desk_.settings.lease / 16) ask_for_lease();
}

}  // namespace ringfence::agent::core
