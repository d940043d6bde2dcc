// See marker.hpp.
#include "agent/engine/marker.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace ringfence::agent::engine {
namespace {

constexpr std::string_view magic = "RNGMARK2";
constexpr std::size_t sum_offset = 64;

void put(std::string& bytes, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) {
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

std::uint64_t get(std::string_view bytes, std::size_t offset) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  }
  return value;
}

}  // namespace

std::string encode_marker(const Marker& marker) {
  std::string bytes(magic);
  bytes.append(reinterpret_cast<const char*>(marker.cluster_id.data()), marker.cluster_id.size());
  put(bytes, marker.agent_id.value);
  put(bytes, marker.incarnation.value);
  put(bytes, marker.term_max.value);
  put(bytes, marker.epoch_max.value);
  put(bytes, marker.was_state_lost ? 1 : 0);
  put(bytes, XXH3_64bits(bytes.data(), bytes.size()));
  return bytes;
}

std::optional<Marker> decode_marker(std::string_view bytes) {
  if (bytes.size() != marker_bytes || bytes.substr(0, magic.size()) != magic) return std::nullopt;
  if (get(bytes, sum_offset) != XXH3_64bits(bytes.data(), sum_offset)) return std::nullopt;
  Marker marker;
  std::copy_n(bytes.begin() + magic.size(), marker.cluster_id.size(),
              reinterpret_cast<char*>(marker.cluster_id.data()));
  marker.agent_id = {get(bytes, 24)};
  marker.incarnation = {get(bytes, 32)};
  marker.term_max = {get(bytes, 40)};
  marker.epoch_max = {get(bytes, 48)};
  marker.was_state_lost = get(bytes, 56) != 0;
  return marker;
}

}  // namespace ringfence::agent::engine
