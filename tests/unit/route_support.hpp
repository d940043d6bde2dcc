// What the tests of routing share: a real segment in which every slot is served, under a lease.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "shm_layout/clock.hpp"
#include "shm_layout/key_hash.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::shim::testing {

using shm_layout::PoolWord;
using shm_layout::SegmentWriter;
using shm_layout::SlotState;
using shm_layout::SlotWord;

inline constexpr std::int64_t long_lease_ns = 3600 * shm_layout::ns_per_second;
inline constexpr PoolWord test_pool{true, 0, 0, 'x', 'y'};

class RoutedSegment {
 public:
  explicit RoutedSegment(const std::string& path, std::uint8_t cluster = 0xc1) {
    auto identity = shm_layout::testing::test_identity();
    identity.cluster_id.fill(cluster);
    auto opened = SegmentWriter::open(path, identity);
    if (!opened) throw std::runtime_error(opened.error().message);
    writer_ = std::move(opened).value();
    publish(1, 0, 1);
    writer_->store_deadline(shm_layout::boottime_ns() + long_lease_ns);
  }

  // A whole view in which `backend` serves every slot under `generation`.
  void publish(std::uint64_t epoch, std::uint16_t backend, std::uint64_t generation) {
    writer_->begin_publish();
    writer_->store_pool(test_pool);
    writer_->store_backend(backend, shm_layout::testing::whole_backend(backend + 1U));
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      writer_->store_slot(slot, SlotWord(SlotState::served, backend, generation));
    }
    writer_->end_publish(epoch, 0);
  }

  [[nodiscard]] SegmentWriter& writer() { return *writer_; }
  SegmentWriter* operator->() { return writer_.get(); }

 private:
  std::unique_ptr<SegmentWriter> writer_;
};

}  // namespace ringfence::shim::testing
