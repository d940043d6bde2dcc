// Random command streams, classic and meta commands mixed, cut at random places, through the port
// and to one plain memcached: the answers must be the same bytes. Only the numbers that each server
// counts for itself are made alike first: cas uniques, and times that a tick of its clock changes.
#include <gtest/gtest.h>

#include "tests/live/support/differential.hpp"
#include "tests/live/support/meta_side.hpp"
#include "tests/live/support/text_stream.hpp"

namespace ringfence::live {
namespace {

std::string answers_of(TextClient client, const std::string& stream, TextStream* cuts) {
  MetaSide side{std::move(client)};
  send_stream(side, stream, cuts);
  return side.finish("last");
}

class PortDifferential : public testing::TestWithParam<TagsAndBackends> {};
INSTANTIATE_TEST_SUITE_P(TagsAndBackends, PortDifferential, one_and_four_backends(),
                         tags_and_backends_name);

TEST_P(PortDifferential, RandomStreamCutAnywhereThenMemcachedsOwnAnswers) {
  expect_memcacheds_answers<TextStream>(GetParam(), answers_of);
}

}  // namespace
}  // namespace ringfence::live
