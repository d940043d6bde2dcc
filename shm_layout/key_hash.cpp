#include "shm_layout/key_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ringfence::shm_layout {

std::string_view hashed_part(std::string_view key, char open, char close) noexcept {
  if (open == '\0') {
    return key;
  }
  const std::size_t begin = key.find(open);
  if (begin == std::string_view::npos) {
    return key;
  }
  const std::size_t end = key.find(close, begin + 1);
  if (end == std::string_view::npos || end == begin + 1) {
    return key;
  }
  return key.substr(begin + 1, end - begin - 1);
}

std::uint32_t slot_of(std::string_view key, PoolWord pool) noexcept {
  const std::string_view part = hashed_part(key, pool.hash_tag_open(), pool.hash_tag_close());
  const std::uint64_t hash = XXH3_64bits(part.data(), part.size());
  return static_cast<std::uint32_t>(hash >> (64 - slot_count_log2));
}

}  // namespace ringfence::shm_layout
