// The parser of meta commands: what it understands, what it refuses and in which words. The same
// lines are put to a real memcached too, in tests/live/meta_live_test.cpp.
#include "shim/meta/request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::shim::meta {
namespace {

using text::ParseResult;
using text::ParseStatus;

class MetaRequest : public testing::Test {
 protected:
  ParseResult parse(std::string bytes) {
    bytes_ = std::move(bytes);
    return parse_request(bytes_, request_);
  }
  void understand(const std::string& line) {
    const ParseResult result = parse(line + "\r\n");
    ASSERT_EQ(result.status, ParseStatus::request) << line << result.error_line;
    ASSERT_EQ(result.consumed_bytes, line.size() + 2) << line;
  }
  void expect_refused(const std::string& line, const std::string& error, std::size_t swallow = 0) {
    const ParseResult result = parse(line + "\r\n");
    EXPECT_EQ(result.status, ParseStatus::refused) << line;
    EXPECT_EQ(result.error_line, error + "\r\n") << line;
    EXPECT_EQ(result.swallow_bytes, swallow) << line;
    EXPECT_EQ(result.consumed_bytes, line.size() + 2) << line;
  }

  std::string bytes_;
  Request request_;
};

TEST_F(MetaRequest, EveryNameThenItsVerb) {
  understand("mg k v");
  EXPECT_EQ(request_.command.verb, Verb::get);
  understand("ms k 1");
  EXPECT_EQ(request_.command.verb, Verb::set);
  understand("md k");
  EXPECT_EQ(request_.command.verb, Verb::delete_key);
  understand("ma k");
  EXPECT_EQ(request_.command.verb, Verb::arithmetic);
  understand("me k");
  EXPECT_EQ(request_.command.verb, Verb::show);
  understand("mn and more");
  EXPECT_EQ(request_.command.verb, Verb::noop);
}

TEST_F(MetaRequest, GetWithFlagsThenKeyAndFlagsAsSent) {
  understand("  mg key  v t  Oab q ");
  EXPECT_EQ(request_.command.key, "key");
  EXPECT_EQ(request_.command.flags, "v t  Oab q ");
  EXPECT_TRUE(request_.command.is_quiet);
  EXPECT_FALSE(request_.changes_time || request_.may_create || request_.may_win);
  understand("mg key T5 N5 R5");
  EXPECT_TRUE(request_.changes_time && request_.may_create && request_.may_win);
  EXPECT_FALSE(request_.command.is_quiet);
}

TEST_F(MetaRequest, SetThenItsLengthAndModeAndOnlyTheLineIsConsumed) {
  const ParseResult result = parse("ms key 5 T0 F7 ME c\r\nhello\r\n");
  ASSERT_EQ(result.status, ParseStatus::request);
  EXPECT_EQ(result.consumed_bytes, 21U);
  EXPECT_EQ(request_.value_bytes, 5U);
  EXPECT_EQ(request_.command.flags, "T0 F7 ME c");
  EXPECT_EQ(request_.mode, Mode::add);
  understand("ms key 0 MA");
  EXPECT_EQ(request_.mode, Mode::append);
  understand("ms key 0 MP");
  EXPECT_EQ(request_.mode, Mode::prepend);
  understand("ms key 0 MR");
  EXPECT_EQ(request_.mode, Mode::replace);
  understand("ms key 0 MS C12 I");
  EXPECT_EQ(request_.mode, Mode::set);
  EXPECT_TRUE(request_.has_cas);
}

TEST_F(MetaRequest, ArithmeticModesThenUpOrDown) {
  for (const std::string up : {"", " MI", " M+"}) {
    understand("ma k" + up);
    EXPECT_FALSE(request_.is_decrement) << up;
  }
  for (const std::string down : {" MD", " M-"}) {
    understand("ma k" + down);
    EXPECT_TRUE(request_.is_decrement) << down;
  }
}

TEST_F(MetaRequest, Base64KeyThenDecoded) {
  understand("mg YSBiCmM= b k");
  EXPECT_EQ(request_.command.key, "a b\nc");
  EXPECT_EQ(request_.key_word, "YSBiCmM=");
  EXPECT_TRUE(request_.command.is_base64);
  understand("mg Zm*9v k b");
  EXPECT_EQ(request_.command.key, "foo");
  understand("me Zm9v b");
  EXPECT_EQ(request_.command.key, "foo");
  understand("me Zm9v v b");  // me knows b in one place only
  EXPECT_EQ(request_.command.key, "Zm9v");
  understand("mg Zm9v");
  EXPECT_EQ(request_.command.key, "Zm9v");
  EXPECT_FALSE(request_.command.is_base64);
}

TEST_F(MetaRequest, LongestKeysThenTaken) {
  understand("mg " + std::string(250, 'k'));
  EXPECT_EQ(request_.command.key.size(), 250U);
  understand("mg " + std::string(248, 'k') + " b");
  EXPECT_EQ(request_.command.key.size(), decoded_key_bytes_max);
  for (const std::string name : {"mg", "md", "ma", "me"}) {
    expect_refused(name + " " + std::string(251, 'k'), "CLIENT_ERROR bad command line format");
  }
  expect_refused("ms " + std::string(251, 'k') + " 3", "CLIENT_ERROR bad command line format");
}

TEST_F(MetaRequest, EveryErrorLineThenMemcachedsOwn) {
  for (const std::string name : {"mg", "ms", "md", "ma"}) expect_refused(name, "ERROR");
  expect_refused("me", "CLIENT_ERROR bad command line format");
  expect_refused("mg k Tx", "CLIENT_ERROR bad token in command line format");
  expect_refused("mg k C", "CLIENT_ERROR bad token in command line format");
  expect_refused("mg k F", "CLIENT_ERROR bad command line format");
  expect_refused("mg k J", "CLIENT_ERROR invalid numeric initial value");
  expect_refused("mg k D", "CLIENT_ERROR invalid numeric delta value");
  expect_refused("mg k J F", "CLIENT_ERROR invalid numeric initial value");
  expect_refused("mg k Tx J", "CLIENT_ERROR invalid numeric initial value");
  expect_refused("mg k MII", "CLIENT_ERROR incorrect length for M token");
  expect_refused("mg k Tx Z", "CLIENT_ERROR invalid flag");
  expect_refused("mg k v v", "CLIENT_ERROR duplicate flag");
  expect_refused("mg k \x7f", "CLIENT_ERROR duplicate flag");
  expect_refused("mg k b", "CLIENT_ERROR error decoding key");
  expect_refused("me k b", "CLIENT_ERROR bad command line format");
  expect_refused("mg k O" + std::string(32, '1'), "CLIENT_ERROR opaque token too long");
  expect_refused("md k Z", "CLIENT_ERROR invalid or duplicate flag");
  expect_refused("ma k D", "CLIENT_ERROR invalid or duplicate flag");
  expect_refused("ma k MX", "CLIENT_ERROR invalid mode for ma M token");
  expect_refused("ma k O" + std::string(32, '1'), "CLIENT_ERROR opaque token too long");
  expect_refused("me Cg== b", "CLIENT_ERROR me does not take a key that holds a line's end");
}

TEST_F(MetaRequest, TooManyFlagsThenRefused) {
  const std::string flags = " s t c f h l v u k q O P L I F1 C1 D1";
  understand("mg k" + flags);
  expect_refused("mg k" + flags + " J1", "CLIENT_ERROR options flags are too long");
  expect_refused("md k" + flags + " J1", "CLIENT_ERROR options flags too long");
  expect_refused("ma k" + flags + " J1", "CLIENT_ERROR options flags too long");
  expect_refused("ms k 2" + flags, "CLIENT_ERROR options flags too long");
}

TEST_F(MetaRequest, RefusedSetThenItsValueIsSwallowedOnceItsLengthIsKnown) {
  expect_refused("ms k", "CLIENT_ERROR bad command line format");
  expect_refused("ms k x", "CLIENT_ERROR bad command line format");
  expect_refused("ms k -1", "CLIENT_ERROR bad command line format");
  expect_refused("ms k S2", "CLIENT_ERROR bad command line format");
  expect_refused("ms k 2147483646", "CLIENT_ERROR bad command line format");
  expect_refused("ms k 2 F", "CLIENT_ERROR bad command line format", 4);
  expect_refused("ms k 2 q q", "CLIENT_ERROR duplicate flag", 4);
  expect_refused("ms k 2 MZ", "CLIENT_ERROR invalid mode for ms M token", 4);
  expect_refused("ms k 2 MZ O" + std::string(32, '1'), "CLIENT_ERROR invalid mode for ms M token",
                 4);
  expect_refused("ms k 2 O" + std::string(32, '1'), "CLIENT_ERROR opaque token too long", 4);
  expect_refused("ms k 2 b", "CLIENT_ERROR error decoding key", 4);
  understand("ms k 1073741824");
  expect_refused("ms k 1073741825", "SERVER_ERROR object too large for cache", 1073741827);
}

TEST_F(MetaRequest, EveryCutBeforeTheEndThenNeedMore) {
  const std::string line = "mg key v t q\r\n";
  for (std::size_t cut = 3; cut < line.size(); ++cut) {
    EXPECT_EQ(parse(line.substr(0, cut)).status, ParseStatus::need_more) << cut;
  }
}

TEST_F(MetaRequest, LineAboveTheLimitThenClosed) {
  const std::string flag = "mg k s";
  EXPECT_EQ(parse(flag + std::string(line_bytes_max - flag.size(), 'x')).status,
            ParseStatus::need_more);
  EXPECT_EQ(parse(flag + std::string(line_bytes_max, 'x')).status, ParseStatus::fatal);
  EXPECT_EQ(parse(flag + std::string(line_bytes_max, 'x') + "\r\n").status, ParseStatus::fatal);
  understand(flag + std::string(line_bytes_max - flag.size() - 2, 'x'));
}

TEST_F(MetaRequest, ReusedRequestThenNothingIsLeftOfTheLastOne) {
  understand("ms Zm9v 5 b q I T1 N1 R1 C1 v MA");
  understand("mg other");
  EXPECT_EQ(request_.command.key, "other");
  EXPECT_FALSE(request_.command.is_base64 || request_.command.is_quiet || request_.has_cas);
  EXPECT_FALSE(request_.changes_time || request_.may_create || request_.may_win);
  EXPECT_EQ(request_.value_bytes, 0U);
  EXPECT_EQ(request_.mode, Mode::set);
}

TEST(MetaBegins, NamesWithTheirEndThenYes) {
  for (const std::string_view yes :
       {"mg k", "  ms k", "mn\r\n", "mn\n", "md ", "ma ", "me ", "mg\r\n"}) {
    EXPECT_TRUE(begins_request(yes)) << yes;
  }
  for (const std::string_view no :
       {"", " ", "m", "mg", "mn\r", "mn\rx\n", "mgx k", "mx k", "get k", "m g k", "\rmg k"}) {
    EXPECT_FALSE(begins_request(no)) << no;
  }
  EXPECT_TRUE(begins_request(std::string_view("mn\0x\n", 5)));
}

}  // namespace
}  // namespace ringfence::shim::meta
