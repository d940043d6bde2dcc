// Many clients write growing numbers and read them back while slots move, fences come and go, the
// lease lapses and backends are stopped and killed. Each key has one writer and several readers.
//
// Checked: no answer about another key, nothing that nobody tried to write, nothing hangs; and with
// tags no hit older than what was acknowledged before its get began (G2). Without tags the same
// history, in which no admission flushes, must show stale hits: else this test could not fail.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t key_count = 12;
constexpr std::size_t reader_count = 3;
constexpr auto run_time = 6s;

struct KeyState {
  std::atomic<std::uint64_t> acknowledged{0};  // by a write whose answer was STORED
  std::atomic<std::uint64_t> attempted{0};
};

struct History {
  std::array<KeyState, key_count> keys;
  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> stored{0}, hits{0}, misses{0}, stale{0};
};

std::string key_name(std::size_t index) {
  return "key" + std::to_string(index);
}

// seq_cst throughout: an acknowledgement must be seen by a get that begins after it.
void write_keys(const std::string& address, History& history, std::size_t first) {
  TextClient client{address};
  for (std::uint64_t number = 1; !history.is_over; ++number) {
    for (std::size_t i = first; i < key_count; i += 2) {
      KeyState& key = history.keys[i];
      key.attempted = number;
      if (client.set(key_name(i), std::to_string(number)) != "STORED") continue;
      key.acknowledged = number;
      ++history.stored;
    }
  }
}

void read_keys(const std::string& address, History& history) {
  TextClient client{address};
  std::string command = "get";
  for (std::size_t i = 0; i < key_count; ++i) command += " " + key_name(i);
  while (!history.is_over) {
    std::array<std::uint64_t, key_count> floor{};
    for (std::size_t i = 0; i < key_count; ++i) floor[i] = history.keys[i].acknowledged;
    client.send(command + "\r\n");
    std::size_t found = 0;
    for (std::string line = client.read_line(); line != "END"; line = client.read_line()) {
      ASSERT_TRUE(line.starts_with("VALUE key")) << line;
      const std::size_t index = std::stoul(line.substr(9));
      ASSERT_LT(index, key_count);
      const std::uint64_t number = std::stoull(client.read_line());
      ++found;
      ASSERT_LE(number, history.keys[index].attempted);
      if (number < floor[index]) ++history.stale;
    }
    history.hits += found;
    history.misses += key_count - found;
  }
}

class Trouble {
 public:
  explicit Trouble(PortHost& host) : host_(host) {}

  void make_some() {
    const std::size_t from = random_() % host_.size();
    const std::size_t to = random_() % host_.size();
    switch (random_() % 6) {
      case 0:
      case 1:
        host_.fence_slots_of(from);
        pass(Milliseconds{random_() % 10});
        host_.move_slots(from, to);
        break;
      case 2:
        host_.fence_all();
        pass(Milliseconds{random_() % 10});
        host_.unfence_all();
        break;
      case 3:
        host_.end_lease();
        pass(Milliseconds{random_() % 60});
        host_.renew_lease();
        break;
      case 4:
        stop_and_move(from, to);
        break;
      default:
        kill_and_move(from, to);
        break;
    }
  }

 private:
  void stop_and_move(std::size_t from, std::size_t to) {
    host_.memcached(from).stop();
    pass(Milliseconds{random_() % 80});
    host_.fence_slots_of(from);
    host_.move_slots(from, from == to ? (to + 1) % host_.size() : to);
    pass(Milliseconds{random_() % 20});
    host_.memcached(from).resume();
  }
  void kill_and_move(std::size_t from, std::size_t to) {
    host_.memcached(from).kill();
    pass(Milliseconds{random_() % 20});
    host_.fence_slots_of(from);
    host_.move_slots(from, from == to ? (to + 1) % host_.size() : to);
    host_.memcached(from).restart();
    host_.renew_record(from);
  }

  PortHost& host_;
  std::mt19937 random_{20070117};
};

class G2_PortHistory : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Tags, G2_PortHistory, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(G2_PortHistory, EveryKindOfTroubleThenNoWrongKeyNoHangAndNoStaleHitUnderTags) {
  PortHostSettings settings;
  settings.backends = 3;
  settings.has_tags = GetParam();
  settings.port.io_threads = 2;
  PortHost host{settings};
  History history;
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < 2; ++i) {
    clients.emplace_back([&, i] { write_keys(host.address(), history, i); });
  }
  for (std::size_t i = 0; i < reader_count; ++i) {
    clients.emplace_back([&] { read_keys(host.address(), history); });
  }

  Trouble trouble{host};
  const auto end = std::chrono::steady_clock::now() + run_time;
  while (std::chrono::steady_clock::now() < end && !HasFailure()) {
    trouble.make_some();
    pass(5ms);
  }
  history.is_over = true;
  for (std::thread& client : clients) client.join();

  if (GetParam()) {
    EXPECT_EQ(history.stale, 0U);
  } else {
    EXPECT_GT(history.stale, 0U);
  }
  EXPECT_GT(history.stored, 100U);
  EXPECT_GT(history.hits, 100U);
  RecordProperty("stored", std::to_string(history.stored));
  RecordProperty("hits", std::to_string(history.hits));
  RecordProperty("misses", std::to_string(history.misses));
}

}  // namespace
}  // namespace ringfence::live
