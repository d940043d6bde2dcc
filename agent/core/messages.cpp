#include "agent/core/messages.hpp"

#include <tuple>
#include <utility>

#include "agent/core/bytes.hpp"

namespace ringfence::agent::core {
namespace {

// Every message lists its fields once, in `fields`; the writer and the reader both walk that list.
// So a field cannot be written and forgotten in reading.
template <typename M>
auto fields(M& m) {
  using T = std::remove_const_t<M>;
  if constexpr (std::is_same_v<T, LeaseRequest>) {
    return std::tie(m.incarnation, m.epoch, m.fence, m.nonce);
  } else if constexpr (std::is_same_v<T, LeaseReply>) {
    return std::tie(m.incarnation, m.epoch, m.fence, m.nonce, m.term, m.length, m.applied);
  } else if constexpr (std::is_same_v<T, FenceAck>) {
    return std::tie(m.incarnation, m.index, m.digest);
  } else if constexpr (std::is_same_v<T, LeaseEnded>) {
    return std::tie(m.incarnation, m.term);
  } else if constexpr (std::is_same_v<T, Leaving>) {
    return std::tie(m.incarnation);
  } else if constexpr (std::is_same_v<T, BackendTold>) {
    return std::tie(m.pool, m.address, m.seen, m.holds_items, m.claim_is_ours, m.claimed_by, m.why);
  } else if constexpr (std::is_same_v<T, WantedTold>) {
    return std::tie(m.is_order, m.pools);
  } else if constexpr (std::is_same_v<T, FleetWanted>) {
    return std::tie(m.pools);
  } else if constexpr (std::is_same_v<T, Feed>) {
    return std::tie(m.previous, m.index, m.term, m.bytes);
  } else if constexpr (std::is_same_v<T, FeedAsked>) {
    return std::tie(m.applied);
  } else if constexpr (std::is_same_v<T, SnapshotPart>) {
    return std::tie(m.index, m.total, m.offset, m.bytes);
  } else if constexpr (std::is_same_v<T, Introduction>) {
    return std::tie(m.cluster_id, m.has_fleet, m.agent_count, m.has_seeds, m.is_witness, m.is_voter,
                    m.zone, m.leader, m.leader_address);
  } else if constexpr (std::is_same_v<T, Lead>) {
    return std::tie(m.cluster_id, m.term, m.applied);
  } else if constexpr (std::is_same_v<T, VoteAsked>) {
    return std::tie(m.cluster_id, m.term, m.is_wanted);
  } else if constexpr (std::is_same_v<T, FormAsked> || std::is_same_v<T, FormPromised>) {
    return std::tie(m.cluster_id);
  } else if constexpr (std::is_same_v<T, Formed>) {
    return std::tie(m.cluster_id, m.voters);
  } else if constexpr (std::is_same_v<T, CommandAsked>) {
    return std::tie(m.id, m.kind, m.pool, m.address, m.who, m.weight);
  } else if constexpr (std::is_same_v<T, CommandAnswered>) {
    return std::tie(m.id, m.is_ok, m.text);
  } else if constexpr (std::is_same_v<T, StateAsked>) {
    return std::tie(m.id);
  } else if constexpr (std::is_same_v<T, StateTold>) {
    return std::tie(m.id, m.epoch, m.digest, m.age, m.has_lease);
  } else if constexpr (std::is_same_v<T, ProbeAsked>) {
    return std::tie(m.id, m.pool, m.address);
  } else if constexpr (std::is_same_v<T, ProbeTold>) {
    return std::tie(m.id, m.pool, m.address, m.is_reached);
  } else if constexpr (std::is_same_v<T, PeersTold>) {
    return std::tie(m.missing);
  } else {
    static_assert(std::is_same_v<T, LeaseRefused>);
    return std::tie(m.why);
  }
}

// --- writing -----------------------------------------------------------------------------------

template <typename Tag>
void put(ByteWriter& out, Id<Tag> id) {
  out.u64(id.value);
}
void put(ByteWriter& out, std::uint64_t value) {
  out.u64(value);
}
void put(ByteWriter& out, std::uint32_t value) {
  out.u32(value);
}
void put(ByteWriter& out, bool value) {
  out.boolean(value);
}
void put(ByteWriter& out, Duration value) {
  out.i64(value.ns);
}
void put(ByteWriter& out, BackendSeen value) {
  out.u8(static_cast<std::uint8_t>(value));
}
void put(ByteWriter& out, CommandKind value) {
  out.u8(static_cast<std::uint8_t>(value));
}
void put(ByteWriter& out, const std::string& value) {
  out.text(value);
}
void put(ByteWriter& out, const ClusterId& value) {
  for (const std::uint8_t byte : value) out.u8(byte);
}
void put(ByteWriter& out, const std::vector<Voter>& voters) {
  out.u32(static_cast<std::uint32_t>(voters.size()));
  for (const Voter& voter : voters) {
    out.u64(voter.id.value);
    out.text(voter.address);
  }
}
void put(ByteWriter& out, const std::vector<AgentId>& agents) {
  out.u32(static_cast<std::uint32_t>(agents.size()));
  for (const AgentId agent : agents) out.u64(agent.value);
}
void put(ByteWriter& out, const std::vector<WantedPool>& pools) {
  out.u32(static_cast<std::uint32_t>(pools.size()));
  for (const WantedPool& pool : pools) {
    out.text(pool.name);
    write_options(out, pool.options);
    out.u32(static_cast<std::uint32_t>(pool.backends.size()));
    for (const WantedBackend& backend : pool.backends) {
      out.text(backend.address);
      out.u32(backend.weight);
      out.u8(static_cast<std::uint8_t>(backend.named_by));
      out.text(std::string_view(backend.source).substr(0, source_bytes_max));
    }
    out.boolean(pool.is_partial);
  }
}

// --- reading -----------------------------------------------------------------------------------

template <typename Tag>
void get(ByteReader& in, Id<Tag>& id) {
  id.value = in.u64();
}
void get(ByteReader& in, std::uint64_t& value) {
  value = in.u64();
}
void get(ByteReader& in, std::uint32_t& value) {
  value = in.u32();
}
void get(ByteReader& in, bool& value) {
  value = in.boolean();
}
void get(ByteReader& in, Duration& value) {
  value.ns = in.i64();
}
void get(ByteReader& in, BackendSeen& value) {
  value = static_cast<BackendSeen>(in.u8_at_most(2));
}
void get(ByteReader& in, CommandKind& value) {
  value = static_cast<CommandKind>(in.u8_at_most(3));
}
// Entries and parts of snapshots are the longest texts; what is shorter by nature is checked by
// who uses it.
void get(ByteReader& in, std::string& value) {
  value = in.text(entry_bytes_max);
}
void get(ByteReader& in, ClusterId& value) {
  for (std::uint8_t& byte : value) byte = in.u8();
}
void get(ByteReader& in, std::vector<Voter>& voters) {
  const std::uint32_t count = in.count(voter_count_max, 12);
  for (std::uint32_t i = 0; i < count && in.is_ok(); ++i) {
    Voter voter;
    voter.id = AgentId{in.u64()};
    voter.address = in.text(address_bytes_max);
    voters.push_back(std::move(voter));
  }
}
void get(ByteReader& in, std::vector<AgentId>& agents) {
  const std::uint32_t count = in.count(agent_count_max, 8);
  for (std::uint32_t i = 0; i < count && in.is_ok(); ++i) agents.push_back(AgentId{in.u64()});
}
void get(ByteReader& in, WantedPool& pool) {
  pool.name = in.text(pool_name_bytes_max);
  pool.options = read_options(in);
  const std::uint32_t count = in.count(wanted_count_max, 13);
  for (std::uint32_t i = 0; i < count && in.is_ok(); ++i) {
    WantedBackend backend;
    backend.address = in.text(address_bytes_max);
    backend.weight = in.u32();
    backend.named_by = static_cast<NamedBy>(in.u8_at_most(2));
    backend.source = in.text(source_bytes_max);
    if (backend.address.empty() || backend.weight > weight_max) in.fail();
    pool.backends.push_back(std::move(backend));
  }
  pool.is_partial = in.boolean();
  if (pool.name.empty()) in.fail();
}
void get(ByteReader& in, std::vector<WantedPool>& pools) {
  const std::uint32_t count = in.count(pool_count_max, 8);
  for (std::uint32_t i = 0; i < count && in.is_ok(); ++i) {
    pools.emplace_back();
    get(in, pools.back());
  }
}

template <std::size_t I = 0>
Message read_kind(ByteReader& in, std::size_t kind) {
  if constexpr (I == std::variant_size_v<Message>) {
    in.fail();
    return Message{};
  } else {
    if (kind != I) return read_kind<I + 1>(in, kind);
    std::variant_alternative_t<I, Message> message;
    std::apply([&in](auto&... field) { (get(in, field), ...); }, fields(message));
    return message;
  }
}

// What other code indexes by or prints without a further look.
bool is_sane(const Message& message) {
  if (const auto* told = std::get_if<BackendTold>(&message)) {
    return told->pool.size() <= pool_name_bytes_max && told->address.size() <= address_bytes_max &&
           told->claimed_by.size() <= text_bytes_max && told->why.size() <= text_bytes_max;
  }
  if (const auto* part = std::get_if<SnapshotPart>(&message)) {
    return part->total <= snapshot_bytes_max && part->bytes.size() <= snapshot_part_bytes &&
           part->offset <= part->total && part->bytes.size() <= part->total - part->offset;
  }
  if (const auto* introduction = std::get_if<Introduction>(&message)) {
    return introduction->zone.size() <= text_bytes_max &&
           introduction->leader_address.size() <= address_bytes_max;
  }
  if (const auto* asked = std::get_if<CommandAsked>(&message)) {
    return asked->pool.size() <= pool_name_bytes_max && asked->who.size() <= text_bytes_max &&
           asked->address.size() <= text_bytes_max;
  }
  if (const auto* asked = std::get_if<ProbeAsked>(&message)) {
    return asked->pool.size() <= pool_name_bytes_max && asked->address.size() <= address_bytes_max;
  }
  if (const auto* told = std::get_if<ProbeTold>(&message)) {
    return told->pool.size() <= pool_name_bytes_max && told->address.size() <= address_bytes_max;
  }
  if (const auto* refused = std::get_if<LeaseRefused>(&message)) {
    return refused->why.size() <= text_bytes_max;
  }
  return true;
}

}  // namespace

std::string encode(const Message& message) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(message.index() + 1));
  std::visit(
      [&out](const auto& some) {
        std::apply([&out](const auto&... field) { (put(out, field), ...); }, fields(some));
      },
      message);
  return out.take();
}

std::optional<Message> decode_message(std::string_view bytes) {
  ByteReader in(bytes);
  const std::size_t kind = in.u8();
  if (kind == 0) return std::nullopt;
  Message message = read_kind(in, kind - 1);
  if (!in.is_at_end() || !is_sane(message)) return std::nullopt;
  return message;
}

}  // namespace ringfence::agent::core
