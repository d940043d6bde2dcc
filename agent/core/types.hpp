// Ids, instants and small words of the core. Pure values: no clock, I/O, threads or globals here or
// anywhere in agent/core; same state, time and event give the same effects on every machine.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace ringfence::agent::core {

// A point on the host's CLOCK_BOOTTIME. The shell passes it in; the core never reads a clock.
struct Instant {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
};

struct Duration {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
};
constexpr Duration operator""_ms(unsigned long long ms) {
  return {static_cast<std::int64_t>(ms) * 1'000'000};
}
constexpr Duration operator""_s(unsigned long long s) {
  return {static_cast<std::int64_t>(s) * 1'000'000'000};
}
constexpr Instant operator+(Instant i, Duration d) {
  return {i.ns + d.ns};
}
constexpr Instant operator-(Instant i, Duration d) {
  return {i.ns - d.ns};
}
constexpr Duration operator-(Instant a, Instant b) {
  return {a.ns - b.ns};
}
constexpr Duration operator/(Duration d, std::int64_t n) {
  return {d.ns / n};
}
constexpr Duration operator*(Duration d, std::int64_t n) {
  return {d.ns * n};
}

template <typename Tag>
struct Id {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(Id, Id) = default;
};
using AgentId = Id<struct AgentIdTag>;          // random, kept in state_dir; never 0
using Incarnation = Id<struct IncarnationTag>;  // one life of an agent; larger after each start
using Epoch = Id<struct EpochTag>;
using LogIndex = Id<struct LogIndexTag>;    // of an entry in the engine's log
using Term = Id<struct TermTag>;            // of the engine
using RequestId = Id<struct RequestIdTag>;  // of a command or an effect that will be answered

using ClusterId = std::array<std::uint8_t, 16>;

// An agent that votes in the engine, and where its mesh listens.
struct Voter {
  AgentId id;
  std::string address;
  friend bool operator==(const Voter&, const Voter&) = default;
};
inline constexpr std::uint32_t voter_count_max = 7;

}  // namespace ringfence::agent::core
