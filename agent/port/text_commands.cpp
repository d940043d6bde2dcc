#include "agent/port/text_commands.hpp"

#include <algorithm>
#include <array>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/meta_commands.hpp"
#include "agent/port/stats_text.hpp"
#include "agent/port/text_form.hpp"
#include "shim/meta/request.hpp"
#include "shim/text/line.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {
namespace {

using shim::text::ParseResult;
using shim::text::ParseStatus;

constexpr std::size_t kept_key_count = 64 * kib;  // above it the parsed key list is given back

void answer(Client& client, const shim::text::Request& parsed, std::string_view text) {
  if (!parsed.is_noreply) client.answer_locally(text);
}

bool has_reserved_key(Client& client, const shim::text::Request& parsed) {
  return std::any_of(parsed.keys.begin(), parsed.keys.end(),
                     [&](std::string_view key) { return is_reserved(client, key); });
}

Request& request_of(Client& client, const shim::text::Request& parsed) {
  Request& request = client.make_request(parsed.verb, text_form());
  request.bytes = client.input_chunk();
  request.key = parsed.keys.front();
  request.client_flags = parsed.client_flags;
  request.exptime = parsed.exptime;
  request.number = parsed.verb == Verb::cas ? parsed.cas_unique : parsed.delta;
  request.is_noreply = parsed.is_noreply;
  return request;
}

}  // namespace

Take TextCommands::next(Client& client) {
  if (swallow_bytes_ > 0) {
    const std::size_t part = std::min(swallow_bytes_, client.input().size());
    swallow_bytes_ -= part;
    client.consume(part);
    return swallow_bytes_ > 0 ? Take::need_more : Take::taken;
  }
  if (!rest_.keys.empty()) return take_keys(client);
  const std::string_view input = client.input();
  if (input.empty()) return Take::need_more;
  if (shim::meta::begins_request(input)) {
    const MetaTake taken = take_meta_command(client);
    swallow_bytes_ = taken.swallow_bytes;
    wanted_bytes_ = taken.wanted_bytes;
    return taken.take;
  }
  const ParseResult result = shim::text::parse_request(input, client.thread().parsed());
  switch (result.status) {
    case ParseStatus::need_more:
      wanted_bytes_ = 0;
      return Take::need_more;
    case ParseStatus::request:
      return take_parsed(client, result.consumed_bytes);
    case ParseStatus::refused:
      if (!result.error_line.empty()) client.answer_locally(result.error_line);
      client.consume(result.consumed_bytes);
      swallow_bytes_ = result.swallow_bytes;
      return Take::taken;
    case ParseStatus::fatal:
      if (!result.error_line.empty()) client.answer_locally(result.error_line);
      client.close_after_answers();
      return Take::need_more;
  }
  return Take::need_more;
}

Take TextCommands::take_parsed(Client& client, std::size_t line_bytes) {
  const shim::text::Request& parsed = client.thread().parsed();
  if (is_retrieval(parsed.verb)) {
    if (has_reserved_key(client, parsed)) {
      client.answer_locally(reserved_key);
      client.consume(line_bytes);
      return Take::taken;
    }
    const char* begin = parsed.keys.front().data();
    const char* end = parsed.keys.back().data() + parsed.keys.back().size();
    rest_ = {client.input_chunk(),
             {begin, static_cast<std::size_t>(end - begin)},
             parsed.exptime,
             parsed.verb};
    if (parsed.keys.capacity() > kept_key_count) client.thread().parsed().keys = {};
    client.consume(line_bytes);
    return take_keys(client);
  }
  if (is_storage(parsed.verb)) return take_storage(client, line_bytes);
  if (!has_one_key(parsed.verb)) return take_without_key(client, line_bytes);
  if (has_reserved_key(client, parsed)) {
    answer(client, parsed, reserved_key);
    client.consume(line_bytes);
    return Take::taken;
  }
  Request& request = request_of(client, parsed);
  client.consume(line_bytes);
  client.submit(request);
  return Take::taken;
}

Take TextCommands::take_keys(Client& client) {
  shim::text::Words words(rest_.keys);
  while (!rest_.keys.empty() && client.may_take()) {
    std::array<Request*, route_batch_keys> batch;  // NOLINT(*-member-init): filled as far as used
    std::size_t count = 0;
    const std::size_t room = std::min(batch.size(), client.request_room());
    while (!rest_.keys.empty() && count < room) {
      Request& request = client.make_request(rest_.verb, text_form());
      request.bytes = rest_.bytes;
      request.key = words.next();
      request.exptime = rest_.exptime;
      rest_.keys = words.rest();
      request.ends_reply = rest_.keys.empty();
      batch[count++] = &request;
    }
    client.submit({batch.data(), count});
  }
  if (!rest_.keys.empty()) return Take::blocked;
  rest_.bytes.reset();
  return Take::taken;
}

Take TextCommands::take_storage(Client& client, std::size_t line_bytes) {
  const shim::text::Request& parsed = client.thread().parsed();
  const std::size_t value_bytes = std::size_t{parsed.value_bytes} + 2;
  const std::size_t whole_bytes = line_bytes + value_bytes;
  if (has_reserved_key(client, parsed)) {
    answer(client, parsed, reserved_key);
    client.consume(line_bytes);
    swallow_bytes_ = value_bytes;
    return Take::taken;
  }
  const std::string_view input = client.input();
  if (input.size() < whole_bytes) {
    if (is_streamed(client, parsed.value_bytes)) return begin_upload(client, line_bytes);
    wanted_bytes_ = whole_bytes;
    return Take::need_more;
  }
  const std::string_view value = input.substr(line_bytes, value_bytes);
  if (!value.ends_with("\r\n")) {
    answer(client, parsed, bad_data_chunk);
    client.consume(whole_bytes);
    return Take::taken;
  }
  Request& request = request_of(client, parsed);
  request.value = value;
  client.consume(whole_bytes);
  client.submit(request);
  return Take::taken;
}

// A barrier: earlier requests of this client are answered first, later ones are read afterwards, so
// that the value may travel on a connection of its own.
Take TextCommands::begin_upload(Client& client, std::size_t line_bytes) {
  if (!client.is_idle()) return Take::blocked;
  const shim::text::Request& parsed = client.thread().parsed();
  const std::uint32_t value_bytes = parsed.value_bytes;
  Request& request = request_of(client, parsed);
  request.is_upload = true;
  client.consume(line_bytes);
  client.thread().uploads().begin(client, request, std::size_t{value_bytes} + 2);
  return Take::taken;
}

Take TextCommands::take_flush_all(Client& client, std::size_t line_bytes) {
  const shim::text::Request& parsed = client.thread().parsed();
  const std::string_view delay = parsed.arguments;
  const bool is_delayed = !delay.empty() && delay.front() != '-' &&
                          delay.find_first_not_of("+0") != std::string_view::npos;
  if (!client.thread().settings().allows_flush_all) {
    answer(client, parsed, "CLIENT_ERROR flush_all not allowed\r\n");
  } else if (is_delayed) {
    answer(client, parsed, "CLIENT_ERROR delayed flush is not supported\r\n");
  } else {
    if (!client.is_idle()) return Take::blocked;  // what was sent before it must not outlive it
    Request& request = client.make_request(Verb::flush_all, text_form());
    request.is_noreply = parsed.is_noreply;
    client.queue(request);
    client.consume(line_bytes);
    client.thread().flushes().begin(request);
    return Take::taken;
  }
  client.consume(line_bytes);
  return Take::taken;
}

Take TextCommands::take_without_key(Client& client, std::size_t line_bytes) {
  const shim::text::Request& parsed = client.thread().parsed();
  switch (parsed.verb) {
    case Verb::flush_all:
      return take_flush_all(client, line_bytes);
    case Verb::quit:
      client.close_after_answers();
      return Take::need_more;
    case Verb::verbosity:
      answer(client, parsed, "OK\r\n");
      break;
    case Verb::stats:
      client.answer_locally(stats_text(client.thread(), parsed.arguments));
      break;
    default:
      client.answer_locally("VERSION " + client.thread().version() + "\r\n");
      break;
  }
  client.consume(line_bytes);
  return Take::taken;
}

}  // namespace ringfence::agent::port
