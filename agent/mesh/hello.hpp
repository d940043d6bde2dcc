// The greeting: who an agent says it is, and whether this agent speaks with it. The reader treats
// its bytes as hostile. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/mesh/mesh.hpp"

namespace ringfence::agent::mesh {

inline constexpr std::uint16_t protocol_min = 2;  // oldest that this agent speaks
inline constexpr std::uint16_t protocol_max = 2;  // newest

struct Hello {
  std::uint16_t oldest = protocol_min, newest = protocol_max;
  std::uint64_t nonce = 0;  // of one mesh object: finds a connection to oneself
  std::string cluster;
  PeerHello peer;
};

// Why a connection is not kept; a number on the wire, so it is never given another meaning.
enum class Refusal : std::uint8_t {
  malformed = 1,
  protocol = 2,  // no version that both speak
  foreign_cluster = 3,
  oneself = 4,          // dialled its own address
  same_id = 5,          // another process with this agent's identity
  duplicate = 6,        // the pair has its connection already
  old_incarnation = 7,  // an earlier life of an agent that was seen since
  full = 8,             // peer_count_max
};
[[nodiscard]] std::string_view describe(Refusal refusal);
// Of a number that a peer sent; nothing when it is none of ours.
[[nodiscard]] std::optional<Refusal> refusal_of(std::string_view bytes);

[[nodiscard]] std::string encode_hello(const Hello& hello);

struct DecodedHello {
  std::optional<Refusal> refusal;  // malformed or protocol: the rest is not to be used
  Hello hello;
};
[[nodiscard]] DecodedHello decode_hello(std::string_view bytes);

// By the greeting alone. Nothing: this agent may speak with it.
[[nodiscard]] std::optional<Refusal> judge_hello(const Hello& own, const Hello& theirs);

// Texts of others that go into a log: printable ASCII, the rest as '?'.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace ringfence::agent::mesh
