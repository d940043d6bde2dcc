// Batches, lanes and their connections; the transfer itself is fan_out_transfer.cpp.
#include "shim/client/fan_out.hpp"

#include <algorithm>

namespace ringfence::shim::client {

namespace {

// Items that are routed together: it bounds the call's memory (200 KiB), and how old a ticket gets
// before it is sent by.
constexpr std::size_t batch_items_max = 4096;

constexpr std::uint16_t no_lane = 0xffff;

}  // namespace

FanOut::~FanOut() {
  for (Lane& lane : lanes_) {
    if (lane.connection != nullptr) client_.pool().discard(*lane.connection);
  }
}

void FanOut::run(std::size_t count) {
  for (std::size_t first = 0; first < count; first += batch_items_max) {
    run_batch(first, std::min(batch_items_max, count - first));
  }
}

void FanOut::run_batch(std::size_t first, std::size_t count) {
  first_ = first;
  attachment_ = client_.attachment();
  if (attachment_ == nullptr && client_.refresh(nullptr, deadline_.now_ns())) {
    attachment_ = client_.attachment();
  }
  items_.assign(count, Item{});
  lanes_.clear();
  route_all(count);
  while (start_lanes()) transfer();
  job_.settle(*this);
}

void FanOut::route_all(std::size_t count) {
  const shm_layout::SegmentReader* segment = nullptr;
  std::vector<std::uint16_t> lane_at;
  std::optional<Departure> departure;
  if (attachment_ != nullptr) {
    segment = &attachment_->segment.reader();
    lane_at.assign(segment->backend_count(), no_lane);
    departure.emplace(*segment);
  }
  for (std::uint32_t at = 0; at < count; ++at) {
    Item& item = items_[at];
    const std::string_view key = job_.begin(index_of(at));
    item.fate = key.empty() ? Fate::done : Fate::unrouted;
    if (!key.empty() && departure) item.ticket = departure->aim(key);
  }
  for (std::uint32_t at = 0; at < count && departure; ++at) {
    Item& item = items_[at];
    if (item.fate == Fate::done) continue;
    departure->route(item.ticket);
    const bool may_send = item.ticket.status == RouteStatus::ok ||
                          (job_.is_get() && may_get_without_lease(*segment, item.ticket));
    if (!may_send) continue;
    item.fate = Fate::waiting;
    std::uint16_t& number = lane_at[item.ticket.backend()];
    if (number == no_lane) number = add_lane(item.ticket.backend());
    Lane& lane = lanes_[number];
    (lane.tail == no_item ? lane.to_encode : items_[lane.tail].next) = at;
    lane.tail = at;
  }
  for (Lane& lane : lanes_) lane.pending = lane.fill_head = lane.to_encode;
}

std::uint16_t FanOut::add_lane(std::uint16_t backend) {
  lanes_.emplace_back().backend = backend;
  return static_cast<std::uint16_t>(lanes_.size() - 1);
}

// Gives connections to the lanes that wait for one, without waiting; a lane waits only when no
// other holds anything. False when no lane is left.
bool FanOut::start_lanes() {
  for (Lane& lane : lanes_) {
    if (lane.state == Lane::State::idle) start(lane, false);
  }
  if (is_under_way()) return true;
  for (Lane& lane : lanes_) {
    if (lane.state != Lane::State::idle) continue;
    start(lane, true);
    return true;
  }
  return false;
}

void FanOut::start(Lane& lane, bool may_wait) {
  if (is_in_child() || deadline_.is_over()) {
    end(lane, is_in_child() ? Fate::lost : Fate::timed_out);
    return;
  }
  const std::uint16_t index = lane.is_port ? port_index : lane.backend;
  ConnectionPool& pool = client_.pool();
  Take take = pool.try_take(*attachment_, index, deadline_.now_ns());
  if (take.taken == Taken::busy && may_wait) {
    const Item& first = items_[lane.pending];
    take = pool.take(*attachment_, index, deadline_,
                     SlotWatch(attachment_->segment.reader(), first.ticket));
  }
  if (take.taken != Taken::opening) {
    take_connection(lane, take);
    return;
  }
  lane.connection = take.connection;
  lane.is_reused = false;
  lane.state = Lane::State::opening;
  lane.give_up_ns = deadline_.now_ns() + pool.connect_timeout_ns();
  advance(lane);
}

void FanOut::take_connection(Lane& lane, const Take& take) {
  switch (take.taken) {
    case Taken::ready:
      lane.connection = take.connection;
      lane.is_reused = take.is_reused;
      lane.state = Lane::State::active;
      return;
    case Taken::opening:  // start() saw to it
    case Taken::busy:
      lane.state = Lane::State::idle;
      return;
    case Taken::overflow:
      if (lane.is_port) {
        end(lane, Fate::unsent);
        return;
      }
      lane.is_port = true;
      count_overflow(lane);
      start(lane, false);
      return;
    case Taken::refused:
      end(lane, Fate::unsent);
      return;
    case Taken::timed_out:
      end(lane, Fate::timed_out);
      return;
    case Taken::moved:
      end(lane, Fate::moved);
      return;
    case Taken::failed:
      end(lane, Fate::failed);
      return;
  }
}

void FanOut::advance(Lane& lane) {
  const Opening opening = lane.connection->advance();
  const bool is_silent = deadline_.now_ns() >= lane.give_up_ns;
  if (opening == Opening::waiting && !is_silent) return;
  Connection& connection = *lane.connection;
  Take take;
  take.taken = client_.pool().opened(connection, opening, is_silent, deadline_.now_ns());
  lane.connection = nullptr;
  if (take.taken == Taken::ready) take.connection = &connection;
  take_connection(lane, take);
}

// The lane's connection is of no more use, or there never was one.
void FanOut::end(Lane& lane, Fate fate) {
  ConnectionPool& pool = client_.pool();
  if (lane.connection != nullptr) {
    pool.discard(*lane.connection);
    lane.connection = nullptr;
    // What else is idle there has most likely ended too.
    if (lane.is_reused) pool.close_idle(lane.is_port ? port_index : lane.backend);
  }
  const bool may_retry =
      fate == Fate::lost && !lane.is_retried && job_.is_repeatable() && !is_in_child();
  const bool is_error = fate == Fate::lost || fate == Fate::unsent || fate == Fate::timed_out;
  if (is_error && !lane.is_port) client_.on_backend_trouble(lane.backend);
  if (may_retry) {
    retry(lane);
    return;
  }
  lane.state = Lane::State::ended;
  mark_rest(lane, fate);
}

// Once more, over a fresh connection and under the same tickets.
void FanOut::retry(Lane& lane) {
  lane.is_retried = true;
  lane.is_reused = false;
  lane.state = Lane::State::idle;
  lane.expects_end = false;
  lane.output = Output({});
  lane.to_encode = lane.fill_head = lane.pending;
  for (std::uint32_t at = lane.pending; at != no_item; at = items_[at].next) {
    items_[at].is_encoded = false;
    items_[at].ends_command = false;
  }
}

void FanOut::mark_rest(Lane& lane, Fate fate) noexcept {
  bool is_unsent = false;
  for (std::uint32_t at = lane.pending; at != no_item; at = items_[at].next) {
    Item& item = items_[at];
    // Nothing of the output that it is in has left this host.
    is_unsent = is_unsent || !item.is_encoded || (at == lane.fill_head && !lane.output.has_begun());
    if (is_unsent) item.is_encoded = false;
    const bool is_outcome = fate == Fate::lost || fate == Fate::moved;
    item.fate = is_unsent && is_outcome ? Fate::unsent : fate;
  }
  lane.pending = no_item;
}

// Only the lease has lapsed.
TicketStatus FanOut::await_renewal(const Item& item) noexcept {
  if (job_.is_get() && item.ticket.pool_word.serves_without_lease()) return TicketStatus::holds;
  TicketStatus status = TicketStatus::lease_lapsed;
  Pause pause;
  while (status == TicketStatus::lease_lapsed && !deadline_.is_over()) {
    pause.sleep(deadline_);
    (void)client_.refresh(attachment_, deadline_.now_ns());
    if (client_.attachment() != attachment_) return TicketStatus::changed;
    check_.emplace(attachment_->segment.reader());
    status = check_->status_of(item.ticket);
  }
  return status;
}

void FanOut::count_answer(const Lane& lane) noexcept {
  counters::ShimCounters* counting = client_.counters();
  if (counting == nullptr || lane.is_port) return;
  counting->add_latency(lane.backend, check_->now_ns() - lane.sent_ns);
}

void FanOut::count_overflow(const Lane& lane) noexcept {
  counters::ShimCounters* counting = client_.counters();
  if (counting == nullptr) return;
  for (std::uint32_t at = lane.pending; at != no_item; at = items_[at].next) {
    counting->add_overflow();
  }
}

bool FanOut::has_moved(const Item& item) const noexcept {
  return client_.attachment() != attachment_ ||
         SlotWatch(attachment_->segment.reader(), item.ticket).has_moved();
}

}  // namespace ringfence::shim::client
