#include "shim/client/client.hpp"

#include "shim/hints.hpp"
#include "shm_layout/segment_list.hpp"

namespace ringfence::shim::client {

namespace {

// Between two looks for another segment: an application must not crawl while its agent is away.
constexpr std::int64_t refresh_interval_ns = 100 * ns_per_ms;
// One hint answers for all calls that meet the same trouble, and a client of many threads must not
// flood its agent.
constexpr std::int64_t hint_gap_ns = 10 * ns_per_ms;

}  // namespace

Client::Client(const ClientOptions& options)
    : segment_(options.segment_path, shm_layout::default_segment_directory),
      pool_(options.pool),
      timeout_ns_(options.timeout_ns) {}

AttachStatus Client::attach() {
  next_refresh_ns_.store(shm_layout::boottime_ns() + refresh_interval_ns,
                         std::memory_order_relaxed);
  const AttachStatus status = segment_.refresh();
  find_counters();
  return status;
}

// Again after each new attachment: it may be of another path, where the client found its segment by
// itself.
void Client::find_counters() noexcept {
  const Attachment* attachment = segment_.current();
  if (attachment == nullptr) return;
  // Release; pairs with the acquire in counters().
  counters_.store(&counters::process_counters(attachment->path), std::memory_order_release);
}

void Client::count(Verb verb, Status status, std::uint32_t keys) noexcept {
  counters::ShimCounters* counting = counters();
  if (counting == nullptr || keys == 0) return;
  counting->add_request(keys);
  switch (status) {
    case RINGFENCE_OK:
      if (text::is_retrieval(verb)) counting->add_hit(keys);
      break;
    case RINGFENCE_MISS:
      counting->add_miss(keys);
      break;
    case RINGFENCE_NO_VIEW:
    case RINGFENCE_LEASE_LAPSED:
      counting->add_refused_by_lease(keys);
      break;
    case RINGFENCE_FENCED:
      counting->add_refused_by_fence(keys);
      break;
    case RINGFENCE_TIMED_OUT:
      counting->add_timed_out(keys);
      break;
    default:
      break;
  }
}

void Client::on_backend_trouble(std::uint16_t backend) noexcept {
  if (counters::ShimCounters* counting = counters()) counting->add_backend_error(backend);
  const Attachment* attachment = segment_.current();
  const std::int64_t now_ns = shm_layout::boottime_ns();
  std::int64_t due_ns = next_hint_ns_.load(std::memory_order_relaxed);
  const bool is_mine =
      now_ns >= due_ns && next_hint_ns_.compare_exchange_strong(due_ns, now_ns + hint_gap_ns,
                                                                std::memory_order_relaxed);
  if (is_mine && attachment != nullptr) send_hint(attachment->path, backend);
}

bool Client::refresh(const Attachment* known, std::int64_t now_ns) noexcept {
  std::int64_t due_ns = next_refresh_ns_.load(std::memory_order_relaxed);
  const bool is_mine =
      now_ns >= due_ns && next_refresh_ns_.compare_exchange_strong(
                              due_ns, now_ns + refresh_interval_ns, std::memory_order_relaxed);
  if (is_mine) {
    try {
      const Attachment* before = segment_.current();
      (void)segment_.refresh();
      if (segment_.current() != before) find_counters();
    } catch (...) {
      return false;  // no memory: the next look may have some
    }
  }
  return segment_.current() != known;
}

}  // namespace ringfence::shim::client
