// The key as memcached sees it: the client's key and the tag of its slot's generation.
//
//   plain      <key> '~' <salt: 2 digits> <generation: 1 to 6 digits>
//   shortened  <first bytes of key> <XXH3-128 of key: 22 digits> '!' <salt> <generation>
//
// Digits are base64url's 64 characters, which hold neither '~' nor '!': the last of these two marks
// splits a wire key in one way only, so two keys never share a wire key. A key is shortened when
// key and tag do not fit 250 bytes (memcached, protocol.txt "Keys"), or, for a key that no text
// line can hold, the 186 that fit 250 in base64: whatever protocol a key comes by, it has one wire
// key. The digest is seeded with the salt. With tags off the wire key is the key. Pure; any thread;
// no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shm_layout/layout.hpp"

namespace ringfence::shim {

inline constexpr std::size_t key_bytes_max = 250;
inline constexpr std::size_t tag_bytes_max = 9;
// A key that travels in base64 (the text protocol's b flag): 62 groups of 4 characters are 248.
inline constexpr std::size_t encoded_key_bytes_max = key_bytes_max / 4 * 3;

inline constexpr char plain_mark = '~';
inline constexpr char shortened_mark = '!';

// Keys that the agent keeps on a backend for itself (claim, canary) begin so.
inline constexpr std::string_view reserved_key_prefix = "ringfence!";

// Whether `key` can stand in a line of the text protocol as it is.
[[nodiscard]] constexpr bool is_text_word(std::string_view key) noexcept {
  for (const char c : key) {
    if (c == ' ' || c == '\n' || c == '\0') return false;
  }
  return true;
}
// The bytes that `key` and its tag may have together.
[[nodiscard]] constexpr std::size_t wire_key_room(std::string_view key) noexcept {
  const bool fits_any_way = key.size() + tag_bytes_max <= encoded_key_bytes_max;
  return fits_any_way || is_text_word(key) ? key_bytes_max : encoded_key_bytes_max;
}

// What stands behind a plain key: mark, salt and generation; empty without tags. Keys of one
// generation share it, so who writes many keys makes it once.
class Tag {
 public:
  Tag() = default;
  Tag(shm_layout::PoolWord pool, std::uint64_t generation) noexcept;

  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  // Whether it is the one of these.
  [[nodiscard]] bool is_of(shm_layout::PoolWord pool, std::uint64_t generation) const noexcept {
    return is_made_ && pool_ == pool && generation_ == generation;
  }
  // Whether `key` is followed by it on the wire; else it is shortened.
  [[nodiscard]] bool fits(std::string_view key) const noexcept {
    return key.size() + size_ <= wire_key_room(key);
  }

 private:
  shm_layout::PoolWord pool_;
  std::uint64_t generation_ = 0;
  std::array<char, tag_bytes_max> bytes_{};
  std::uint8_t size_ = 0;
  bool is_made_ = false;
};

class WireKey {
 public:
  // `key` holds at most key_bytes_max bytes (the protocol parsers see to that).
  WireKey(std::string_view key, shm_layout::PoolWord pool, std::uint64_t generation) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, key_bytes_max> bytes_;
  std::uint8_t size_ = 0;
};

// A wire key taken apart. For people and tests, and for replies: the port compares whole wire keys.
struct WireKeyParts {
  std::string_view key;  // shortened: its first bytes and the digest
  bool is_shortened = false;
  std::array<char, 2> salt{};
  std::uint64_t generation = 0;
};
// Nothing if `wire_key` does not end in a tag (a key of a pool without tags, or another's).
[[nodiscard]] std::optional<WireKeyParts> split_wire_key(std::string_view wire_key) noexcept;

// The two digits of a cluster's salt, from a hash of its id. Pure.
[[nodiscard]] std::array<char, 2> salt_of(const std::array<std::uint8_t, 16>& cluster_id) noexcept;

}  // namespace ringfence::shim
