// Little-endian writing and bounded reading of the core's byte formats (entries, snapshots,
// messages). The reader treats its input as hostile: every length is checked against what is left
// and against a limit before anything is allocated; the first failure sticks and yields zeros.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ringfence::agent::core {

class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void u16(std::uint16_t value) { number(value, 2); }
  void u32(std::uint32_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }
  void i64(std::int64_t value) { number(static_cast<std::uint64_t>(value), 8); }
  void boolean(bool value) { u8(value ? 1 : 0); }
  void text(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
  }
  void raw(std::string_view value) { bytes_.append(value); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string take() { return std::move(bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void number(std::uint64_t value, unsigned byte_count) {
    for (unsigned i = 0; i < byte_count; ++i) {
      bytes_.push_back(static_cast<char>(value >> (8 * i) & 0xffU));
    }
  }
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  [[nodiscard]] std::uint64_t u64() { return number(8); }
  [[nodiscard]] std::int64_t i64() { return static_cast<std::int64_t>(number(8)); }
  // Anything but 0 and 1 is a failure, so that equal values have one encoding.
  [[nodiscard]] bool boolean() { return u8_at_most(1) == 1; }
  [[nodiscard]] std::uint8_t u8_at_most(std::uint8_t max) {
    const std::uint8_t value = u8();
    if (value > max) fail();
    return is_ok_ ? value : 0;
  }
  // A count of elements that each take at least `bytes_each`; more than fit is a failure.
  [[nodiscard]] std::uint32_t count(std::uint32_t max, std::size_t bytes_each) {
    const std::uint32_t value = u32();
    if (value > max || value * bytes_each > left_.size()) fail();
    return is_ok_ ? value : 0;
  }
  [[nodiscard]] std::string text(std::size_t bytes_max) {
    const std::uint32_t size = u32();
    if (size > bytes_max) fail();
    return std::string{raw(size)};
  }
  [[nodiscard]] std::string_view raw(std::size_t size) {
    if (!is_ok_ || size > left_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  void fail() {
    is_ok_ = false;
    left_ = {};
  }
  [[nodiscard]] bool is_ok() const { return is_ok_; }
  [[nodiscard]] bool is_at_end() const { return is_ok_ && left_.empty(); }

 private:
  std::uint64_t number(unsigned byte_count) {
    const std::string_view taken = raw(byte_count);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(taken[i])) << (8 * i);
    }
    return value;
  }
  std::string_view left_;
  bool is_ok_ = true;
};

}  // namespace ringfence::agent::core
