// The request parser on lines as they should be, on limits, and on bytes that come in pieces. Odd
// lines are put to a real memcached too, in tests/live/text_live_test.cpp.
#include "shim/text/request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::shim::text {
namespace {

class ParseRequest : public testing::Test {
 protected:
  ParseResult parse(std::string bytes) {
    bytes_ = std::move(bytes);
    return parse_request(bytes_, request_);
  }
  void expect_refused(const std::string& line, std::string_view error, std::size_t swallow = 0) {
    const ParseResult result = parse(line + "\r\n");
    EXPECT_EQ(result.status, ParseStatus::refused) << line;
    EXPECT_EQ(result.error_line, error) << line;
    EXPECT_EQ(result.swallow_bytes, swallow) << line;
    EXPECT_EQ(result.consumed_bytes, line.size() + 2) << line;
  }
  void expect_verb(const std::string& line, Verb verb) {
    const ParseResult result = parse(line + "\r\n");
    ASSERT_EQ(result.status, ParseStatus::request) << line;
    EXPECT_EQ(request_.verb, verb) << line;
  }

  std::string bytes_;
  Request request_;
};

TEST_F(ParseRequest, GetOfManyKeysThenAllInOrder) {
  const ParseResult result = parse("get a bb  ccc \r\nget d\r\n");
  ASSERT_EQ(result.status, ParseStatus::request);
  EXPECT_EQ(result.consumed_bytes, 16U);
  EXPECT_EQ(request_.keys, (std::vector<std::string_view>{"a", "bb", "ccc"}));
}

TEST_F(ParseRequest, StorageLineThenEveryFieldAndOnlyTheLineIsConsumed) {
  const ParseResult result = parse("cas key 7 -1 5 99 noreply\r\nhello\r\n");
  ASSERT_EQ(result.status, ParseStatus::request);
  EXPECT_EQ(result.consumed_bytes, 27U);
  EXPECT_EQ(request_.verb, Verb::cas);
  EXPECT_EQ(request_.keys.front(), "key");
  EXPECT_EQ(request_.client_flags, "7");
  EXPECT_EQ(request_.exptime, "-1");
  EXPECT_EQ(request_.value_bytes, 5U);
  EXPECT_EQ(request_.cas_unique, "99");
  EXPECT_TRUE(request_.is_noreply);
}

TEST_F(ParseRequest, EveryVerbThenItsName) {
  expect_verb("get k", Verb::get);
  expect_verb("gets k", Verb::gets);
  expect_verb("gat 0 k", Verb::gat);
  expect_verb("gats 0 k", Verb::gats);
  expect_verb("set k 0 0 1", Verb::set);
  expect_verb("add k 0 0 1", Verb::add);
  expect_verb("replace k 0 0 1", Verb::replace);
  expect_verb("append k 0 0 1", Verb::append);
  expect_verb("prepend k 0 0 1", Verb::prepend);
  expect_verb("cas k 0 0 1 1", Verb::cas);
  expect_verb("incr k 1", Verb::incr);
  expect_verb("decr k 1", Verb::decr);
  expect_verb("touch k 1", Verb::touch);
  expect_verb("delete k", Verb::delete_key);
  expect_verb("flush_all", Verb::flush_all);
  expect_verb("version", Verb::version);
  expect_verb("verbosity 1", Verb::verbosity);
  expect_verb("stats", Verb::stats);
  expect_verb("quit", Verb::quit);
}

TEST_F(ParseRequest, ArgumentsThenWhatTheCommandNeeds) {
  expect_verb("flush_all 10 noreply", Verb::flush_all);
  EXPECT_EQ(request_.arguments, "10");
  EXPECT_TRUE(request_.is_noreply);
  expect_verb("flush_all noreply", Verb::flush_all);
  EXPECT_EQ(request_.arguments, "");
  expect_verb("stats  items x ", Verb::stats);
  EXPECT_EQ(request_.arguments, "items x ");
  expect_verb("incr k 18446744073709551615", Verb::incr);
  EXPECT_EQ(request_.delta, "18446744073709551615");
  expect_verb("gats -5 a b", Verb::gats);
  EXPECT_EQ(request_.exptime, "-5");
  EXPECT_EQ(request_.keys.size(), 2U);
}

TEST_F(ParseRequest, NumberWithBlanksAroundItThenOnlySignAndDigitsAreForwarded) {
  expect_verb("set k \t+7\tjunk 0 1", Verb::set);
  EXPECT_EQ(request_.client_flags, "+7");
}

TEST_F(ParseRequest, ReusedRequestThenNothingIsLeftOfTheLastOne) {
  expect_verb("cas key 7 -1 5 99 noreply", Verb::cas);
  expect_verb("get other", Verb::get);
  EXPECT_EQ(request_.keys.size(), 1U);
  EXPECT_FALSE(request_.is_noreply);
  EXPECT_EQ(request_.value_bytes, 0U);
  EXPECT_TRUE(request_.cas_unique.empty() && request_.client_flags.empty());
}

TEST_F(ParseRequest, EveryCutBeforeTheEndThenNeedMore) {
  const std::string line = "set key 1 0 5\r\n";
  for (std::size_t cut = 0; cut < line.size(); ++cut) {
    EXPECT_EQ(parse(line.substr(0, cut)).status, ParseStatus::need_more) << cut;
    EXPECT_EQ(parse(line.substr(0, cut)).consumed_bytes, 0U) << cut;
  }
}

TEST_F(ParseRequest, EveryErrorLineThenMemcachedsOwn) {
  const std::string long_key(251, 'k');
  expect_refused("nonsense", "ERROR\r\n");
  expect_refused("get", "ERROR\r\n");
  expect_refused("shutdown", "ERROR: shutdown not enabled\r\n");
  expect_refused("get " + long_key, "CLIENT_ERROR bad command line format\r\n");
  expect_refused("set k x 0 1", "CLIENT_ERROR bad command line format\r\n");
  expect_refused("gat x k", "CLIENT_ERROR invalid exptime argument\r\n");
  expect_refused("incr k x", "CLIENT_ERROR invalid numeric delta argument\r\n");
  expect_refused("delete k 5",
                 "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n");
  expect_refused("gat 10", "END\r\n");
}

TEST_F(ParseRequest, ErrorOfANoreplyCommandThenSilence) {
  expect_refused("set k x 0 1 noreply", "");
  expect_refused("incr k x noreply", "");
  expect_refused("delete k 5 noreply", "");
}

TEST_F(ParseRequest, ValueThatNoMemcachedTakesThenSwallowed) {
  expect_verb("set k 0 0 1073741824", Verb::set);
  expect_refused("set k 0 0 1073741825", "SERVER_ERROR object too large for cache\r\n", 1073741827);
  expect_refused("set k 0 0 2147483645 noreply", "", 2147483647);
  expect_refused("set k 0 0 2147483646", "CLIENT_ERROR bad command line format\r\n");
}

TEST_F(ParseRequest, KeyOf250BytesThenTaken) {
  expect_verb("get " + std::string(250, 'k'), Verb::get);
  expect_verb("set " + std::string(250, 'k') + " 0 0 1", Verb::set);
}

TEST_F(ParseRequest, BytesWithoutALineEndAboveTheLimitThenClosed) {
  EXPECT_EQ(parse(std::string(2048, 'x')).status, ParseStatus::need_more);
  EXPECT_EQ(parse(std::string(2049, 'x')).status, ParseStatus::fatal);
  EXPECT_EQ(parse("gat 0 " + std::string(2048, 'x')).status, ParseStatus::fatal);
  EXPECT_EQ(parse(std::string(4096, ' ')).status, ParseStatus::fatal);
  EXPECT_EQ(parse(std::string(101, ' ') + "get " + std::string(2048, 'x')).status,
            ParseStatus::fatal);
  EXPECT_EQ(parse(std::string(100, ' ') + "get " + std::string(2048, 'x')).status,
            ParseStatus::need_more);
  EXPECT_EQ(parse("gets " + std::string(100'000, 'x')).status, ParseStatus::need_more);
}

TEST_F(ParseRequest, MultigetAboveOurOwnLimitThenClosed) {
  std::string line = "get";
  while (line.size() <= retrieval_line_bytes_max) line += " " + std::string(250, 'k');
  EXPECT_EQ(parse(line).status, ParseStatus::fatal);
  EXPECT_EQ(parse(line + "\r\n").status, ParseStatus::fatal);
  line.resize(retrieval_line_bytes_max - 2);
  EXPECT_EQ(parse(line + "\r\n").status, ParseStatus::request);
  EXPECT_GT(request_.keys.size(), 4000U);
}

TEST_F(ParseRequest, BrowserThenClosedWithoutAWord) {
  const ParseResult result = parse("POST / HTTP/1.1\r\nHost: x\r\n");
  EXPECT_EQ(result.status, ParseStatus::fatal);
  EXPECT_TRUE(result.error_line.empty());
}

}  // namespace
}  // namespace ringfence::shim::text
