#include "bench/fleet/steady_client.hpp"

#include <algorithm>
#include <chrono>

#include "shm_layout/key_hash_inline.hpp"
#include "tests/live/support/linked_client.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t key_count = 32;
constexpr std::chrono::microseconds pause_between{500};

std::vector<std::string> staying_keys(const SegmentWatch& watch, const SegmentWatch::Slots& slots) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; keys.size() < key_count; ++i) {
    std::string key = "steady-" + std::to_string(i);
    if (!slots.moves[shm_layout::slot_of_inline(key, watch.reader(0).pool())]) {
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

}  // namespace

SteadyClient::SteadyClient(const std::string& segment, const SegmentWatch& watch,
                           const SegmentWatch::Slots& slots)
    : keys_(staying_keys(watch, slots)), thread_([this, segment] { run(segment); }) {
  while (!is_ready_.load(std::memory_order_acquire)) std::this_thread::sleep_for(pause_between);
}

SteadyClient::~SteadyClient() {
  if (thread_.joinable()) (void)end();
}

SteadyClient::Outcome SteadyClient::end() {
  is_ending_.store(true, std::memory_order_relaxed);
  thread_.join();
  return outcome_;
}

void SteadyClient::run(const std::string& segment) {
  live::LinkedClient client(segment);
  for (std::uint64_t turn = 0; !is_ending_.load(std::memory_order_relaxed); ++turn) {
    const std::string& key = keys_[turn % keys_.size()];
    const std::int64_t begin_ns = monotonic_ns();
    const ringfence_status set = client.set(key, key);
    const std::int64_t middle_ns = monotonic_ns();
    const live::Got got = client.get(key);
    const std::int64_t end_ns = monotonic_ns();
    std::this_thread::sleep_for(pause_between);
    if (turn < keys_.size()) continue;  // connections are opened
    is_ready_.store(true, std::memory_order_release);
    outcome_.slowest_ns = std::max({outcome_.slowest_ns, middle_ns - begin_ns, end_ns - middle_ns});
    const bool is_done = set == RINGFENCE_OK && got.status == RINGFENCE_OK && got.value == key;
    ++(is_done ? outcome_.done : outcome_.failed);
    if (is_done || !outcome_.failure.empty()) continue;
    outcome_.failure =
        std::string("set: ") + ringfence_describe(set) + ", get: " + ringfence_describe(got.status);
  }
}

}  // namespace ringfence::bench
