#include "shm_layout/key_hash.hpp"

#include "shm_layout/key_hash_inline.hpp"

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
  return slot_of_inline(key, pool);
}

}  // namespace ringfence::shm_layout
