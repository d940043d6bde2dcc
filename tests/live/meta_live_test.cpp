// The parser of meta commands against a real memcached, on odd lines: what it refuses, memcached
// refuses in the same words, and reads the bytes behind it the same way; what it takes, memcached
// takes.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "shim/meta/request.hpp"
#include "tests/live/text_against_memcached.hpp"

namespace ringfence::live {
namespace {

namespace meta = shim::meta;

const std::string key_248(248, 'k');
const std::string key_250(250, 'k');
const std::string key_251(251, 'k');

class MetaAgainstMemcached : public TextAgainstMemcached {
 protected:
  // Puts `line` (with its end) to both and compares.
  void compare_meta(const std::string& line) {
    SCOPED_TRACE(testing::PrintToString(line.substr(0, 300)));
    ASSERT_TRUE(meta::begins_request(line));
    meta::Request request;
    const ParseResult parsed = meta::parse_request(line, request);
    std::string bytes = line;
    const bool is_set =
        parsed.status == ParseStatus::request && request.command.verb == meta::Verb::set;
    const std::size_t value_bytes =
        is_set ? std::size_t{request.value_bytes} + 2 : parsed.swallow_bytes;
    ASSERT_LT(value_bytes, 1U << 20);
    if (value_bytes > 0) bytes += std::string(value_bytes - 2, 'v') + "\r\n";
    const std::string answer = client_->answer(bytes);
    if (parsed.status == ParseStatus::refused) {
      EXPECT_EQ(answer, parsed.error_line);
    } else {
      ASSERT_EQ(parsed.status, ParseStatus::request);
      EXPECT_TRUE(is_taken(request, answer)) << answer;
    }
    if (client_->is_closed()) reconnect();
  }

  static bool is_taken(const meta::Request& request, const std::string& answer) {
    if (answer.empty()) return request.command.is_quiet;
    if (request.command.verb == meta::Verb::noop) return answer == "MN\r\n";
    if (answer == "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n") return true;
    for (const char* status : {"HD", "VA", "EN", "NS", "EX", "NF", "ME"}) {
      if (answer.starts_with(status)) return true;
    }
    return false;
  }
};

const std::vector<std::string> flags = {"",
                                        " ",
                                        " v",
                                        " v v",
                                        " b",
                                        " q",
                                        " q b",
                                        " O",
                                        " O1",
                                        " O" + std::string(31, '1'),
                                        " T",
                                        " Tx",
                                        " T0",
                                        " T-1",
                                        " T+5",
                                        " T 5",
                                        " T5x",
                                        " T5\tx",
                                        " T\t5",
                                        " T99999999999999999999",
                                        " T4294967296",
                                        " N",
                                        " N-1 v",
                                        " R",
                                        " R30 N30",
                                        " F",
                                        " F-1",
                                        " F4294967296",
                                        " F1 Tx",
                                        " Tx F",
                                        " C",
                                        " C1",
                                        " C-1",
                                        " C18446744073709551615",
                                        " C18446744073709551616",
                                        " J",
                                        " J5",
                                        " Jx D",
                                        " D",
                                        " D2",
                                        " D-1",
                                        " M",
                                        " MI",
                                        " Mi",
                                        " M+",
                                        " M-",
                                        " MD",
                                        " ME",
                                        " MA",
                                        " MP",
                                        " MR",
                                        " MS",
                                        " MSS",
                                        " M\x01",
                                        " I",
                                        " I C5",
                                        " P L",
                                        " Pabc Labc",
                                        " E5",
                                        " S5",
                                        " x",
                                        " \x01",
                                        " \x7e",
                                        " \x7f",
                                        " \x80",
                                        " \xff",
                                        " s t c f l h u k",
                                        " sabc tabc kabc",
                                        " v s t c f l h u k q O1 P L I F1 C1 D1",
                                        " v s t c f l h u k q O1 P L I F1 C1 D1 J1",
                                        " v s t c f l h u k q O1 P L I F1 C1",
                                        " v s t c f l h u k q O1 P L I F1 C1 D1 J1 N1 T1 R1 b x y",
                                        " k\r",
                                        " b\r"};

TEST_F(MetaAgainstMemcached, LinesWithEveryFlagThenTheSameAnswer) {
  for (const std::string name : {"mg", "md", "ma", "me"}) {
    for (const std::string& rest : flags) {
      for (const std::string key : {" k", " Zm9v", " number"}) {
        compare_meta(name + key + rest + "\r\n");
      }
    }
  }
}

TEST_F(MetaAgainstMemcached, SetLinesWithEveryFlagThenTheSameAnswer) {
  for (const std::string& rest : flags) {
    compare_meta("ms k 3" + rest + "\r\n");
    compare_meta("ms Zm9v 0" + rest + "\n");
  }
  for (const std::string length :
       {"", " ", " x", " -1", " -0", " +3", " 03", " 3x", " 3\tx", " S3", " 2147483646",
        " 2147483648", " 4294967295", " 4294967299", " 9223372036854775808", " v", " 3 3"}) {
    compare_meta("ms k" + length + "\r\n");
    compare_meta("ms " + key_251 + length + "\r\n");
  }
}

TEST_F(MetaAgainstMemcached, KeysThenTheSameAnswer) {
  for (const std::string& key :
       {std::string{}, std::string{" "}, std::string{" \x01\x7f\xff"}, std::string{" a\rb"},
        " " + key_248, " " + key_250, " " + key_251}) {
    for (const std::string rest : {"", " b", " b k", " v"}) {
      for (const std::string name : {"mg", "md", "ma", "me", "mn"}) {
        compare_meta(name + key + rest + "\r\n");
      }
      compare_meta("ms" + key + " 3" + rest + "\r\n");
    }
  }
}

TEST_F(MetaAgainstMemcached, Base64WordsThenTheSameAnswer) {
  for (const std::string word :
       {"Zm9v", "Zm9vYg==", "Zm9vYmE=", "-Zm.9v-", "Zg==Zm9v", "Zh==", "Z=9v", "Zm9",
        "A===", "====", "*", "=", "A=A=", "AA=A", "Zm9vZ", "Zm9vZg=", "+/+/"}) {
    for (const std::string name : {"mg", "md", "ma", "me"}) {
      compare_meta(name + " " + word + " b\r\n");
    }
    compare_meta("ms " + word + " 3 b\r\n");
  }
}

// The key that our parser decodes is the one that memcached looks for.
TEST_F(MetaAgainstMemcached, Base64WordsThenMemcachedsKey) {
  for (const std::string word :
       {"Zm9v", "Zm9vYg==", "-Zm.9v-", "Zg==Zm9v", "Zh==", "Z=9v", "AA=A", "YSBi", "AAEC/w=="}) {
    const std::string line = "mg " + word + " k b\r\n";
    meta::Request request;
    ASSERT_EQ(meta::parse_request(line, request).status, ParseStatus::request);
    const meta::Base64Key again(request.command.key);
    const std::string answer = client_->answer(line);
    EXPECT_EQ(answer, "EN k" + std::string(again.view()) + " b\r\n") << word;
  }
}

TEST_F(MetaAgainstMemcached, RandomWordsThenTheSameAnswer) {
  const std::vector<std::string> words = {
      "k",   "Zm9v", "b",  "v",  "q",  "k",  "O1", "T0",  "T-1", "Tx", "N30", "R30",
      "C12", "Cx",   "F7", "F",  "MA", "MI", "MZ", "M",   "J5",  "J",  "D2",  "Dx",
      "I",   "3",    "0",  "s",  "t",  "c",  "f",  "l",   "h",   "u",  "P",   "L",
      "x",   "\x7f", "",   "E5", "-1", "  ", "S",  "T5x", "\t5", "MSS"};
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    std::string line = std::vector<std::string>{"mg", "ms", "md", "ma", "me"}[random() % 5];
    for (std::size_t count = random() % 8; count > 0; --count) {
      line += " " + words[random() % words.size()];
    }
    compare_meta(line + "\r\n");
  }
}

}  // namespace
}  // namespace ringfence::live
