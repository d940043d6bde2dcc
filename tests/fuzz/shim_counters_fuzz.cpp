// Fuzzes what reads a process's counters: the check of the first page and the reading of the
// others. An input is a list of edits of a good first page, and then a page of backends.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "shm_layout/shim_counters.hpp"

namespace {

using namespace ringfence::shm_layout;  // NOLINT(google-build-using-namespace): all of it is theirs
using Page = std::array<std::byte, shim_page_bytes>;

constexpr std::size_t edit_bytes = 3;  // where (2), and what is XORed there (1)

Page good_page() {
  Page page{};
  const auto put = [&](std::size_t offset, auto word) {
    std::memcpy(page.data() + offset, &word, sizeof(word));
  };
  put(offsetof(ShimIdentity, magic), shim_counters_magic);
  put(offsetof(ShimIdentity, major), shim_counters_major);
  put(offsetof(ShimIdentity, ready), ready_word);
  put(offsetof(ShimIdentity, kind), std::uint32_t{1});
  put(offsetof(ShimIdentity, file_bytes), std::uint64_t{sizeof(ShimCountersFile)});
  put(offsetof(ShimIdentity, stripe_offset), std::uint32_t{offsetof(ShimCountersFile, stripes)});
  put(offsetof(ShimIdentity, stripe_count), std::uint32_t{shim_stripe_count});
  put(offsetof(ShimIdentity, backend_offset), std::uint32_t{offsetof(ShimCountersFile, backends)});
  put(offsetof(ShimIdentity, backend_count), std::uint32_t{backend_count_max});
  put(offsetof(ShimIdentity, backend_bytes), std::uint32_t{sizeof(ShimBackend)});
  put(offsetof(ShimIdentity, bucket_count), std::uint32_t{latency_bucket_count});
  return page;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void try_backends(const Page& page, std::size_t number) {
  std::vector<ShimBackendCounts> backends;
  read_shim_backends(page, number, backends);
  require(backends.size() <= shim_backends_a_page);
  for (const ShimBackendCounts& counts : backends) {
    require(counts.index < backend_count_max && counts.errors <= shim_count_max);
    const auto bucket = quantile_bucket(counts.latency, 99);
    require(!bucket || *bucket < latency_bucket_count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Page page = good_page();
  for (std::size_t i = 0; i + edit_bytes <= size; i += edit_bytes) {
    const std::size_t where = (data[i] + data[i + 1] * std::size_t{256}) % page.size();
    page[where] ^= static_cast<std::byte>(data[i + 2]);
  }
  ShimHead head;
  if (read_shim_head(page, sizeof(ShimCountersFile), head) == ShimCheck::ok) {
    for (const char c : head.process + head.segment) require(c >= ' ' && c <= '~');
    for (const std::uint64_t count : head.counts) require(count <= shim_count_max);
  }
  Page raw{};
  std::memcpy(raw.data(), data, size < raw.size() ? size : raw.size());
  (void)read_shim_head(raw, size, head);
  try_backends(page, size);
  try_backends(raw, size % shim_backend_pages);
  return 0;
}
