// What the port's differential tests share, whatever the protocol: one random stream of commands
// goes whole to a plain memcached and cut at random places to the port, and both give the same
// answers. A Stream draws from its seed: make(), and below(limit) for the cuts.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/live/support/port_host.hpp"
#include "tests/live/support/tags.hpp"

namespace ringfence::live {

// `cuts`: null sends all at once.
template <typename Side, typename Stream>
void send_stream(Side& side, const std::string& stream, Stream* cuts) {
  std::size_t sent = 0;
  while (sent < stream.size()) {
    std::size_t part = stream.size() - sent;
    if (cuts != nullptr) part = std::min(part, 1 + cuts->below(cuts->below(4) == 0 ? 20'000 : 200));
    side.send(std::string_view{stream}.substr(sent, part));
    sent += part;
  }
}

// `answers_of(client, stream, cuts)`: sends it, and returns all that came back.
template <typename Stream, typename AnswersOf>
void expect_memcacheds_answers(const TagsAndBackends& pool, const AnswersOf& answers_of) {
  constexpr std::uint32_t round_count = 12;
  PortHostSettings settings;
  settings.has_tags = std::get<0>(pool);
  settings.backends = std::get<1>(pool);
  settings.be_patient();
  for (std::uint32_t seed = 1; seed <= round_count; ++seed) {
    PortHost host{settings};
    const Memcached plain;
    Stream source{seed};
    const std::string stream = source.make();

    const std::string expected = answers_of(plain.client(), stream, nullptr);
    const std::string answers = answers_of(host.client(), stream, &source);

    ASSERT_EQ(answers, expected) << "seed " << seed;
  }
}

}  // namespace ringfence::live
