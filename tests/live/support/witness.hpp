// A client under whose eyes things change, on a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <thread>

#include "tests/live/support/text_client.hpp"

namespace ringfence::live {

// A client that never lets go of its connection and notes every answer that is no answer. Without
// tags NOT_STORED is one, and so is an older value: README says so.
class Witness {
 public:
  explicit Witness(const std::string& address, bool has_tags = true)
      : has_tags_(has_tags), client_(address), thread_([this] { run(); }) {}
  ~Witness() { stop(); }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Ends the load; returns what went wrong, empty: nothing.
  std::string stop() {
    is_ending_.store(true, std::memory_order_relaxed);
    if (thread_.joinable()) {
      thread_.join();
    }
    return trouble_;
  }
  [[nodiscard]] std::uint64_t request_count() const { return request_count_.load(); }
  [[nodiscard]] std::uint64_t not_stored_count() const { return not_stored_count_.load(); }

 private:
  [[nodiscard]] bool may_be(const std::string& value, std::uint64_t last) const {
    if (has_tags_) return value == std::to_string(last);
    const std::uint64_t number = std::stoull(value);
    return number <= last && number % key_count == last % key_count;
  }
  void run() {
    try {
      for (std::uint64_t i = 0; !is_ending_.load(std::memory_order_relaxed); ++i) {
        const std::string key = "reload-" + std::to_string(i % key_count);
        const std::string answer = client_.set(key, std::to_string(i));
        if (!has_tags_ && answer == "NOT_STORED") {
          not_stored_count_.fetch_add(1);
        } else if (answer != "STORED") {
          trouble_ = "set " + key + " answered " + answer;
          return;
        }
        const std::optional<std::string> value = client_.get(key);  // a miss is an answer too
        if (value && !may_be(*value, i)) {
          trouble_ = "get " + key + " answered " + *value + " after " + std::to_string(i);
          return;
        }
        request_count_.fetch_add(2);
      }
    } catch (const std::exception& error) {
      trouble_ = error.what();
    }
  }

  static constexpr std::uint64_t key_count = 500;

  const bool has_tags_;
  TextClient client_;
  std::string trouble_;                             // written by the thread, read after its end
  std::atomic<bool> is_ending_{false};              // relaxed: only ends the loop
  std::atomic<std::uint64_t> request_count_{0};     // a count
  std::atomic<std::uint64_t> not_stored_count_{0};  // a count
  std::thread thread_;
};

}  // namespace ringfence::live
