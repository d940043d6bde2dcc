// What agents tell each other, as bytes. An agent that is its own leader sends to itself inside the
// core, through the same encoding, so that a mesh only has to carry bytes.
//
//   message := kind u8, body          all numbers little-endian; nothing may follow the body
//
// Decoding treats the bytes as hostile. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "agent/core/types.hpp"

namespace ringfence::agent::core {

// member -> leader: everything that the grant depends on stands in the request itself.
struct LeaseRequest {
  Incarnation incarnation;
  Epoch epoch;     // published on this host
  LogIndex fence;  // of the last proposal whose fence this host has set
  std::uint64_t nonce = 0;
};

// leader -> member: echoes the request, so that an answer to an earlier life, view or question is
// recognised and discarded.
struct LeaseReply {
  Incarnation incarnation;
  Epoch epoch;
  LogIndex fence;
  std::uint64_t nonce = 0;
  Duration length;   // from the moment the request was sent; 0: no lease
  LogIndex applied;  // what the leader has applied: who has as much has caught up
};

// member -> leader: the slots that the proposal at `index` moves are fenced on this host.
struct FenceAck {
  Incarnation incarnation;
  LogIndex index;
  std::uint64_t digest = 0;  // of the view to come (G1)
};

// member -> leader: what this host sees of a backend. Told again to each new leader.
enum class BackendSeen : std::uint8_t { answers, unreachable, contents_lost };
struct BackendTold {
  std::string pool, address;
  BackendSeen seen{};
  bool holds_items = false;
  bool claim_is_ours = false;
  std::string claimed_by;
  std::string why;
};

using Message = std::variant<LeaseRequest, LeaseReply, FenceAck, BackendTold>;

[[nodiscard]] std::string encode(const Message& message);
[[nodiscard]] std::optional<Message> decode_message(std::string_view bytes);

}  // namespace ringfence::agent::core
