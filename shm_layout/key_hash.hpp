// Which slot a key belongs to. Fixed for ever: golden vectors in tests/unit/key_hash_test.cpp.
// Pure; any thread; no allocation; about 2 ns for a key of 32 bytes.
// Source: XXH3-64 with seed 0, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
#pragma once

#include <cstdint>
#include <string_view>

#include "shm_layout/layout.hpp"

namespace ringfence::shm_layout {

// The part of `key` that is hashed: what stands between the first `open` and the first `close`
// after it, when that part is not empty; else the whole key. `open` 0 means no hash tags.
// (The rule of twemproxy and Redis Cluster.)
[[nodiscard]] std::string_view hashed_part(std::string_view key, char open, char close) noexcept;

// The slot of `key`: the top 16 bits of XXH3-64 of its hashed part.
[[nodiscard]] std::uint32_t slot_of(std::string_view key, PoolWord pool) noexcept;

}  // namespace ringfence::shm_layout
