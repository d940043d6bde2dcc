// What is stored and asked for: keys of 32 bytes, and values that show whose they are. Every
// command is ready before anything is timed. Read only once it is made.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::bench {

inline constexpr std::size_t item_key_bytes = 32;

class Items {
 public:
  // `prefix`: four characters that no other items begin with.
  Items(std::string_view prefix, std::size_t count, std::size_t value_bytes);

  [[nodiscard]] std::size_t size() const { return sets_.size(); }
  [[nodiscard]] std::size_t value_bytes() const { return value_bytes_; }
  [[nodiscard]] std::string_view key(std::size_t i) const;
  [[nodiscard]] std::string_view get_command(std::size_t i) const { return gets_[i]; }
  [[nodiscard]] std::string_view set_command(std::size_t i) const { return sets_[i]; }

  // Nothing when no item has this key.
  [[nodiscard]] std::optional<std::size_t> index_of(std::string_view key) const;
  // Length, and whose it is: at its beginning, every 64 KiB, and at its end.
  [[nodiscard]] bool is_value_of(std::size_t i, std::string_view value) const;

 private:
  const std::size_t value_bytes_;
  std::vector<std::string> gets_, sets_;
};

}  // namespace ringfence::bench
