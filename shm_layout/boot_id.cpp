#include "shm_layout/boot_id.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace ringfence::shm_layout {
namespace {

int digit_value(char digit) noexcept {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

}  // namespace

std::optional<std::array<std::uint8_t, 16>> read_boot_id() noexcept {
  const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return std::nullopt;
  }
  std::array<char, 64> text{};
  const ssize_t count = read(fd, text.data(), text.size());
  close(fd);
  std::array<std::uint8_t, 16> id{};
  std::size_t digits = 0;
  for (ssize_t i = 0; i < count && digits < 2 * id.size(); ++i) {
    const int value = digit_value(text[i]);
    if (value >= 0) {
      id[digits / 2] = static_cast<std::uint8_t>(id[digits / 2] << 4 | value);
      ++digits;
    }
  }
  if (digits != 2 * id.size()) {
    return std::nullopt;
  }
  return id;
}

}  // namespace ringfence::shm_layout
