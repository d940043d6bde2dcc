// What a route costs, and what others' cost, on the same keys in the same run.
//
// Keys of 32 bytes, one behind the other in memory as in a buffer of requests; their slots lie at
// random all over the table's 512 KiB, each on a cache line of its own. 1,024 keys: what is in use
// stays in the core's own cache. 65,536 keys: slots come from the cache that cores share, or from
// memory.
// Servers: 20. Compare with libmemcached's own default (one-at-a-time hash, modulo), its ketama
// with that hash, and its ketama with MD5.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "shim/ringfence.h"
#include "shim/route.hpp"
#include "shim/wire_key.hpp"
#include "shm_layout/clock.hpp"
#include "shm_layout/segment_writer.hpp"
#ifdef RINGFENCE_HAS_LIBMEMCACHED
#include <libmemcached/memcached.h>
#endif

namespace ringfence::bench {
namespace {

constexpr std::size_t key_count_max = 65'536;
constexpr std::size_t key_count_hot = 1024;  // powers of two: the next key is found by a mask
constexpr std::size_t key_bytes = 32;
constexpr std::uint16_t server_count = 20;
constexpr std::int64_t lease_ns = 3600 * shm_layout::ns_per_second;

// Keys one behind the other, as they would lie in requests.
const std::string& all_keys() {
  static const std::string keys = [] {
    std::mt19937_64 random(32);
    std::string made;
    made.reserve(key_count_max * key_bytes);
    for (std::size_t i = 0; i < key_count_max; ++i) {
      std::array<char, key_bytes + 1> key{};
      std::snprintf(key.data(), key.size(), "user:%010u:%016llx", static_cast<unsigned>(i),
                    static_cast<unsigned long long>(random()));
      made.append(key.data(), key_bytes);
    }
    return made;
  }();
  return keys;
}

class Keys {
 public:
  explicit Keys(const benchmark::State& state)
      : mask_(static_cast<std::size_t>(state.range(0)) - 1) {}
  [[nodiscard]] std::string_view next() {
    at_ = (at_ + 1) & mask_;
    return {base_ + at_ * key_bytes, key_bytes};
  }

 private:
  const char* base_ = all_keys().data();
  std::size_t mask_;
  std::size_t at_ = 0;
};

// A real segment on tmpfs, every slot served by one of the servers.
class BenchSegment {
 public:
  BenchSegment() {
    shm_layout::SegmentIdentity identity;
    identity.cluster = "bench";
    identity.pool = "default";
    auto opened = shm_layout::SegmentWriter::open(path(), identity);
    if (!opened) throw std::runtime_error(opened.error().message);
    writer_ = std::move(opened).value();
    writer_->begin_publish();
    writer_->store_pool(shm_layout::PoolWord(true, 0, 0, 'a', 'b'));
    for (std::uint16_t server = 0; server < server_count; ++server) store_server(server);
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      const auto server = static_cast<std::uint16_t>(slot % server_count);
      writer_->store_slot(slot, {shm_layout::SlotState::served, server, 1000});
    }
    writer_->end_publish(1, 0);
    writer_->store_deadline(shm_layout::boottime_ns() + lease_ns);
  }
  ~BenchSegment() { std::filesystem::remove_all(directory_); }

  [[nodiscard]] const shm_layout::SegmentReader& reader() const { return writer_->reader(); }
  [[nodiscard]] std::string path() const { return directory_ + "/bench.default"; }

 private:
  void store_server(std::uint16_t server) {
    shm_layout::BackendInfo info{};
    info.family = shm_layout::AddressFamily::inet4;
    info.port = static_cast<std::uint16_t>(11211 + server);
    info.serving = 1;
    std::snprintf(info.text, sizeof info.text, "127.0.0.1:%u", unsigned{info.port});
    writer_->store_backend(server, info);
  }

  std::string directory_ = "/dev/shm/ringfence-bench-" + std::to_string(getpid());
  std::unique_ptr<shm_layout::SegmentWriter> writer_;
};

BenchSegment& segment() {
  static BenchSegment made;
  return made;
}

void loop_only(benchmark::State& state) {
  Keys keys(state);
  for (auto _ : state) benchmark::DoNotOptimize(keys.next().data());
}

// The parts of a route, and all three with nothing around them: what no route of this contract can
// go below on this machine.
void part_coarse_clock(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(shm_layout::coarse_ns());
}

void part_key_hash(benchmark::State& state) {
  Keys keys(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(shm_layout::slot_of_inline(keys.next(), shm_layout::PoolWord{}));
  }
}

void part_hash_and_slot(benchmark::State& state) {
  const shm_layout::SegmentReader& reader = segment().reader();
  Keys keys(state);
  for (auto _ : state) {
    const auto slot = shm_layout::slot_of_inline(keys.next(), shm_layout::PoolWord{});
    benchmark::DoNotOptimize(reader.slot(slot));
  }
}

void route_floor(benchmark::State& state) {
  const shm_layout::SegmentReader& reader = segment().reader();
  Keys keys(state);
  for (auto _ : state) {
    const auto slot = shm_layout::slot_of_inline(keys.next(), shm_layout::PoolWord{});
    benchmark::DoNotOptimize(reader.slot(slot));
    benchmark::DoNotOptimize(shm_layout::coarse_ns());
  }
}

// What a caller gets: the ticket, checked against the lease.
void ringfence_route(benchmark::State& state) {
  const shm_layout::SegmentReader& reader = segment().reader();
  Keys keys(state);
  std::uint64_t refused = 0;
  for (auto _ : state) {
    const shim::Ticket ticket = shim::route(reader, keys.next());
    benchmark::DoNotOptimize(ticket.slot_word);
    refused += ticket.status == shim::RouteStatus::ok ? 0 : 1;
  }
  if (refused != 0) state.SkipWithError("routes were refused");
}

void ringfence_route_c_api(benchmark::State& state) {
  ringfence_t* handle = nullptr;
  if (ringfence_attach(segment().path().c_str(), &handle) != RINGFENCE_OK) {
    state.SkipWithError("attach failed");
    return;
  }
  Keys keys(state);
  std::uint64_t refused = 0;
  for (auto _ : state) {
    ringfence_ticket ticket;
    const std::string_view key = keys.next();
    refused += ::ringfence_route(handle, key.data(), key.size(), &ticket) == RINGFENCE_OK ? 0 : 1;
    benchmark::DoNotOptimize(ticket.slot_word);
  }
  if (refused != 0) state.SkipWithError("routes were refused");
  ringfence_detach(handle);
}

void ringfence_validate(benchmark::State& state) {
  const shm_layout::SegmentReader& reader = segment().reader();
  Keys keys(state);
  std::vector<shim::Ticket> tickets;
  const auto count = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < count; ++i) tickets.push_back(shim::route(reader, keys.next()));
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(shim::validate(reader, tickets[at]));
    at = (at + 1) & (count - 1);
  }
}

void ringfence_wire_key(benchmark::State& state) {
  const shm_layout::PoolWord pool = segment().reader().pool();
  Keys keys(state);
  for (auto _ : state) {
    const shim::WireKey wire_key(keys.next(), pool, 1000);
    benchmark::DoNotOptimize(wire_key.view().data());
  }
}

void with_key_counts(benchmark::internal::Benchmark* bench) {
  bench->ArgName("keys")->Arg(key_count_hot)->Arg(key_count_max);
}

BENCHMARK(loop_only)->Apply(with_key_counts);
BENCHMARK(part_coarse_clock);
BENCHMARK(part_key_hash)->Apply(with_key_counts);
BENCHMARK(part_hash_and_slot)->Apply(with_key_counts);
BENCHMARK(route_floor)->Apply(with_key_counts);
BENCHMARK(ringfence_route)->Apply(with_key_counts);
BENCHMARK(ringfence_route_c_api)->Apply(with_key_counts);
BENCHMARK(ringfence_validate)->Apply(with_key_counts);
BENCHMARK(ringfence_wire_key)->Apply(with_key_counts);

#ifdef RINGFENCE_HAS_LIBMEMCACHED
using Client = std::unique_ptr<memcached_st, decltype(&memcached_free)>;

Client make_client() {
  Client client(memcached_create(nullptr), &memcached_free);
  for (std::uint16_t server = 0; server < server_count; ++server) {
    const std::string host = "10.0.0." + std::to_string(server + 1);
    memcached_server_add(client.get(), host.c_str(), 11211);
  }
  return client;
}

void hash_all(benchmark::State& state, const Client& client) {
  Keys keys(state);
  for (auto _ : state) {
    const std::string_view key = keys.next();
    benchmark::DoNotOptimize(memcached_generate_hash(client.get(), key.data(), key.size()));
  }
}

void libmemcached_default(benchmark::State& state) {
  hash_all(state, make_client());
}

void libmemcached_ketama(benchmark::State& state) {
  const Client client = make_client();
  memcached_behavior_set_distribution(client.get(), MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA);
  hash_all(state, client);
}

void libmemcached_ketama_md5(benchmark::State& state) {
  const Client client = make_client();
  memcached_behavior_set(client.get(), MEMCACHED_BEHAVIOR_KETAMA, 1);
  memcached_behavior_set_key_hash(client.get(), MEMCACHED_HASH_MD5);
  hash_all(state, client);
}

BENCHMARK(libmemcached_default)->Apply(with_key_counts);
BENCHMARK(libmemcached_ketama)->Apply(with_key_counts);
BENCHMARK(libmemcached_ketama_md5)->Apply(with_key_counts);
#endif

}  // namespace
}  // namespace ringfence::bench
