// The answers that one connection waits for, in order, and whether they are right: a miss, an
// error, another key's value and an answer that nobody asked for all throw. One thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>
#include <vector>

#include "bench/port/items.hpp"

namespace ringfence::bench {

inline constexpr std::size_t keys_of_get_max = 128;

class Replies {
 public:
  explicit Replies(const Items& items) : items_(items) {}

  void expect_stored() { awaited_.push_back({true, 0, 0, 0, {}}); }
  // One command's values: `count` of the keys first ... first + span - 1, in any order.
  void expect_values(std::size_t first, std::size_t span, std::size_t count) {
    awaited_.push_back({false, first, span, count, {}});
  }
  [[nodiscard]] bool is_awaited() const { return head_ < awaited_.size(); }

  // Takes what is whole from the front of `bytes`, and returns how many bytes that is.
  [[nodiscard]] std::size_t take(std::string_view bytes);

 private:
  struct Awaited {
    bool is_stored;
    std::size_t first, span, count;
    std::bitset<keys_of_get_max> seen;
  };
  [[nodiscard]] std::size_t take_one(std::string_view bytes);
  [[nodiscard]] std::size_t take_value(std::string_view bytes, std::size_t line_bytes);
  void answered();

  const Items& items_;
  std::vector<Awaited> awaited_;  // from head_ on
  std::size_t head_ = 0;
};

}  // namespace ringfence::bench
