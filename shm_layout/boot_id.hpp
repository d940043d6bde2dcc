// Which boot of the machine this is. Deadlines of another boot are of another clock. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace ringfence::shm_layout {

// Reads /proc/sys/kernel/random/boot_id; nothing when it cannot be read.
[[nodiscard]] std::optional<std::array<std::uint8_t, 16>> read_boot_id() noexcept;

}  // namespace ringfence::shm_layout
