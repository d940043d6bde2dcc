// The fuzzers' bodies over random bytes, for builds without libFuzzer. They abort on a violation.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "tests/fuzz/text_reply_body.hpp"
#include "tests/fuzz/text_request_body.hpp"

namespace ringfence::shim::text {
namespace {

// Bytes put together from pieces that mean something, and a few that do not.
template <std::size_t Count>
std::string random_bytes(std::mt19937& random, const std::array<std::string_view, Count>& pieces) {
  std::string bytes;
  for (std::size_t count = random() % 24; count > 0; --count) {
    if (random() % 8 == 0) {
      bytes += static_cast<char>(random());
    } else {
      bytes += pieces[random() % pieces.size()];
    }
  }
  return bytes;
}

TEST(RandomBytes, RequestsThenNothingIsReadOutsideAndLinesStandAlone) {
  constexpr std::array<std::string_view, 24> pieces = {
      "get ",   "gets ", "gat ", "set ", "cas ", "add ",    "incr ",      "delete ",
      "touch ", "k ",    "key ", "0 ",   "10 ",  "-1 ",     "3",          "4294967295 ",
      " ",      "\r\n",  "\r\n", "\n",   "\r",   "noreply", "flush_all ", "stats "};
  std::mt19937 random(1);
  for (int round = 0; round < 50'000; ++round) try_requests(random_bytes(random, pieces));
}

TEST(RandomBytes, RepliesThenTheSameHoweverTheyAreCut) {
  constexpr std::array<std::string_view, 22> pieces = {"VALUE k~t 0 3\r\n",
                                                       "VALUE k 7 3 12\r\nabc\r\n",
                                                       "VALUE ",
                                                       "VALUE k 0 3\r\n",
                                                       "abc\r\n",
                                                       "END\r\n",
                                                       "STAT a b\r\n",
                                                       "STORED\r\n",
                                                       "k ",
                                                       "0 ",
                                                       "3\r\n",
                                                       "1 2\r\n",
                                                       "\r\n",
                                                       "\r",
                                                       "\n",
                                                       "ERROR\r\n",
                                                       "42\r\n",
                                                       "SERVER_ERROR x\r\n",
                                                       "VA 3 t-1 W\r\n",
                                                       "VA 3\r\n",
                                                       "HD O1\r\n",
                                                       "EN\r\n"};
  std::mt19937 random(2);
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes = {static_cast<char>(random() % 4), static_cast<char>(random())};
    bytes += random_bytes(random, pieces);
    try_replies(bytes);
  }
}

}  // namespace
}  // namespace ringfence::shim::text
