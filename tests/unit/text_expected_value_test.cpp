// The quick way through a reply: what it finds, and what it leaves to the parser. That it never
// reads anything differently is tried over random bytes in text_random_test.cpp.
#include "shim/text/expected_value.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::shim::text {
namespace {

TEST(ExpectedValue, WholeValueOfTheKeyThenFoundWithAllThatItsHeadSays) {
  const std::string reply = "VALUE key~saA 7 5\r\nhello\r\nEND\r\n";
  const ExpectedValue found = find_expected_value(reply, "key~saA");
  EXPECT_EQ(found.value, "hello");
  EXPECT_EQ(found.flags, 7U);
  EXPECT_EQ(found.cas, 0U);
  EXPECT_EQ(found.consumed_bytes, reply.size() - 5);
}

TEST(ExpectedValue, CasUniqueOrNoTagOrEmptyThenFoundToo) {
  const ExpectedValue with_cas = find_expected_value("VALUE k 4294967295 1 77\r\nx\r\n", "k");
  EXPECT_EQ(with_cas.value, "x");
  EXPECT_EQ(with_cas.flags, 4294967295U);
  EXPECT_EQ(with_cas.cas, 77U);
  EXPECT_EQ(find_expected_value("VALUE k 0 0\r\n\r\n", "k").consumed_bytes, 15U);
  EXPECT_EQ(find_expected_value("VALUE k 0 3\r\n\r\n\n\r\n", "k").value, "\r\n\n");
}

TEST(ExpectedValue, CutAnywhereThenNotFound) {
  const std::string reply = "VALUE key~saA 7 5 1\r\nhello\r\n";
  for (std::size_t cut = 0; cut < reply.size(); ++cut) {
    const std::string exact = reply.substr(0, cut);  // its own block: a read past its end shows
    EXPECT_EQ(find_expected_value(exact, "key~saA").consumed_bytes, 0U) << cut;
  }
}

TEST(ExpectedValue, AnythingElseThenLeftToTheParser) {
  for (const std::string reply :
       {"END\r\n", "VALUE other 0 1\r\nx\r\n", "VALUE kk 0 1\r\nx\r\n", "VALUE k 0 1\r\nxy\r\n",
        "VALUE k 0 2\r\nx\r\n", "VALUE k 0 -1\r\nx\r\n", "VALUE k 0\r\nx\r\n",
        "VALUE k 0 1 \r\nx\r\n", "VALUE k 0 1 2 3\r\nx\r\n", "VALUE k 0 1\nx\r\n",
        "VALUE k 0 18446744073709551615\r\nx\r\n", "VALUE k 0 18446744073709551617\r\nx\r\n",
        "VALUE k 0 1 18446744073709551617\r\nx\r\n", "VALUE  k 0 1\r\nx\r\n",
        "SERVER_ERROR x\r\n"}) {
    EXPECT_EQ(find_expected_value(reply, "k").consumed_bytes, 0U) << reply;
  }
}

}  // namespace
}  // namespace ringfence::shim::text
