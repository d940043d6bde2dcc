// The format of a process's counters, and what its reader makes of copies that nobody vouches for.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "shm_layout/shim_counters.hpp"

namespace ringfence::shm_layout {
namespace {

using Page = std::array<std::byte, shim_page_bytes>;

template <typename Word>
void put(Page& page, std::size_t offset, Word word) {
  std::memcpy(page.data() + offset, &word, sizeof(word));
}

// The first page as a process fills it.
Page whole_page() {
  Page page{};
  put(page, offsetof(ShimIdentity, magic), shim_counters_magic);
  put(page, offsetof(ShimIdentity, major), shim_counters_major);
  put(page, offsetof(ShimIdentity, ready), ready_word);
  put(page, offsetof(ShimIdentity, kind), std::uint32_t{1});
  put(page, offsetof(ShimIdentity, file_bytes), std::uint64_t{sizeof(ShimCountersFile)});
  put(page, offsetof(ShimIdentity, stripe_offset),
      std::uint32_t{offsetof(ShimCountersFile, stripes)});
  put(page, offsetof(ShimIdentity, stripe_count), std::uint32_t{shim_stripe_count});
  put(page, offsetof(ShimIdentity, backend_offset),
      std::uint32_t{offsetof(ShimCountersFile, backends)});
  put(page, offsetof(ShimIdentity, backend_count), std::uint32_t{backend_count_max});
  put(page, offsetof(ShimIdentity, backend_bytes), std::uint32_t{sizeof(ShimBackend)});
  put(page, offsetof(ShimIdentity, bucket_count), std::uint32_t{latency_bucket_count});
  put(page, offsetof(ShimIdentity, pid), std::uint32_t{42});
  std::memcpy(page.data() + offsetof(ShimIdentity, process), "worker", 6);
  std::memcpy(page.data() + offsetof(ShimIdentity, segment), "test.default", 12);
  return page;
}

ShimCheck check(const Page& page, std::uint64_t file_bytes = sizeof(ShimCountersFile)) {
  ShimHead head;
  return read_shim_head(page, file_bytes, head);
}

TEST(ShimLayout, MagicAndReadyThenTheirBytesSpell) {
  EXPECT_EQ(std::memcmp(&shim_counters_magic, "RNGFSHM1", 8), 0);
}

TEST(ShimLayout, LatenciesAtTheBoundsThenEachBucketHoldsWhatItSays) {
  EXPECT_EQ(latency_bucket_of(std::numeric_limits<std::int64_t>::min()), 0U);
  EXPECT_EQ(latency_bucket_of(0), 0U);
  for (std::size_t bucket = 0; bucket + 1 < latency_bucket_count; ++bucket) {
    const std::int64_t bound_ns = latency_bound_ns(bucket).value();
    EXPECT_EQ(latency_bucket_of(bound_ns), bucket);
    EXPECT_EQ(latency_bucket_of(bound_ns + 1), bucket + 1);
  }
  EXPECT_FALSE(latency_bound_ns(latency_bucket_count - 1));
  EXPECT_EQ(latency_bucket_of(std::numeric_limits<std::int64_t>::max()), latency_bucket_count - 1);
}

TEST(ShimQuantile, CountsInSomeBucketsThenTheBucketThatHoldsThePart) {
  LatencyCounts counts{};
  EXPECT_FALSE(quantile_bucket(counts, 50));
  counts[3] = 98;
  counts[7] = 1;
  counts[9] = 1;
  EXPECT_EQ(quantile_bucket(counts, 50), 3U);
  EXPECT_EQ(quantile_bucket(counts, 99), 7U);
  EXPECT_EQ(quantile_bucket(counts, 100), 9U);
  EXPECT_EQ(quantile_bucket(counts, 0), 3U);
}

TEST(ShimQuantile, CountsBeyondAllReasonThenStillABucket) {
  LatencyCounts counts;
  counts.fill(std::numeric_limits<std::uint64_t>::max());
  EXPECT_LT(quantile_bucket(counts, 50).value(), latency_bucket_count);
}

TEST(ShimHead, WholePageThenWhatItSays) {
  Page page = whole_page();
  put(page, offsetof(ShimCountersFile, stripes), std::uint64_t{5});
  put(page, offsetof(ShimCountersFile, stripes) + sizeof(ShimStripe), std::uint64_t{6});
  put(page, offsetof(ShimCountersFile, stripes) + 8, std::uint64_t{3});
  ShimHead head;
  ASSERT_EQ(read_shim_head(page, sizeof(ShimCountersFile), head), ShimCheck::ok);
  EXPECT_EQ(head.pid, 42U);
  EXPECT_EQ(head.process, "worker");
  EXPECT_EQ(head.segment, "test.default");
  EXPECT_EQ(head.kind, ShimKind::linked);
  EXPECT_EQ(head.count(ShimCount::requests), 11U);
  EXPECT_EQ(head.count(ShimCount::hits), 3U);
}

TEST(ShimHead, EachWayToBeWrongThenItsOwnName) {
  Page page = whole_page();
  EXPECT_EQ(check(page), ShimCheck::ok);
  EXPECT_EQ(check(page, sizeof(ShimCountersFile) - 1), ShimCheck::wrong_size);
  EXPECT_EQ(check(page, sizeof(ShimCountersFile) + 1), ShimCheck::wrong_size);
  ShimHead head;
  EXPECT_EQ(read_shim_head(std::span(page).first(100), sizeof(ShimCountersFile), head),
            ShimCheck::wrong_size);
  put(page, offsetof(ShimIdentity, ready), std::uint32_t{0});
  EXPECT_EQ(check(page), ShimCheck::not_ready);
  put(page, offsetof(ShimIdentity, major), shim_counters_major + 1);
  EXPECT_EQ(check(page), ShimCheck::other_version);
  put(page, offsetof(ShimIdentity, magic), std::uint64_t{1});
  EXPECT_EQ(check(page), ShimCheck::not_counters);
  EXPECT_EQ(check(Page{}), ShimCheck::not_ready);
}

TEST(ShimHead, OffsetCountOrKindThatCannotBeThenDamaged) {
  for (const std::size_t offset :
       {offsetof(ShimIdentity, kind), offsetof(ShimIdentity, file_bytes),
        offsetof(ShimIdentity, stripe_offset), offsetof(ShimIdentity, stripe_count),
        offsetof(ShimIdentity, backend_offset), offsetof(ShimIdentity, backend_count),
        offsetof(ShimIdentity, backend_bytes), offsetof(ShimIdentity, bucket_count)}) {
    Page page = whole_page();
    put(page, offset, std::uint32_t{0xffffffff});
    EXPECT_EQ(check(page), ShimCheck::damaged) << offset;
  }
}

TEST(ShimHead, NamesWithControlBytesAndNoEndThenPrintableAndBounded) {
  Page page = whole_page();
  std::memset(page.data() + offsetof(ShimIdentity, process), 0x1b, name_bytes);
  std::memset(page.data() + offsetof(ShimIdentity, segment), 0xff, segment_name_bytes);
  ShimHead head;
  ASSERT_EQ(read_shim_head(page, sizeof(ShimCountersFile), head), ShimCheck::ok);
  EXPECT_EQ(head.process, std::string(name_bytes, '?'));
  EXPECT_EQ(head.segment, std::string(segment_name_bytes, '?'));
}

TEST(ShimHead, CountsBeyondAllReasonThenTheSumStopsAtTheMost) {
  Page page = whole_page();
  for (std::size_t stripe = 0; stripe < shim_stripe_count; ++stripe) {
    put(page, offsetof(ShimCountersFile, stripes) + stripe * sizeof(ShimStripe),
        std::numeric_limits<std::uint64_t>::max());
  }
  ShimHead head;
  ASSERT_EQ(read_shim_head(page, sizeof(ShimCountersFile), head), ShimCheck::ok);
  EXPECT_EQ(head.count(ShimCount::requests), shim_count_max);
}

TEST(ShimBackends, PageThenOnlyThoseThatCounted) {
  Page page{};
  put(page, 3 * sizeof(ShimBackend), std::uint64_t{7});
  put(page, 5 * sizeof(ShimBackend) + offsetof(ShimBackend, latency) + 16, std::uint64_t{9});
  std::vector<ShimBackendCounts> backends;
  read_shim_backends(page, 2, backends);
  ASSERT_EQ(backends.size(), 2U);
  EXPECT_EQ(backends[0].index, 2 * shim_backends_a_page + 3);
  EXPECT_EQ(backends[0].errors, 7U);
  EXPECT_EQ(backends[1].index, 2 * shim_backends_a_page + 5);
  EXPECT_EQ(backends[1].latency[2], 9U);
}

TEST(ShimBackends, PageThatCannotBeThenNothing) {
  Page page{};
  page.fill(std::byte{1});
  std::vector<ShimBackendCounts> backends;
  read_shim_backends(page, shim_backend_pages, backends);
  read_shim_backends(std::span(page).first(10), 0, backends);
  EXPECT_TRUE(backends.empty());
}

TEST(ShimHead, RandomBytesBehindAGoodStartThenAlwaysAnAnswer) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes each time
  for (int round = 0; round < 2000; ++round) {
    Page page = whole_page();
    for (int edit = 0; edit < 8; ++edit) {
      page[random() % (round % 2 == 0 ? sizeof(ShimIdentity) : page.size())] =
          static_cast<std::byte>(random());
    }
    ShimHead head;
    const ShimCheck verdict = read_shim_head(page, sizeof(ShimCountersFile), head);
    EXPECT_NE(std::string(describe(verdict)), "");
    for (const char c : head.process + head.segment) EXPECT_TRUE(c >= ' ' && c <= '~');
  }
}

}  // namespace
}  // namespace ringfence::shm_layout
