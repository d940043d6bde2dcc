// slot_of() for the few places where a call costs as much as the hash: routing. Everyone else uses
// key_hash.hpp, which is this same function compiled once (xxhash.h is long to compile).
// Pure; any thread; no allocation.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "shm_layout/key_hash.hpp"

namespace ringfence::shm_layout {

[[nodiscard, gnu::always_inline]] inline std::uint32_t slot_of_inline(std::string_view key,
                                                                      PoolWord pool) noexcept {
  if (pool.hash_tag_open() != '\0') {
    key = hashed_part(key, pool.hash_tag_open(), pool.hash_tag_close());
  }
  return static_cast<std::uint32_t>(XXH3_64bits(key.data(), key.size()) >> (64 - slot_count_log2));
}

}  // namespace ringfence::shm_layout
