// Tests that run with generation tags and without: INSTANTIATE_TEST_SUITE_P(Tags, Suite,
// testing::Bool(), tags_name), the parameter being the pool's `tags`.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace ringfence::live {

inline std::string tags_name(const testing::TestParamInfo<bool>& tags) {
  return tags.param ? "on" : "off";
}

}  // namespace ringfence::live
