// See marker.hpp.
#include "agent/engine/marker.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace ringfence::agent::engine {
namespace {

constexpr std::string_view magic = "RNGMARK3";
constexpr std::size_t sum_offset = 88;
constexpr std::uint64_t bit_state_lost = 1;
constexpr std::uint64_t bit_fleet = 2;
constexpr std::uint64_t bit_voter = 4;
constexpr std::uint64_t bit_founder = 8;

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
  const auto put_id = [&bytes](const core::ClusterId& id) {
    bytes.append(reinterpret_cast<const char*>(id.data()), id.size());
  };
  put_id(marker.cluster_id);
  put(bytes, marker.agent_id.value);
  put(bytes, marker.incarnation.value);
  put(bytes, marker.term_max.value);
  put(bytes, marker.term_followed.value);
  put(bytes, marker.epoch_max.value);
  put_id(marker.promised);
  std::uint64_t bits = 0;
  if (marker.was_state_lost) bits |= bit_state_lost;
  if (marker.has_fleet) bits |= bit_fleet;
  if (marker.is_voter) bits |= bit_voter;
  if (marker.is_founder) bits |= bit_founder;
  put(bytes, bits);
  put(bytes, XXH3_64bits(bytes.data(), bytes.size()));
  return bytes;
}

std::optional<Marker> decode_marker(std::string_view bytes) {
  if (bytes.size() != marker_bytes || bytes.substr(0, magic.size()) != magic) return std::nullopt;
  if (get(bytes, sum_offset) != XXH3_64bits(bytes.data(), sum_offset)) return std::nullopt;
  Marker marker;
  const auto get_id = [bytes](std::size_t offset, core::ClusterId& id) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), id.size(),
                reinterpret_cast<char*>(id.data()));
  };
  get_id(8, marker.cluster_id);
  marker.agent_id = {get(bytes, 24)};
  marker.incarnation = {get(bytes, 32)};
  marker.term_max = {get(bytes, 40)};
  marker.term_followed = {get(bytes, 48)};
  marker.epoch_max = {get(bytes, 56)};
  get_id(64, marker.promised);
  const std::uint64_t bits = get(bytes, 80);
  marker.was_state_lost = (bits & bit_state_lost) != 0;
  marker.has_fleet = (bits & bit_fleet) != 0;
  marker.is_voter = (bits & bit_voter) != 0;
  marker.is_founder = (bits & bit_founder) != 0;
  return marker;
}

}  // namespace ringfence::agent::engine
