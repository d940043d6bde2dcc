// The fuzzer's body over random meta commands, for builds without libFuzzer. It aborts on a
// violation.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "tests/fuzz/meta_request_body.hpp"

namespace ringfence::shim::meta {
namespace {

TEST(RandomBytes, MetaRequestsThenWhatIsWrittenSaysTheSame) {
  constexpr std::array<std::string_view, 34> pieces = {
      "mg ",   "ms ",           "md ",     "ma ",  "me ",  "mn",   "k ",   "key ",
      "Zm9v ", "YSBiCmM= ",     "YQ== b ", "b ",   "v ",   "q ",   "k ",   "O1 ",
      "Oabc ", "T0 ",           "T-1 ",    "N30 ", "C12 ", "F7 ",  "MA ",  "M+ ",
      "J5 ",   "D2 ",           "I ",      "3 ",   "3",    "\r\n", "\r\n", "\n",
      "\r",    "s t c f l h u "};
  std::mt19937 random(3);
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes(pieces[random() % 5]);
    for (std::size_t count = random() % 24; count > 0; --count) {
      if (random() % 16 == 0) {
        bytes += static_cast<char>(random());
      } else {
        bytes += pieces[random() % pieces.size()];
      }
    }
    try_requests(bytes + "\r\n");
  }
}

}  // namespace
}  // namespace ringfence::shim::meta
