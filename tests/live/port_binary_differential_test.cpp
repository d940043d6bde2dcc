// Random streams of binary commands, cut at random places, through the port and to one plain
// memcached: the answers must be the same packets. Only cas uniques, which each server counts for
// itself, are made alike first.
#include <gtest/gtest.h>

#include "tests/live/support/binary_stream.hpp"
#include "tests/live/support/differential.hpp"

namespace ringfence::live {
namespace {

std::string answers_of(TextClient client, const std::string& stream, BinaryStream* cuts) {
  BinarySide side{std::move(client)};
  send_stream(side, stream, cuts);
  return side.finish();
}

class PortBinaryDifferential : public testing::TestWithParam<TagsAndBackends> {};
INSTANTIATE_TEST_SUITE_P(TagsAndBackends, PortBinaryDifferential, one_and_four_backends(),
                         tags_and_backends_name);

TEST_P(PortBinaryDifferential, RandomStreamCutAnywhereThenMemcachedsOwnAnswers) {
  expect_memcacheds_answers<BinaryStream>(GetParam(), answers_of);
}

}  // namespace
}  // namespace ringfence::live
