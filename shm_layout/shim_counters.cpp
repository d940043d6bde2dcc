// The check of a copy of a process's counters; see shim_counters.hpp. Pure; any thread.
#include "shm_layout/shim_counters.hpp"

#include <algorithm>
#include <cstring>

namespace ringfence::shm_layout {
namespace {

// From a copy: nobody changes it while it is read.
template <typename Word>
Word word_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
  Word word{};
  if (offset + sizeof(Word) <= bytes.size()) {
    std::memcpy(&word, bytes.data() + offset, sizeof(Word));
  }
  return word;
}

std::uint64_t count_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
  return std::min(word_at<std::uint64_t>(bytes, offset), shim_count_max);
}

// Up to the first NUL, or the whole field where there is none.
std::string text_at(std::span<const std::byte> bytes, std::size_t offset, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(bytes.data()) + offset, size);
  text.resize(strnlen(text.data(), size));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

bool has_known_shape(std::span<const std::byte> page) noexcept {
  const auto is = [&](std::size_t offset, std::size_t value) {
    return word_at<std::uint32_t>(page, offset) == value;
  };
  const auto kind = word_at<std::uint32_t>(page, offsetof(ShimIdentity, kind));
  return word_at<std::uint64_t>(page, offsetof(ShimIdentity, file_bytes)) ==
             sizeof(ShimCountersFile) &&
         is(offsetof(ShimIdentity, stripe_offset), offsetof(ShimCountersFile, stripes)) &&
         is(offsetof(ShimIdentity, stripe_count), shim_stripe_count) &&
         is(offsetof(ShimIdentity, backend_offset), offsetof(ShimCountersFile, backends)) &&
         is(offsetof(ShimIdentity, backend_count), backend_count_max) &&
         is(offsetof(ShimIdentity, backend_bytes), sizeof(ShimBackend)) &&
         is(offsetof(ShimIdentity, bucket_count), latency_bucket_count) &&
         (kind == static_cast<std::uint32_t>(ShimKind::linked) ||
          kind == static_cast<std::uint32_t>(ShimKind::preload));
}

ShimCheck check_head(std::span<const std::byte> page, std::uint64_t file_bytes) noexcept {
  if (page.size() != shim_page_bytes) return ShimCheck::wrong_size;
  if (word_at<std::uint64_t>(page, offsetof(ShimIdentity, magic)) != shim_counters_magic) {
    // A file that is being made has its size before it has its magic.
    const bool is_new = word_at<std::uint64_t>(page, offsetof(ShimIdentity, magic)) == 0;
    return is_new ? ShimCheck::not_ready : ShimCheck::not_counters;
  }
  if (word_at<std::uint32_t>(page, offsetof(ShimIdentity, major)) != shim_counters_major) {
    return ShimCheck::other_version;
  }
  if (file_bytes != sizeof(ShimCountersFile)) return ShimCheck::wrong_size;
  if (word_at<std::uint32_t>(page, offsetof(ShimIdentity, ready)) != ready_word) {
    return ShimCheck::not_ready;
  }
  return has_known_shape(page) ? ShimCheck::ok : ShimCheck::damaged;
}

}  // namespace

std::uint64_t add_counts(std::uint64_t left, std::uint64_t right) noexcept {
  return std::min(std::min(left, shim_count_max) + std::min(right, shim_count_max), shim_count_max);
}

std::optional<std::size_t> quantile_bucket(const LatencyCounts& counts,
                                           std::uint32_t percent) noexcept {
  constexpr double hundred = 100;
  double total = 0;
  for (const std::uint64_t count : counts) total += static_cast<double>(count);
  if (total <= 0) return std::nullopt;
  const double wanted = total * percent / hundred;
  double reached = 0;
  for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
    reached += static_cast<double>(counts[bucket]);
    if (reached > 0 && reached >= wanted) return bucket;
  }
  return counts.size() - 1;
}

ShimCheck read_shim_head(std::span<const std::byte> page, std::uint64_t file_bytes,
                         ShimHead& head) {
  const ShimCheck check = check_head(page, file_bytes);
  if (check != ShimCheck::ok) return check;
  head.kind = static_cast<ShimKind>(word_at<std::uint32_t>(page, offsetof(ShimIdentity, kind)));
  head.pid = word_at<std::uint32_t>(page, offsetof(ShimIdentity, pid));
  head.started_unix_ns = word_at<std::uint64_t>(page, offsetof(ShimIdentity, started_unix_ns));
  head.backend_pages = word_at<std::uint64_t>(page, offsetof(ShimIdentity, backend_pages));
  head.process = text_at(page, offsetof(ShimIdentity, process), name_bytes);
  head.segment = text_at(page, offsetof(ShimIdentity, segment), segment_name_bytes);
  head.counts = {};
  for (std::size_t stripe = 0; stripe < shim_stripe_count; ++stripe) {
    const std::size_t offset = offsetof(ShimCountersFile, stripes) + stripe * sizeof(ShimStripe);
    for (std::size_t kind = 0; kind < shim_count_kinds; ++kind) {
      head.counts[kind] =
          add_counts(head.counts[kind], count_at(page, offset + kind * sizeof(std::uint64_t)));
    }
  }
  return ShimCheck::ok;
}

void read_shim_backends(std::span<const std::byte> page, std::size_t number,
                        std::vector<ShimBackendCounts>& backends) {
  if (page.size() != shim_page_bytes || number >= shim_backend_pages) return;
  for (std::size_t place = 0; place < shim_backends_a_page; ++place) {
    const std::span<const std::byte> record =
        page.subspan(place * sizeof(ShimBackend), sizeof(ShimBackend));
    ShimBackendCounts counts;
    counts.index = static_cast<std::uint32_t>(number * shim_backends_a_page + place);
    counts.errors = count_at(record, offsetof(ShimBackend, errors));
    bool has_counted = counts.errors != 0;
    for (std::size_t bucket = 0; bucket < latency_bucket_count; ++bucket) {
      counts.latency[bucket] =
          count_at(record, offsetof(ShimBackend, latency) + bucket * sizeof(std::uint64_t));
      has_counted = has_counted || counts.latency[bucket] != 0;
    }
    if (has_counted) backends.push_back(counts);
  }
}

const char* describe(ShimCheck check) noexcept {
  switch (check) {
    case ShimCheck::ok:
      return "a process's counters";
    case ShimCheck::wrong_size:
      return "not of the size of a process's counters";
    case ShimCheck::not_counters:
      return "not a process's counters";
    case ShimCheck::other_version:
      return "counters of another version";
    case ShimCheck::not_ready:
      return "counters that are being made";
    case ShimCheck::damaged:
      break;
  }
  return "damaged: a size, a count or a kind in it cannot be";
}

}  // namespace ringfence::shm_layout
