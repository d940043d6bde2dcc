// Makes and splits wire keys; see wire_key.hpp for the format. Pure; any thread; no allocation.
#define XXH_INLINE_ALL
#include "shim/wire_key.hpp"

#include <xxhash.h>

#include <cstring>

namespace ringfence::shim {

namespace {

// base64url's alphabet (RFC 4648 section 5): printable, without the marks.
constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr unsigned digit_bits = 6;
constexpr std::uint64_t digit_mask = 63;
constexpr std::size_t digest_digits = 22;  // 128 bits, 6 a digit
constexpr std::size_t salt_digits = 2;
constexpr std::size_t generation_digits_max = 6;  // generation_max is 36 bits

static_assert(digits.size() == 64);
static_assert(shm_layout::generation_max == (std::uint64_t{1} << (generation_digits_max * 6)) - 1);
static_assert(tag_bytes_max == 1 + salt_digits + generation_digits_max);

constexpr std::size_t generation_digits(std::uint64_t generation) noexcept {
  std::size_t count = 1;
  while (count < generation_digits_max && generation >> (digit_bits * count) != 0) ++count;
  return count;
}

// Most significant digit first, so that a generation has one form only.
void write_digits(char* out, std::uint64_t value, std::size_t count) noexcept {
  for (std::size_t i = count; i > 0; --i) {
    out[i - 1] = digits[value & digit_mask];
    value >>= digit_bits;
  }
}

void write_digest(char* out, std::string_view key, shm_layout::PoolWord pool) noexcept {
  const auto seed = static_cast<std::uint64_t>(static_cast<unsigned char>(pool.salt_0())) << 8 |
                    static_cast<unsigned char>(pool.salt_1());
  const XXH128_hash_t digest = XXH3_128bits_withSeed(key.data(), key.size(), seed);
  constexpr std::size_t half = digest_digits / 2;  // 11 digits hold 66 bits
  write_digits(out, digest.high64, half);
  write_digits(out + half, digest.low64, half);
}

int digit_value(char c) noexcept {
  const std::size_t at = digits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

Tag::Tag(shm_layout::PoolWord pool, std::uint64_t generation) noexcept
    : pool_(pool), generation_(generation), is_made_(true) {
  if (!pool.has_tags()) return;
  const std::size_t digit_count = generation_digits(generation);
  bytes_[0] = plain_mark;
  bytes_[1] = pool.salt_0();
  bytes_[2] = pool.salt_1();
  write_digits(bytes_.data() + 1 + salt_digits, generation, digit_count);
  size_ = static_cast<std::uint8_t>(1 + salt_digits + digit_count);
}

WireKey::WireKey(std::string_view key, shm_layout::PoolWord pool,
                 std::uint64_t generation) noexcept {
  key = key.substr(0, key_bytes_max);
  char* out = bytes_.data();
  if (!pool.has_tags()) {
    std::memcpy(out, key.data(), key.size());
    size_ = static_cast<std::uint8_t>(key.size());
    return;
  }
  const std::size_t generation_size = generation_digits(generation);
  const std::size_t tag_size = 1 + salt_digits + generation_size;
  const std::size_t room = wire_key_room(key);
  const bool is_shortened = key.size() + tag_size > room;
  const std::size_t kept = is_shortened ? room - tag_size - digest_digits : key.size();
  std::memcpy(out, key.data(), kept);
  out += kept;
  if (is_shortened) {
    write_digest(out, key, pool);
    out += digest_digits;
  }
  *out++ = is_shortened ? shortened_mark : plain_mark;
  *out++ = pool.salt_0();
  *out++ = pool.salt_1();
  write_digits(out, generation, generation_size);
  size_ = static_cast<std::uint8_t>(out + generation_size - bytes_.data());
}

std::optional<WireKeyParts> split_wire_key(std::string_view wire_key) noexcept {
  constexpr std::array<char, 3> marks = {plain_mark, shortened_mark, '\0'};
  const std::size_t mark = wire_key.find_last_of(marks.data());
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view tag = wire_key.substr(mark + 1);
  if (tag.size() <= salt_digits || tag.size() > salt_digits + generation_digits_max) {
    return std::nullopt;
  }
  WireKeyParts parts;
  parts.key = wire_key.substr(0, mark);
  parts.is_shortened = wire_key[mark] == shortened_mark;
  parts.salt = {tag[0], tag[1]};
  for (const char c : tag.substr(salt_digits)) {
    const int value = digit_value(c);
    if (value < 0) return std::nullopt;
    parts.generation = parts.generation << digit_bits | static_cast<std::uint64_t>(value);
  }
  return parts;
}

std::array<char, 2> salt_of(const std::array<std::uint8_t, 16>& cluster_id) noexcept {
  const std::uint64_t hash = XXH3_64bits(cluster_id.data(), cluster_id.size());
  constexpr unsigned salt_shift = 64 - salt_digits * digit_bits;  // the top bits mix best
  std::array<char, 2> salt{};
  write_digits(salt.data(), hash >> salt_shift, salt_digits);
  return salt;
}

}  // namespace ringfence::shim
