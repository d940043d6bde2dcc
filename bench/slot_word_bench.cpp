// What a slot word's size costs a route: XXH3 of a 32-byte key and one load from 65,536 slots of
// 4 or 8 bytes. Throughput: keys one after another. Latency: the next key is known only when the
// slot of the last one was read.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "shm_layout/key_hash.hpp"

namespace {

namespace shm_layout = ringfence::shm_layout;

constexpr std::size_t key_bytes = 32;
constexpr std::size_t key_count = 1024;  // 32 KiB of keys: the first cache level holds them
constexpr std::uint32_t benchmark_seed = 1;

using Key = std::array<char, key_bytes>;

std::vector<Key> make_keys() {
  std::mt19937 random(benchmark_seed);
  std::vector<Key> keys(key_count);
  for (Key& key : keys) {
    for (char& c : key) {
      c = static_cast<char>('a' + random() % 26);
    }
  }
  return keys;
}

// The content is random, so that a dependent key cannot be guessed ahead.
template <typename Word>
std::vector<std::atomic<Word>> make_slots() {
  std::mt19937_64 random(benchmark_seed);
  std::vector<std::atomic<Word>> slots(shm_layout::slot_count);
  for (auto& slot : slots) {
    slot.store(static_cast<Word>(random()), std::memory_order_relaxed);
  }
  return slots;
}

template <typename Word>
void slot_throughput(benchmark::State& state) {
  const auto keys = make_keys();
  const auto slots = make_slots<Word>();
  std::size_t next = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    const Key& key = keys[next++ % key_count];
    const std::uint32_t slot =
        shm_layout::slot_of({key.data(), key.size()}, shm_layout::PoolWord{});
    benchmark::DoNotOptimize(slots[slot].load(std::memory_order_acquire));
  }
  state.SetItemsProcessed(state.iterations());
}

template <typename Word>
void slot_latency(benchmark::State& state) {
  auto keys = make_keys();
  const auto slots = make_slots<Word>();
  std::size_t next = 0;
  Word last = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    Key& key = keys[next++ % key_count];
    // Always 8 bytes, as the hash reads them: a narrower store would stall the load behind it.
    const std::uint64_t link = last;
    std::memcpy(key.data(), &link, sizeof(link));
    const std::uint32_t slot =
        shm_layout::slot_of({key.data(), key.size()}, shm_layout::PoolWord{});
    last = slots[slot].load(std::memory_order_acquire);
  }
  benchmark::DoNotOptimize(last);
  state.SetItemsProcessed(state.iterations());
}

}  // namespace

BENCHMARK_TEMPLATE(slot_throughput, std::uint32_t);
BENCHMARK_TEMPLATE(slot_throughput, std::uint64_t);
BENCHMARK_TEMPLATE(slot_latency, std::uint32_t);
BENCHMARK_TEMPLATE(slot_latency, std::uint64_t);
