// Bounds that both sides of the text protocols share.
#pragma once

#include <cstdint>

namespace ringfence::shim::text {

// Bytes of a value, without CRLF: memcached's largest -I (1 GiB). A longer one fits no memcached.
inline constexpr std::uint32_t value_bytes_max = 1U << 30;

}  // namespace ringfence::shim::text
