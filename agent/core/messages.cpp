#include "agent/core/messages.hpp"

#include "agent/core/bytes.hpp"
#include "agent/core/entry.hpp"

namespace ringfence::agent::core {
namespace {

void write(ByteWriter& out, const LeaseRequest& request) {
  out.u64(request.incarnation.value);
  out.u64(request.epoch.value);
  out.u64(request.fence.value);
  out.u64(request.nonce);
}
void write(ByteWriter& out, const LeaseReply& reply) {
  out.u64(reply.incarnation.value);
  out.u64(reply.epoch.value);
  out.u64(reply.fence.value);
  out.u64(reply.nonce);
  out.i64(reply.length.ns);
  out.u64(reply.applied.value);
}
void write(ByteWriter& out, const FenceAck& ack) {
  out.u64(ack.incarnation.value);
  out.u64(ack.index.value);
  out.u64(ack.digest);
}
void write(ByteWriter& out, const BackendTold& told) {
  out.text(told.pool);
  out.text(told.address);
  out.u8(static_cast<std::uint8_t>(told.seen));
  out.boolean(told.holds_items);
  out.boolean(told.claim_is_ours);
  out.text(cut_text(told.claimed_by));
  out.text(cut_text(told.why));
}

Message read_request(ByteReader& in) {
  LeaseRequest request;
  request.incarnation = Incarnation{in.u64()};
  request.epoch = Epoch{in.u64()};
  request.fence = LogIndex{in.u64()};
  request.nonce = in.u64();
  return request;
}
Message read_reply(ByteReader& in) {
  LeaseReply reply;
  reply.incarnation = Incarnation{in.u64()};
  reply.epoch = Epoch{in.u64()};
  reply.fence = LogIndex{in.u64()};
  reply.nonce = in.u64();
  reply.length = Duration{in.i64()};
  reply.applied = LogIndex{in.u64()};
  return reply;
}
Message read_ack(ByteReader& in) {
  FenceAck ack;
  ack.incarnation = Incarnation{in.u64()};
  ack.index = LogIndex{in.u64()};
  ack.digest = in.u64();
  return ack;
}
Message read_told(ByteReader& in) {
  BackendTold told;
  told.pool = in.text(pool_name_bytes_max);
  told.address = in.text(address_bytes_max);
  told.seen = static_cast<BackendSeen>(in.u8_at_most(2));
  told.holds_items = in.boolean();
  told.claim_is_ours = in.boolean();
  told.claimed_by = in.text(text_bytes_max);
  told.why = in.text(text_bytes_max);
  return told;
}

}  // namespace

std::string encode(const Message& message) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(message.index() + 1));
  std::visit([&out](const auto& some) { write(out, some); }, message);
  return out.take();
}

std::optional<Message> decode_message(std::string_view bytes) {
  ByteReader in(bytes);
  Message message;
  switch (in.u8()) {
    case 1:
      message = read_request(in);
      break;
    case 2:
      message = read_reply(in);
      break;
    case 3:
      message = read_ack(in);
      break;
    case 4:
      message = read_told(in);
      break;
    default:
      return std::nullopt;
  }
  if (!in.is_at_end()) return std::nullopt;
  return message;
}

}  // namespace ringfence::agent::core
