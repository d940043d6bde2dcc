// The binary fuzzers' bodies over random packets, for builds without libFuzzer. They abort on a
// violation.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "tests/fuzz/binary_reply_body.hpp"
#include "tests/fuzz/binary_request_body.hpp"
#include "tests/unit/binary_support.hpp"

namespace ringfence::shim::binary {
namespace {

constexpr int round_count = 20'000;

std::string any_of(std::mt19937& random, const std::array<std::size_t, 4>& sizes) {
  return std::string(sizes[random() % sizes.size()], 'x');
}

// Well formed more often than not; now and then a length or a byte is wrong.
std::string random_packets(std::mt19937& random, unsigned magic, unsigned opcode) {
  std::string bytes;
  for (std::size_t count = 1 + random() % 6; count > 0; --count) {
    Packet packet{magic, opcode};
    if (magic == 0x80) packet.opcode = static_cast<unsigned>(random() % 0x28);
    packet.extras = any_of(random, {0, 4, 8, 20});
    packet.key = magic == 0x80 || random() % 16 == 0 ? any_of(random, {0, 1, 7, 250}) : "";
    packet.value = any_of(random, {0, 0, 3, 70});
    packet.status = static_cast<unsigned>(random() % 3);
    const std::size_t lie = random() % 16 == 0 ? random() : 0;
    bytes += packet.bytes_claiming(static_cast<std::uint32_t>(packet.body().size() + lie));
    if (random() % 16 == 0) bytes[random() % bytes.size()] = static_cast<char>(random());
  }
  return bytes.substr(0, bytes.size() - random() % 8);
}

TEST(BinaryRandomBytes, RequestsThenNothingIsReadOutsideAndFrontsStandAlone) {
  std::mt19937 random(1);
  for (int round = 0; round < round_count; ++round) try_requests(random_packets(random, 0x80, 0));
}

TEST(BinaryRandomBytes, RepliesThenTheSameHoweverTheyAreCut) {
  constexpr std::array<unsigned, 6> opcodes = {0x00, 0x01, 0x04, 0x05, 0x1c, 0x1d};
  std::mt19937 random(2);
  for (int round = 0; round < round_count; ++round) {
    const unsigned opcode = opcodes[random() % opcodes.size()];
    const std::string head = {static_cast<char>(opcode), static_cast<char>(random())};
    try_replies(head + random_packets(random, 0x81, opcode));
  }
}

}  // namespace
}  // namespace ringfence::shim::binary
