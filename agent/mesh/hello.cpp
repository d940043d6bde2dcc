#include "agent/mesh/hello.hpp"

#include <algorithm>

#include "agent/core/bytes.hpp"
#include "agent/mesh/wire.hpp"

namespace ringfence::agent::mesh {
namespace {

constexpr std::string_view magic = "RNGFMESH";
constexpr std::size_t cluster_bytes_max = 63;  // as in the configuration

// A name or an address: something a person can read in a log.
bool is_readable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::string_view describe(Refusal refusal) {
  switch (refusal) {
    case Refusal::malformed:
      return "a greeting that makes no sense";
    case Refusal::protocol:
      return "a version of the mesh that does not fit: use versions of ringfence that are "
             "neighbours";
    case Refusal::foreign_cluster:
      return "another cluster: compare `cluster` in both configurations";
    case Refusal::oneself:
      return "this agent itself";
    case Refusal::same_id:
      return "another agent has the same identity: a state_dir was copied; empty the copy";
    case Refusal::duplicate:
      return "the two are connected already";
    case Refusal::old_incarnation:
      return "an earlier life of an agent that has started again since";
    case Refusal::full:
      break;
  }
  return "no room for another peer";
}

std::optional<Refusal> refusal_of(std::string_view bytes) {
  if (bytes.size() != 1) return std::nullopt;
  const auto number = static_cast<unsigned char>(bytes[0]);
  if (number < static_cast<unsigned>(Refusal::malformed) ||
      number > static_cast<unsigned>(Refusal::full)) {
    return std::nullopt;
  }
  return static_cast<Refusal>(number);
}

std::string encode_hello(const Hello& hello) {
  core::ByteWriter out;
  out.raw(magic);
  out.u16(hello.oldest);
  out.u16(hello.newest);
  out.u64(hello.nonce);
  out.u64(hello.peer.id.value);
  out.u64(hello.peer.incarnation.value);
  out.text(hello.cluster);
  out.text(hello.peer.name);
  out.text(hello.peer.address);
  return out.take();
}

DecodedHello decode_hello(std::string_view bytes) {
  DecodedHello decoded;
  core::ByteReader in(bytes);
  const bool is_ours = in.raw(magic.size()) == magic;
  Hello& hello = decoded.hello;
  hello.oldest = in.u16();
  hello.newest = in.u16();
  if (!is_ours || !in.is_ok() || hello.oldest > hello.newest) {
    decoded.refusal = Refusal::malformed;
    return decoded;
  }
  // What follows is of a format that only a shared version tells.
  if (hello.newest < protocol_min || hello.oldest > protocol_max) {
    decoded.refusal = Refusal::protocol;
    return decoded;
  }
  hello.nonce = in.u64();
  hello.peer.id.value = in.u64();
  hello.peer.incarnation.value = in.u64();
  hello.cluster = in.text(cluster_bytes_max);
  hello.peer.name = in.text(name_bytes_max);
  hello.peer.address = in.text(address_bytes_max);
  // A newer agent may say more than this one understands.
  const bool ends_well = hello.newest > protocol_max ? in.is_ok() : in.is_at_end();
  const bool is_whole = ends_well && hello.peer.id.value != 0 && !hello.cluster.empty() &&
                        is_readable(hello.cluster) && is_readable(hello.peer.name) &&
                        is_readable(hello.peer.address);
  if (!is_whole) decoded.refusal = Refusal::malformed;
  return decoded;
}

std::optional<Refusal> judge_hello(const Hello& own, const Hello& theirs) {
  if (theirs.cluster != own.cluster) return Refusal::foreign_cluster;
  if (theirs.peer.id != own.peer.id) return std::nullopt;
  return theirs.nonce == own.nonce ? Refusal::oneself : Refusal::same_id;
}

std::string printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c >= 0x7f; }, '?');
  return shown;
}

}  // namespace ringfence::agent::mesh
