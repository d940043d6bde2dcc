// One side of a comparison in the text protocols, meta commands among them: a connection whose
// answers are read whole. One thread uses it.
#pragma once

#include <string>
#include <string_view>

#include "tests/live/support/text_client.hpp"

namespace ringfence::live {

// Numbers that each server counts for itself, or by its own clock's ticks, made alike: "c5" and a
// VALUE's unique become "#", as do "t5" and "l5" (not "t-1").
[[nodiscard]] std::string without_own_numbers(const std::string& line);

class MetaSide {
 public:
  explicit MetaSide(TextClient client) : client_(std::move(client)) {}

  void send(std::string_view bytes) { client_.send(bytes); }
  // All lines and values before the answer to mn, which is asked here; own numbers made alike.
  [[nodiscard]] std::string finish();
  // The same, where mn may have been asked before: up to a miss of `key`, which nobody stores.
  [[nodiscard]] std::string finish(const std::string& key);
  [[nodiscard]] std::string answer(std::string_view bytes);
  // The item's cas unique; "0" when there is none.
  [[nodiscard]] std::string cas_of(const std::string& key);

 private:
  [[nodiscard]] std::string read_until(const std::string& last);

  TextClient client_;
};

}  // namespace ringfence::live
