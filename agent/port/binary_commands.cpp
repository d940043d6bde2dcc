#include "agent/port/binary_commands.hpp"

#include <algorithm>

#include "agent/port/binary_form.hpp"
#include "agent/port/binary_stats.hpp"
#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "shim/binary/answer.hpp"
#include "shim/binary/policy.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {
namespace {

using shim::binary::Opcode;
using shim::binary::ParseResult;
using shim::binary::ParseStatus;
using shim::binary::Status;
using Parsed = shim::binary::Request;

constexpr std::string_view delayed_flush = "delayed flush is not supported";

void answer(Client& client, const Parsed& parsed, Status status) {
  ReplyText text;
  shim::binary::add_answer(text, parsed.header.opcode, parsed.header.opaque, status);
  if (!text.view().empty()) client.answer_locally(text.view());
}

void answer(Client& client, const Parsed& parsed, Status status, std::string_view words) {
  ReplyText text;
  shim::binary::add_answer(text, parsed.header.opcode, parsed.header.opaque, status, words);
  client.answer_locally(text.view());
}

void answer_line(Client& client, const Parsed& parsed, Status status, std::string_view line) {
  ReplyText text;
  shim::binary::add_line_answer(text, parsed.header.opcode, parsed.header.opaque, status, line);
  client.answer_locally(text.view());
}

Request& request_of(Client& client, const Parsed& parsed, Verb verb) {
  Request& request = client.make_request(verb, binary_form());
  request.wire = Wire::binary;
  request.bytes = client.input_chunk();
  request.key = parsed.key;
  request.client_flags = parsed.extras;
  request.binary = {parsed.header.opcode, parsed.header.opaque, parsed.header.cas};
  return request;
}

}  // namespace

Take BinaryCommands::next(Client& client) {
  if (swallow_bytes_ > 0) {
    const std::size_t part = std::min(swallow_bytes_, client.input().size());
    swallow_bytes_ -= part;
    client.consume(part);
    return swallow_bytes_ > 0 ? Take::need_more : Take::taken;
  }
  Parsed parsed;
  const ParseResult result = shim::binary::parse_request(client.input(), parsed);
  switch (result.status) {
    case ParseStatus::need_more:
      wanted_bytes_ = 0;
      return Take::need_more;
    case ParseStatus::request:
      return take_parsed(client, parsed, result.consumed_bytes);
    case ParseStatus::refused:
      answer(client, parsed, result.error);
      client.consume(result.consumed_bytes);
      swallow_bytes_ = result.swallow_bytes;
      return Take::taken;
    case ParseStatus::fatal:
      if (result.error != Status::success) answer(client, parsed, result.error);
      client.close_after_answers();
      return Take::need_more;
  }
  return Take::need_more;
}

Take BinaryCommands::take_parsed(Client& client, const Parsed& parsed, std::size_t front_bytes) {
  switch (shim::binary::loud_form(parsed.header.opcode)) {
    case Opcode::flush:
      return take_flush(client, parsed, front_bytes);
    case Opcode::quit:
      answer(client, parsed, Status::success);
      client.close_after_answers();
      return Take::need_more;
    case Opcode::noop:
      answer(client, parsed, Status::success);
      break;
    case Opcode::version:
      answer(client, parsed, Status::success, client.thread().version());
      break;
    case Opcode::stat:
      client.answer_locally(stats_packets(client.thread(), parsed));
      break;
    default:
      return take_keyed(client, parsed, front_bytes);
  }
  client.consume(front_bytes);
  return Take::taken;
}

Take BinaryCommands::take_keyed(Client& client, const Parsed& parsed, std::size_t front_bytes) {
  if (is_reserved(client, parsed.key)) {
    answer_line(client, parsed, Status::invalid_arguments, reserved_key);
    client.consume(front_bytes);
    swallow_bytes_ = parsed.value_bytes;
    return Take::taken;
  }
  if (shim::binary::is_storage(parsed.header.opcode)) {
    return take_storage(client, parsed, front_bytes);
  }
  Request& request = request_of(client, parsed, shim::binary::policy_of(parsed.header));
  client.consume(front_bytes);
  client.submit(request);
  return Take::taken;
}

Take BinaryCommands::take_storage(Client& client, const Parsed& parsed, std::size_t front_bytes) {
  const std::size_t whole_bytes = front_bytes + parsed.value_bytes;
  const bool is_whole = client.input().size() >= whole_bytes;
  const bool is_upload = !is_whole && is_streamed(client, parsed.value_bytes);
  if (!is_whole && !is_upload) {
    wanted_bytes_ = whole_bytes;
    return Take::need_more;
  }
  // An upload is a barrier: earlier requests of this client are answered first, later ones are read
  // afterwards, so that the value may travel on a connection of its own.
  if (is_upload && !client.is_idle()) return Take::blocked;
  Request& request = request_of(client, parsed, shim::binary::policy_of(parsed.header));
  if (is_upload) {
    request.is_upload = true;
    client.consume(front_bytes);
    client.thread().uploads().begin(client, request, parsed.value_bytes);
    return Take::taken;
  }
  request.value = client.input().substr(front_bytes, parsed.value_bytes);
  client.consume(whole_bytes);
  client.submit(request);
  return Take::taken;
}

Take BinaryCommands::take_flush(Client& client, const Parsed& parsed, std::size_t front_bytes) {
  const bool is_delayed = parsed.extras.find_first_not_of('\0') != std::string_view::npos;
  if (!client.thread().settings().allows_flush_all) {
    answer(client, parsed, Status::auth_error);
  } else if (is_delayed) {
    answer(client, parsed, Status::invalid_arguments, delayed_flush);
  } else {
    if (!client.is_idle()) return Take::blocked;  // what was sent before it must not outlive it
    Request& request = request_of(client, parsed, Verb::flush_all);
    client.queue(request);
    client.consume(front_bytes);
    client.thread().flushes().begin(request);
    return Take::taken;
  }
  client.consume(front_bytes);
  return Take::taken;
}

}  // namespace ringfence::agent::port
