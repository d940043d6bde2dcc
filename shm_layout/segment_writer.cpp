// Stores of the writer half. How a segment is opened stands in segment_open.cpp.
#include "shm_layout/segment_writer.hpp"

#include <array>
#include <cstdlib>
#include <cstring>

#include "shm_layout/clock.hpp"
#include "shm_layout/segment_file.hpp"

namespace ringfence::shm_layout {
namespace {

// Partner: copy_record in segment_reader.cpp, which explains why every word is a release.
// A record that already says so is left alone, so that its sequence changes only with its meaning.
template <typename Info, std::size_t WordCount>
void store_record(Record<WordCount>& record, const Info& info) noexcept {
  static_assert(sizeof(Info) == WordCount * sizeof(std::uint64_t));
  std::array<std::uint64_t, WordCount> words{};
  std::memcpy(words.data(), &info, sizeof(info));
  // Relaxed loads: only this thread writes.
  const std::uint64_t sequence = record.sequence.load(std::memory_order_relaxed);
  bool is_same = sequence != 0 && sequence % 2 == 0;
  for (std::size_t i = 0; is_same && i < WordCount; ++i) {
    is_same = record.words[i].load(std::memory_order_relaxed) == words[i];
  }
  if (is_same) {
    return;
  }
  const std::uint64_t odd = sequence | 1;  // a writer that died half-way left it odd
  record.sequence.store(odd, std::memory_order_relaxed);
  for (std::size_t i = 0; i < WordCount; ++i) {
    record.words[i].store(words[i], std::memory_order_release);
  }
  record.sequence.store(odd + 1, std::memory_order_release);
}

// An index beyond the layout is a broken invariant of the agent: stop before it overwrites others.
void require(bool holds) noexcept {
  if (!holds) {
    std::abort();
  }
}

// CLOCK_MONOTONIC_COARSE stands behind CLOCK_MONOTONIC, so its deadline ends some ticks early.
// MONOTONIC is read before BOOTTIME: a delay between the two shortens the lease.
std::int64_t coarse_deadline_ns(std::int64_t until_boottime_ns) noexcept {
  timespec tick{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  const std::int64_t monotonic_now_ns = read_clock_ns(CLOCK_MONOTONIC);
  const std::int64_t left_ns = until_boottime_ns - boottime_ns();
  return monotonic_now_ns + left_ns -
         coarse_lag_ticks * (tick.tv_sec * ns_per_second + tick.tv_nsec);
}

}  // namespace

SegmentWriter::SegmentWriter() = default;
SegmentWriter::~SegmentWriter() = default;

void SegmentWriter::begin_publish() noexcept {
  auto& sequence = segment_->control.publish_sequence;
  // Relaxed: every store that follows is a release, and brings the odd number with it.
  sequence.store(sequence.load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
}

void SegmentWriter::end_publish(std::uint64_t epoch, std::uint64_t digest) noexcept {
  Control& control = segment_->control;
  control.digest.store(digest, std::memory_order_release);
  control.epoch.store(epoch, std::memory_order_release);
  // Release: who acquires the even number sees the whole view.
  const std::uint64_t odd = control.publish_sequence.load(std::memory_order_relaxed) | 1;
  control.publish_sequence.store(odd + 1, std::memory_order_release);
}

void SegmentWriter::store_slot(std::uint32_t index, SlotWord word) noexcept {
  require(index < slot_count);
  // Release: pairs with SegmentReader::slot.
  segment_->slots[index].store(word.raw(), std::memory_order_release);
}

void SegmentWriter::fence_slot(std::uint32_t index) noexcept {
  require(index < slot_count);
  const std::uint64_t fence_bit = SlotWord{}.fenced().raw();
  // seq_cst: pairs with SegmentReader::slot; not overtaken by the acknowledgement that follows.
  segment_->slots[index].fetch_or(fence_bit, std::memory_order_seq_cst);
}

SlotWord SegmentWriter::slot(std::uint32_t index) const noexcept {
  require(index < slot_count);
  // Relaxed: only this thread writes.
  return SlotWord{segment_->slots[index].load(std::memory_order_relaxed)};
}

void SegmentWriter::store_backend(std::uint32_t index, const BackendInfo& info) noexcept {
  require(index < backend_count_max);
  store_record(segment_->backends[index], info);
}

void SegmentWriter::store_intercept(std::uint32_t index, const InterceptInfo& info) noexcept {
  require(index < intercept_count_max);
  store_record(segment_->intercepts[index], info);
}

// The releases below pair with acquires in SegmentReader, route() and validate() of shim/.

void SegmentWriter::store_pool(PoolWord pool) noexcept {
  segment_->control.pool_word.store(pool.raw(), std::memory_order_release);
}

void SegmentWriter::store_connection_budget(std::uint64_t connections) noexcept {
  // Relaxed: a number by itself.
  segment_->control.connection_budget.store(connections, std::memory_order_relaxed);
}

void SegmentWriter::store_answers(AnswerWord answers) noexcept {
  // Relaxed: pairs with SegmentReader::answers; one word by itself.
  segment_->control.answer_word.store(answers.raw(), std::memory_order_relaxed);
}

void SegmentWriter::store_agent(std::uint64_t incarnation, std::uint64_t term,
                                std::uint32_t pid) noexcept {
  Control& control = segment_->control;
  control.agent_incarnation.store(incarnation, std::memory_order_release);
  control.term.store(term, std::memory_order_release);
  control.agent_pid.store(pid, std::memory_order_release);
}

void SegmentWriter::store_deadline(std::int64_t until_boottime_ns) noexcept {
  const std::int64_t coarse_ns = until_boottime_ns == 0 ? 0 : coarse_deadline_ns(until_boottime_ns);
  // seq_cst: an ended lease is not overtaken by what the agent tells others next.
  segment_->control.deadline_coarse_ns.store(coarse_ns, std::memory_order_seq_cst);
  segment_->control.deadline_boottime_ns.store(until_boottime_ns, std::memory_order_seq_cst);
}

void SegmentWriter::beat() noexcept {
  segment_->control.heartbeat_boottime_ns.store(boottime_ns(), std::memory_order_release);
}

void SegmentWriter::store_state(SegmentState state) noexcept {
  if (state != SegmentState::open) {
    store_deadline(0);
  }
  segment_->control.state.store(static_cast<std::uint32_t>(state), std::memory_order_release);
}

}  // namespace ringfence::shm_layout
