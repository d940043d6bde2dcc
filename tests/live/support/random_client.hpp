// One thread of a random test of the linked client: does one random operation after the other and
// has each answer judged by a model (cache_model.hpp).
//
// Findings and SharedKeys: any thread. RandomClient: one thread; the Client it uses may be shared.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/live/support/cache_model.hpp"
#include "tests/live/support/client_support.hpp"

namespace ringfence::live {

// Relaxed would do for the counts; they are no bottleneck here.
struct Findings {
  std::atomic<std::uint64_t> answered{0}, unanswered{0}, hits{0}, misses{0};
  std::atomic<std::int64_t> longest_excess_ms{0};  // of a call, beyond its timeout

  void note_excess(Milliseconds excess);
  void note_lie(std::string text);
  [[nodiscard]] std::size_t lies() const;
  [[nodiscard]] std::string first_lie() const;
  [[nodiscard]] std::string summary() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lies_;
};

struct SharedKeys {
  static constexpr std::size_t count = 16;
  ModelClock clock;
  std::array<SharedKey, count> keys;

  [[nodiscard]] static std::string name(std::size_t index) {
    return "shared-" + std::to_string(index);
  }
};

[[nodiscard]] std::uint64_t number_of(std::string_view text);  // 0 where it is none
[[nodiscard]] std::string shown(std::string_view value);       // its beginning

class RandomClient {
 public:
  RandomClient(Client& client, SharedKeys& shared, Findings& findings, std::size_t thread);
  void do_something();

 private:
  struct OwnKey {
    std::string stem;
    std::size_t life = 0;  // a name is given up when nobody can know any more what it holds
    KeyModel model;

    [[nodiscard]] std::string name() const { return stem + "-" + std::to_string(life); }
    void give_up() {
      ++life;
      model = {};
    }
  };

  // On a key of this thread's own.
  void get(OwnKey& key);
  void gat(OwnKey& key);
  void set(OwnKey& key);
  void add(OwnKey& key);
  void replace(OwnKey& key);
  void extend(OwnKey& key);  // append or prepend
  void cas(OwnKey& key);
  void remove(OwnKey& key);
  void touch(OwnKey& key);
  void count(OwnKey& key);  // incr or decr, on a key that holds numbers
  void read_number(OwnKey& key);
  void get_many_own();
  void write_many_own();
  // On keys that all threads use.
  void get_shared();
  void get_many_shared();
  void set_shared();
  void set_many_shared();
  void remove_shared();

  template <typename Call>
  auto timed(Call call) {  // call(timeout)
    const Timeout timeout = random_timeout();
    const Stopwatch watch;
    auto result = call(timeout);
    findings_.note_excess(watch.elapsed() - timeout);
    return result;
  }
  [[nodiscard]] Timeout random_timeout();
  bool note(ringfence_status status);  // whether it was answered
  void stored_or_not(OwnKey& key, ringfence_status status, std::string value);
  void judge(OwnKey& key, std::string_view value, const char* what);
  void judge_shared(std::size_t index, std::string_view value, std::uint64_t floor);
  void lie(const OwnKey& key, const std::string& text);
  [[nodiscard]] std::string new_value(const std::string& name);
  [[nodiscard]] std::string shared_value(std::size_t index, std::size_t number);
  [[nodiscard]] std::size_t some(std::size_t most) { return random_() % most; }

  Client& client_;
  SharedKeys& shared_;
  Findings& findings_;
  std::mt19937 random_;
  std::vector<OwnKey> texts_, numbers_;
  std::uint64_t turn_ = 0;
  Value value_;  // given to read after read
};

}  // namespace ringfence::live
