// Under the preload library, whose connections to a port's memcacheds stand in for the port: random
// streams of all three protocols in every way of using a socket, and streams cut at every position,
// with one plain memcached's answers.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/live/support/binary_stream.hpp"
#include "tests/live/support/differential.hpp"
#include "tests/live/support/meta_side.hpp"
#include "tests/live/support/preloaded.hpp"
#include "tests/live/support/random_socket_use.hpp"
#include "tests/live/support/socket_use.hpp"
#include "tests/live/support/text_stream.hpp"

namespace ringfence::live {
namespace {

constexpr std::size_t backend_count = 4;
constexpr std::uint32_t round_count = 4;
constexpr std::uint64_t keys_through_port_max = 4;  // of 400 and more

PortHostSettings patient_settings() {
  PortHostSettings settings;
  settings.backends = backend_count;
  settings.be_patient();
  return settings;
}

struct Text {
  using Stream = TextStream;
  using Side = MetaSide;
  static std::string get(const std::string& key) { return "get " + key + "\r\n"; }
  static std::string finish(Side& side) { return side.finish("last"); }
};

struct Binary {
  using Stream = BinaryStream;
  using Side = BinarySide;
  static std::string get(const std::string& key) { return plain(Opcode::get, key); }
  static std::string finish(Side& side) { return side.finish(); }
};

// What the client asks for next finds a connection to every memcached open.
template <typename Protocol>
typename Protocol::Side warm(TextClient client, const PortHost& host) {
  typename Protocol::Side side{std::move(client)};
  for (int i = 0; i < 10; ++i) {
    for (std::size_t backend = 0; backend < host.size(); ++backend) {
      (void)side.answer(Protocol::get(host.key_on(backend, "warm")));
    }
  }
  return side;
}

template <typename Protocol>
std::string answers_of(typename Protocol::Side side, const std::string& stream,
                       typename Protocol::Stream* cuts) {
  send_stream(side, stream, cuts);
  return Protocol::finish(side);
}

template <typename Protocol>
void expect_memcacheds_answers_with(const NamedUse& use) {
  using Side = typename Protocol::Side;
  expect_preloaded();
  PortHost host{patient_settings()};
  const Memcached plain;
  for (std::uint32_t seed = 1; seed <= round_count; ++seed) {
    typename Protocol::Stream source{seed};
    const std::string stream = source.make();
    TextClient client = host.client();
    client.use(use.make());
    Side side = warm<Protocol>(std::move(client), host);
    const std::uint64_t before = keys_through_port(host);

    const std::string expected = answers_of<Protocol>(Side{plain.client()}, stream, nullptr);
    const std::string answers = answers_of<Protocol>(std::move(side), stream, &source);

    ASSERT_EQ(answers, expected) << "seed " << seed;
    if (use.is_understood) {
      EXPECT_LE(keys_through_port(host) - before, keys_through_port_max) << "seed " << seed;
    }
  }
}

class PreloadDifferential : public testing::TestWithParam<NamedUse> {};
INSTANTIATE_TEST_SUITE_P(Uses, PreloadDifferential, testing::ValuesIn(socket_uses()),
                         [](const auto& use) { return std::string(use.param.name); });

TEST_P(PreloadDifferential, RandomTextStreamThenMemcachedsOwnAnswers) {
  expect_memcacheds_answers_with<Text>(GetParam());
}

TEST_P(PreloadDifferential, RandomBinaryStreamThenMemcachedsOwnAnswers) {
  expect_memcacheds_answers_with<Binary>(GetParam());
}

// The same random calls, on the same random stream, on a preloaded connection and on a plain one to
// one memcached. RINGFENCE_TEST_SOCKET_CALLS: how many streams; RINGFENCE_TEST_SEED: the first.
template <typename Protocol>
void expect_same_answers_by_random_calls() {
  using Side = typename Protocol::Side;
  expect_preloaded();
  PortHost host{patient_settings()};
  const Memcached plain;
  const auto number = [](const char* name, unsigned usual) {
    const char* said = std::getenv(name);
    return said == nullptr ? usual : static_cast<unsigned>(std::atoi(said));
  };
  const unsigned first = number("RINGFENCE_TEST_SEED", 1);
  const unsigned count = number("RINGFENCE_TEST_SOCKET_CALLS", 200);
  for (unsigned seed = first; seed < first + count; ++seed) {
    typename Protocol::Stream source{seed};
    const std::string stream = source.make(100);
    const auto answers = [&](TextClient client) {
      client.use(random_socket_use(seed));
      return answers_of<Protocol>(Side{std::move(client)}, stream, nullptr);
    };
    const std::string expected = answers(plain.client());
    ASSERT_EQ(answers(host.client()), expected) << "seed " << seed;
  }
}

TEST(PreloadCalls, RandomCallsOnATextStreamThenMemcachedsOwnAnswers) {
  expect_same_answers_by_random_calls<Text>();
}

TEST(PreloadCalls, RandomCallsOnABinaryStreamThenMemcachedsOwnAnswers) {
  expect_same_answers_by_random_calls<Binary>();
}

// A stream of 40 commands that is short enough to be cut everywhere.
template <typename Stream>
std::string short_stream() {
  constexpr std::size_t bytes_max = 1500;
  for (std::uint32_t seed = 1;; ++seed) {
    std::string stream = Stream{seed}.make(40);
    if (stream.size() <= bytes_max) return stream;
  }
}

// Both servers see the same commands again and again, so that each time both hold the same.
template <typename Protocol>
void expect_memcacheds_answers_however_cut() {
  using Side = typename Protocol::Side;
  expect_preloaded();
  PortHost host{patient_settings()};
  const Memcached plain;
  (void)warm<Protocol>(host.client(), host);
  const std::uint64_t before = keys_through_port(host);
  const std::string stream = short_stream<typename Protocol::Stream>();
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    const std::string expected = answers_of<Protocol>(Side{plain.client()}, stream, nullptr);
    Side side{host.client()};
    side.send(std::string_view{stream}.substr(0, cut));
    const std::string answers = answers_of<Protocol>(std::move(side), stream.substr(cut), nullptr);
    ASSERT_EQ(answers, expected) << "cut before byte " << cut << " of " << stream.size();
  }
  EXPECT_LE(keys_through_port(host) - before, stream.size() / 10) << "of 40 a stream";
}

TEST(PreloadCuts, TextStreamCutAtEveryPositionThenMemcachedsOwnAnswers) {
  expect_memcacheds_answers_however_cut<Text>();
}

TEST(PreloadCuts, BinaryStreamCutAtEveryPositionThenMemcachedsOwnAnswers) {
  expect_memcacheds_answers_however_cut<Binary>();
}

}  // namespace
}  // namespace ringfence::live
