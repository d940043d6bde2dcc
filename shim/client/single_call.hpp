// One request under the rules (design, section 6): where it goes, whether its answer may be
// believed, and what happens when the view changes under it or its backend is lost.
//
//  - An answer is believed only while its ticket holds. While only the lease has lapsed, or the
//  slot
//    is only fenced, it is kept and judged again, within the deadline.
//  - A get is done again under a new view; once more when its connection ended.
//  - A write is done again only under a new generation of its slot and with tags (what was sent
//    before can never be seen then), or while nothing of it was sent. Nothing is repeated under one
//    tag, and with tags off nothing that was sent.
//  - A write whose outcome is unknown waits for the next generation of its slot: at its activation
//    the slot was empty, so that doing it again gives the true answer.
//  - Nothing that may be lost is reported as done.
// The port follows the same rules (agent/port/dispatcher.hpp). One call's thread; no allocation.
#pragma once

#include "shim/client/client.hpp"
#include "shim/client/exchange.hpp"

namespace ringfence::shim::client {

class SingleCall {
 public:
  SingleCall(Client& client, const Operation& operation, Deadline& deadline) noexcept
      : client_(client), operation_(operation), deadline_(deadline) {}

  // Only OK leaves something in the operation's value.
  [[nodiscard]] Status run();
  // Goes on with what was sent by `ticket`, directly to its backend, and ended so. Unless
  // `may_repeat` nothing is sent any more: a later request of the same caller for the same slot
  // was.
  [[nodiscard]] Status resume(const Attachment& attachment, const Ticket& ticket,
                              const Exchanged& exchanged, bool may_repeat);

 private:
  enum class Next : std::uint8_t { finish, again };

  [[nodiscard]] Status finish_after(Next next);
  [[nodiscard]] Status route() noexcept;
  [[nodiscard]] bool may_send() const noexcept;
  [[nodiscard]] Next attempt();
  [[nodiscard]] Next through_port();
  [[nodiscard]] Take take(std::uint16_t index, SlotWatch watch);
  [[nodiscard]] Next exchange(const Take& take, bool is_port);
  [[nodiscard]] Next not_taken(Taken taken);
  [[nodiscard]] Next ended(const Exchanged& exchanged, bool is_port, bool is_reused);

  [[nodiscard]] Next judge();
  [[nodiscard]] Next moved();
  [[nodiscard]] Next lost(bool is_port);
  [[nodiscard]] Next unsent(bool is_reused);
  [[nodiscard]] bool await_next_generation() noexcept;
  [[nodiscard]] Next again() noexcept;
  [[nodiscard]] Next out_of_time() noexcept;
  void count_error(bool is_port) noexcept;

  [[nodiscard]] const shm_layout::SegmentReader& segment() const noexcept {
    return attachment_->segment.reader();
  }
  [[nodiscard]] bool has_new_generation() const noexcept {
    return segment().slot(ticket_.slot).generation() != ticket_.generation();
  }
  [[nodiscard]] bool is_replaced() const noexcept { return client_.attachment() != attachment_; }
  [[nodiscard]] Next finish(Status status) noexcept {
    status_ = status;
    return Next::finish;
  }

  Client& client_;
  const Operation& operation_;
  Deadline& deadline_;
  const Attachment* attachment_ = nullptr;
  Ticket ticket_;
  Status status_ = RINGFENCE_SYSTEM;
  std::uint64_t number_ = 0;
  std::int64_t sent_ns_ = 0;  // when the last attempt began; 0: by somebody else
  Pause pause_;               // between attempts that nothing was sent of
  bool may_repeat_ = true;
  bool is_retried_ = false;       // a get, once
  bool is_backend_lost_ = false;  // an attempt met no backend, or lost it
};

}  // namespace ringfence::shim::client
