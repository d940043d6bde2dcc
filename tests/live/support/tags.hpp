// Tests that run with generation tags and without: INSTANTIATE_TEST_SUITE_P(Tags, Suite,
// testing::Bool(), tags_name), the parameter being the pool's `tags`. And those that run over one
// backend and over several as well: (TagsAndBackends, Suite, one_and_four_backends(),
// tags_and_backends_name).
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace ringfence::live {

inline std::string tags_name(const testing::TestParamInfo<bool>& tags) {
  return tags.param ? "on" : "off";
}

using TagsAndBackends = std::tuple<bool, std::size_t>;

inline auto one_and_four_backends() {
  return testing::Combine(testing::Bool(), testing::Values(1U, 4U));
}

inline std::string tags_and_backends_name(const testing::TestParamInfo<TagsAndBackends>& pool) {
  return std::string(std::get<0>(pool.param) ? "On" : "Off") + "Over" +
         std::to_string(std::get<1>(pool.param));
}

}  // namespace ringfence::live
