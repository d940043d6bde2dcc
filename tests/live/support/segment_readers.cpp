#include "tests/live/support/segment_readers.hpp"

#include <algorithm>
#include <utility>

#include "shim/route.hpp"
#include "tests/live/support/wait.hpp"

namespace ringfence::live {
namespace {

constexpr std::uint64_t turns_between_naps = 512;  // leaves the agent its share of two cores

}  // namespace

SegmentReaders::SegmentReaders(const std::string& path, std::vector<std::string> addresses,
                               std::size_t thread_count)
    : path_(path), addresses_(std::move(addresses)) {
  for (std::size_t i = 0; i < thread_count; ++i) {
    threads_.emplace_back([this, i] { run(i); });
  }
}

SegmentReaders::~SegmentReaders() {
  is_ending_.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void SegmentReaders::expect_no_route(bool is_expected) {
  const bool is_odd = (phase_.load(std::memory_order_relaxed) & 1U) != 0;  // only we write it
  if (is_odd != is_expected) {
    phase_.fetch_add(1, std::memory_order_release);
  }
}

std::uint64_t SegmentReaders::routed_count() const {
  return routed_count_.load(std::memory_order_relaxed);
}

std::uint64_t SegmentReaders::refused_count() const {
  return refused_count_.load(std::memory_order_relaxed);
}

std::string SegmentReaders::violation() const {
  const std::lock_guard lock(mutex_);
  return violation_;
}

void SegmentReaders::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (violation_.empty()) {
    violation_ = text;
  }
}

void SegmentReaders::run(std::size_t seed) {
  shm_layout::MappedSegment segment;
  const shm_layout::AttachVerdict verdict = segment.open(path_.c_str());
  if (verdict != shm_layout::AttachVerdict::ok) {
    return note(std::string("a reader cannot attach: ") + describe(verdict));
  }
  std::vector<std::uint64_t> generations(shm_layout::slot_count);
  for (std::uint64_t turn = seed << 32U; !is_ending_.load(std::memory_order_relaxed); ++turn) {
    const bool is_routed = read_once(segment.reader(), turn, generations);
    (is_routed ? routed_count_ : refused_count_).fetch_add(1, std::memory_order_relaxed);
    if (turn % turns_between_naps == 0) {
      pass(Milliseconds{1});
    }
  }
}

bool SegmentReaders::read_once(const shm_layout::SegmentReader& reader, std::uint64_t turn,
                               std::vector<std::uint64_t>& generations) {
  const std::uint64_t phase = phase_.load(std::memory_order_acquire);
  const shim::Ticket ticket = shim::route(reader, "key-" + std::to_string(turn));
  if (ticket.status != shim::RouteStatus::ok) {
    return false;
  }
  if ((phase & 1U) != 0 && phase_.load(std::memory_order_acquire) == phase) {
    note("routed by a lease that had ended");
  }
  std::uint64_t& generation = generations.at(ticket.slot);
  if (ticket.generation() < generation) {
    note("slot " + std::to_string(ticket.slot) + ": generation fell from " +
         std::to_string(generation) + " to " + std::to_string(ticket.generation()));
  }
  generation = ticket.generation();
  const std::optional<shm_layout::BackendInfo> backend = reader.backend(ticket.backend());
  if (backend &&
      std::find(addresses_.begin(), addresses_.end(), backend->text) == addresses_.end()) {
    note("backend " + std::to_string(ticket.backend()) + " has the address '" +
         std::string(backend->text) + "'");
  }
  return true;
}

}  // namespace ringfence::live
