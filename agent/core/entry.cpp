#include "agent/core/entry.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace ringfence::agent::core {
namespace {

constexpr std::uint8_t format = 3;

// The order of Op's alternatives is the format: a new op is added at the end.
void write_op(ByteWriter& out, const SetCluster& op) {
  for (const std::uint8_t byte : op.id) out.u8(byte);
}
void write_op(ByteWriter& out, const JoinAgent& op) {
  write_agent(out, op.agent);
}
void write_op(ByteWriter& out, const RemoveAgent& op) {
  out.u64(op.agent.value);
}
void write_op(ByteWriter& out, const SetPool& op) {
  out.text(op.pool);
  write_options(out, op.options);
}
void write_op(ByteWriter& out, const RemovePool& op) {
  out.text(op.pool);
}
void write_op(ByteWriter& out, const FlushPool& op) {
  out.text(op.pool);
}
void write_address(ByteWriter& out, const std::string& pool, const std::string& address) {
  out.text(pool);
  out.text(address);
}
void write_op(ByteWriter& out, const LoseBackend& op) {
  write_address(out, op.pool, op.address);
}
void write_op(ByteWriter& out, const RemoveBackend& op) {
  write_address(out, op.pool, op.address);
}
void write_op(ByteWriter& out, const Reassign& op) {
  write_address(out, op.pool, op.address);
}
void write_op(ByteWriter& out, const AdmitBackend& op) {
  write_address(out, op.pool, op.address);
  out.u32(op.weight);
}
void write_op(ByteWriter& out, const SetWeight& op) {
  write_address(out, op.pool, op.address);
  out.u32(op.weight);
}

std::string read_pool(ByteReader& in) {
  std::string name = in.text(pool_name_bytes_max);
  if (name.empty()) in.fail();
  return name;
}
std::string read_address(ByteReader& in) {
  std::string address = in.text(address_bytes_max);
  if (address.empty()) in.fail();
  return address;
}
std::uint32_t read_weight(ByteReader& in) {
  const std::uint32_t weight = in.u32();
  if (weight > weight_max) in.fail();
  return weight;
}

template <typename T>
Op read_pair(ByteReader& in) {
  T op;
  op.pool = read_pool(in);
  op.address = read_address(in);
  return op;
}
template <typename T>
Op read_weighted(ByteReader& in) {
  T op;
  op.pool = read_pool(in);
  op.address = read_address(in);
  op.weight = read_weight(in);
  return op;
}
Op read_cluster(ByteReader& in) {
  SetCluster op;
  for (std::uint8_t& byte : op.id) byte = in.u8();
  return op;
}
Op read_set_pool(ByteReader& in) {
  SetPool op;
  op.pool = read_pool(in);
  op.options = read_options(in);
  return op;
}

Op read_op(ByteReader& in) {
  switch (in.u8()) {
    case 0:
      return read_cluster(in);
    case 1:
      return JoinAgent{read_agent(in)};
    case 2:
      return read_set_pool(in);
    case 3:
      return RemovePool{read_pool(in)};
    case 4:
      return read_pair<LoseBackend>(in);
    case 5:
      return read_weighted<AdmitBackend>(in);
    case 6:
      return read_pair<RemoveBackend>(in);
    case 7:
      return read_weighted<SetWeight>(in);
    case 8:
      return read_pair<Reassign>(in);
    case 9:
      return FlushPool{read_pool(in)};
    case 10:
      return RemoveAgent{AgentId{in.u64()}};
    default:
      in.fail();
      return SetCluster{};
  }
}

void write_commands(ByteWriter& out, const std::vector<BackendCommand>& commands) {
  out.u32(static_cast<std::uint32_t>(commands.size()));
  for (const BackendCommand& command : commands) write_command(out, command);
}

void write_body(ByteWriter& out, const Proposal& proposal) {
  out.u64(proposal.expected.value);
  out.u16(proposal.assign_version);
  out.i64(proposal.unix_ms);
  out.text(cut_text(proposal.what));
  out.text(cut_text(proposal.why));
  out.text(cut_text(proposal.who));
  out.u32(static_cast<std::uint32_t>(proposal.ops.size()));
  for (const Op& op : proposal.ops) {
    out.u8(static_cast<std::uint8_t>(op.index()));
    std::visit([&out](const auto& some) { write_op(out, some); }, op);
  }
  write_commands(out, proposal.commands);
}
void write_body(ByteWriter& out, const Activation& activation) {
  out.u64(activation.proposal.value);
  out.u64(activation.expected.value);
  out.boolean(activation.is_moved);
  out.u32(activation.propose_us);
  out.u32(activation.fence_us);
}
void write_body(ByteWriter& out, const Commands& commands) {
  write_commands(out, commands.commands);
}

std::vector<BackendCommand> read_command_list(ByteReader& in) {
  std::vector<BackendCommand> commands;
  const std::uint32_t count = in.count(op_count_max, 1);
  for (std::uint32_t i = 0; i < count && in.is_ok(); ++i) commands.push_back(read_command(in));
  return commands;
}

Entry read_proposal(ByteReader& in) {
  Proposal proposal;
  proposal.expected = Epoch{in.u64()};
  proposal.assign_version = in.u16();
  proposal.unix_ms = in.i64();
  proposal.what = in.text(text_bytes_max);
  proposal.why = in.text(text_bytes_max);
  proposal.who = in.text(text_bytes_max);
  const std::uint32_t op_count = in.count(op_count_max, 1);
  proposal.ops.reserve(op_count);
  for (std::uint32_t i = 0; i < op_count && in.is_ok(); ++i) proposal.ops.push_back(read_op(in));
  proposal.commands = read_command_list(in);
  return proposal;
}
Entry read_activation(ByteReader& in) {
  Activation activation;
  activation.proposal = LogIndex{in.u64()};
  activation.expected = Epoch{in.u64()};
  activation.is_moved = in.boolean();
  activation.propose_us = in.u32();
  activation.fence_us = in.u32();
  return activation;
}

}  // namespace

std::string_view cut_text(std::string_view text) {
  return text.substr(0, text_bytes_max);
}

void write_agent(ByteWriter& out, const Agent& agent) {
  out.u64(agent.id.value);
  out.text(cut_text(agent.name));
  out.u64(agent.incarnation.value);
  out.text(agent.address);
  out.text(cut_text(agent.zone));
  out.boolean(agent.is_witness);
  out.u64(agent.joined.value);
}

Agent read_agent(ByteReader& in) {
  Agent agent;
  agent.id = AgentId{in.u64()};
  agent.name = in.text(text_bytes_max);
  agent.incarnation = Incarnation{in.u64()};
  agent.address = in.text(address_bytes_max);
  agent.zone = in.text(text_bytes_max);
  agent.is_witness = in.boolean();
  agent.joined = Epoch{in.u64()};
  return agent;
}

void write_options(ByteWriter& out, const PoolOptions& options) {
  out.boolean(options.has_tags);
  out.u8(static_cast<std::uint8_t>(options.hash_tag_open));
  out.u8(static_cast<std::uint8_t>(options.hash_tag_close));
  out.boolean(options.allows_flush_all);
  out.boolean(options.admits_unflushed);
  out.u8(static_cast<std::uint8_t>(options.on_lease_loss));
}

PoolOptions read_options(ByteReader& in) {
  PoolOptions options;
  options.has_tags = in.boolean();
  options.hash_tag_open = static_cast<char>(in.u8());
  options.hash_tag_close = static_cast<char>(in.u8());
  options.allows_flush_all = in.boolean();
  options.admits_unflushed = in.boolean();
  options.on_lease_loss = static_cast<OnLeaseLoss>(in.u8_at_most(1));
  return options;
}

void write_command(ByteWriter& out, const BackendCommand& command) {
  write_address(out, command.pool, command.address);
  out.u32(command.weight);
  out.u8(command.is_drain ? 2 : static_cast<std::uint8_t>(command.is_add));
  out.text(cut_text(command.who));
}

BackendCommand read_command(ByteReader& in) {
  BackendCommand command;
  command.pool = read_pool(in);
  command.address = read_address(in);
  command.weight = read_weight(in);
  const std::uint8_t kind = in.u8_at_most(2);  // 2, a drain, came later: 0 and 1 are as they were
  command.is_add = kind == 1;
  command.is_drain = kind == 2;
  command.who = in.text(text_bytes_max);
  return command;
}

std::string encode(const Entry& entry) {
  ByteWriter body;
  std::visit([&body](const auto& some) { write_body(body, some); }, entry);
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(entry.index() + 1));  // 0 is padding, never an entry
  out.u8(format);
  out.text(body.bytes());
  return out.take();
}

std::optional<Entry> decode_entry(std::string_view bytes) {
  if (bytes.size() > entry_bytes_max) return std::nullopt;
  ByteReader header(bytes);
  const std::uint8_t kind = header.u8();
  if (header.u8() != format) return std::nullopt;
  const std::uint32_t length = header.u32();
  ByteReader in(header.raw(length));
  if (!header.is_ok()) return std::nullopt;

  Entry entry;
  switch (kind) {
    case 1:
      entry = read_proposal(in);
      break;
    case 2:
      entry = read_activation(in);
      break;
    case 3:
      entry = Commands{read_command_list(in)};
      break;
    default:
      return std::nullopt;
  }
  if (!in.is_at_end()) return std::nullopt;
  return entry;
}

}  // namespace ringfence::agent::core
