// Many requests in one call: split by backend, sent to all before any answer is awaited, answers
// taken as they come. What a request and an answer are is the job's (fan_gets.hpp, fan_writes.hpp);
// what could not be done at once is done again one by one under the rules of single_call.hpp.
//
// A hung backend delays the others by one slice at most: sending never waits, connections are
// opened side by side, and once a receive has slept for a slice in vain all lanes are polled. While
// anything is unsent answers are read too, so that no server that waits for us to read is waited
// for. No connection is waited for while others are held.
// One call's thread.
#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "shim/client/client.hpp"
#include "shim/client/lane.hpp"

namespace ringfence::shim::client {

class FanOut;

class FanJob {
 public:
  enum class Reading : std::uint8_t { go_on, done, violation, no_memory };

  FanJob() = default;
  FanJob(const FanJob&) = delete;
  FanJob& operator=(const FanJob&) = delete;

  // The item's key; empty when the item cannot be: then it is told and done.
  [[nodiscard]] virtual std::string_view begin(std::size_t index) = 0;
  [[nodiscard]] virtual bool is_get() const noexcept = 0;
  [[nodiscard]] virtual text::ReplyShape shape() const noexcept = 0;
  // Whether a lane that lost its connection may be sent again as it is.
  [[nodiscard]] virtual bool is_repeatable() const noexcept = 0;
  // Fills the lane's output from lane.to_encode on.
  virtual void encode(FanOut& fan, Lane& lane) noexcept = 0;
  // Takes what needs no parser, as far as it goes.
  virtual void take_usual(FanOut& fan, Lane& lane) noexcept = 0;
  // Takes one part of an answer of the lane's pending item.
  [[nodiscard]] virtual Reading take(FanOut& fan, Lane& lane, ReplyPart part) = 0;
  // All lanes have ended: those items whose fate is not `done`, in their order.
  virtual void settle(FanOut& fan) = 0;

 protected:
  ~FanJob() = default;
};

class FanOut {
 public:
  FanOut(Client& client, FanJob& job, Deadline& deadline) noexcept
      : client_(client), job_(job), deadline_(deadline), life_(client.pool().life()) {}
  ~FanOut();
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;

  // Every item is told of, one way or the other, when it returns. May throw std::bad_alloc.
  void run(std::size_t count);

  // For the job.
  [[nodiscard]] Item& item(std::uint32_t at) noexcept { return items_[at]; }
  [[nodiscard]] std::uint32_t item_count() const noexcept {
    return static_cast<std::uint32_t>(items_.size());
  }
  [[nodiscard]] std::size_t index_of(std::uint32_t at) const noexcept { return first_ + at; }
  // Whether an answer that has arrived may be believed; waits for a renewal of the lease.
  [[nodiscard]] TicketStatus judge(const Item& item) noexcept {
    const TicketStatus status = check_->status_of(item.ticket);
    return status == TicketStatus::lease_lapsed ? await_renewal(item) : status;
  }
  [[nodiscard]] bool has_moved(const Item& item) const noexcept;
  // An answer of the lane is whole; the time that it took, since its output began to be sent.
  void count_answer(const Lane& lane) noexcept;
  [[nodiscard]] bool is_in_child() const noexcept { return client_.pool().life() != life_; }
  [[nodiscard]] Client& client() noexcept { return client_; }
  [[nodiscard]] Deadline& deadline() noexcept { return deadline_; }
  [[nodiscard]] const Attachment& attachment() const noexcept { return *attachment_; }

 private:
  // fan_out.cpp
  void run_batch(std::size_t first, std::size_t count);
  void route_all(std::size_t count);
  [[nodiscard]] std::uint16_t add_lane(std::uint16_t backend);
  [[nodiscard]] bool start_lanes();
  void start(Lane& lane, bool may_wait);
  void take_connection(Lane& lane, const Take& take);
  void advance(Lane& lane);
  void end(Lane& lane, Fate fate);
  void retry(Lane& lane);
  void count_overflow(const Lane& lane) noexcept;
  void mark_rest(Lane& lane, Fate fate) noexcept;
  [[nodiscard]] TicketStatus await_renewal(const Item& item) noexcept;

  // fan_out_transfer.cpp
  void transfer();
  void send(Lane& lane);
  void read_in_turn();
  [[nodiscard]] bool has_unsent() const noexcept;
  [[nodiscard]] bool is_under_way() const noexcept;
  void poll_turn();
  void serve(Lane& lane, short events);
  void give_up_hopeless();
  [[nodiscard]] bool is_hopeless(const Lane& lane) const noexcept;
  void drain_and_end();
  [[nodiscard]] Io receive(Lane& lane, bool may_wait);
  void take_answers(Lane& lane);

  Client& client_;
  FanJob& job_;
  Deadline& deadline_;
  const std::uint32_t life_;
  const Attachment* attachment_ = nullptr;
  std::optional<ArrivalCheck> check_;  // of the chunk that is being taken
  std::size_t first_ = 0;              // of this batch, in the call
  std::vector<Item> items_;
  std::vector<Lane> lanes_;
  std::vector<pollfd> pollers_;
};

}  // namespace ringfence::shim::client
