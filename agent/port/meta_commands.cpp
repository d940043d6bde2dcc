#include "agent/port/meta_commands.hpp"

#include <cstring>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/meta_form.hpp"
#include "shim/meta/policy.hpp"

namespace ringfence::agent::port {
namespace {

namespace meta = shim::meta;
using shim::text::ParseResult;
using shim::text::ParseStatus;

// A decoded key takes the place of its encoded form in the client's input, which holds it as long
// as the request lives.
std::string_view kept_key(Client& client, const meta::Request& parsed) noexcept {
  if (!parsed.command.is_base64) return parsed.command.key;
  char* input = client.input_chunk()->data();
  char* place = input + (parsed.key_word.data() - input);
  std::memcpy(place, parsed.command.key.data(), parsed.command.key.size());
  return {place, parsed.command.key.size()};
}

Request& request_of(Client& client, const meta::Request& parsed) {
  Request& request = client.make_request(meta::policy_of(parsed), meta_form(parsed.command.verb));
  request.bytes = client.input_chunk();
  request.key = kept_key(client, parsed);
  request.client_flags = parsed.command.flags;
  request.is_meta = true;
  request.is_base64 = parsed.command.is_base64;
  request.is_quiet = parsed.command.is_quiet;
  return request;
}

MetaTake answer(Client& client, std::size_t line_bytes, std::string_view text,
                std::size_t swallow_bytes = 0) {
  client.answer_locally(text);
  client.consume(line_bytes);
  return {Take::taken, swallow_bytes, 0};
}

// A barrier: earlier requests of this client are answered first, later ones are read afterwards, so
// that the value may travel on a connection of its own.
MetaTake begin_upload(Client& client, const meta::Request& parsed, std::size_t line_bytes) {
  if (!client.is_idle()) return {Take::blocked};
  Request& request = request_of(client, parsed);
  request.is_upload = true;
  client.consume(line_bytes);
  client.thread().uploads().begin(client, request, std::size_t{parsed.value_bytes} + 2);
  return {};
}

MetaTake take_set(Client& client, const meta::Request& parsed, std::size_t line_bytes) {
  const std::size_t value_bytes = std::size_t{parsed.value_bytes} + 2;
  const std::size_t whole_bytes = line_bytes + value_bytes;
  const std::string_view input = client.input();
  if (input.size() < whole_bytes) {
    if (is_streamed(client, parsed.value_bytes)) return begin_upload(client, parsed, line_bytes);
    return {Take::need_more, 0, whole_bytes};
  }
  const std::string_view value = input.substr(line_bytes, value_bytes);
  if (!value.ends_with("\r\n")) return answer(client, whole_bytes, bad_data_chunk);
  Request& request = request_of(client, parsed);
  request.value = value;
  client.consume(whole_bytes);
  client.submit(request);
  return {};
}

MetaTake take_parsed(Client& client, const meta::Request& parsed, std::size_t line_bytes) {
  const meta::Verb verb = parsed.command.verb;
  if (verb == meta::Verb::noop) return answer(client, line_bytes, "MN\r\n");
  const bool is_set = verb == meta::Verb::set;
  if (is_reserved(client, parsed.command.key)) {
    const std::size_t value_bytes = is_set ? std::size_t{parsed.value_bytes} + 2 : 0;
    return answer(client, line_bytes, reserved_key, value_bytes);
  }
  if (is_set) return take_set(client, parsed, line_bytes);
  Request& request = request_of(client, parsed);
  client.consume(line_bytes);
  client.submit(request);
  return {};
}

}  // namespace

MetaTake take_meta_command(Client& client) {
  meta::Request parsed;
  const ParseResult result = meta::parse_request(client.input(), parsed);
  switch (result.status) {
    case ParseStatus::need_more:
      break;
    case ParseStatus::request:
      return take_parsed(client, parsed, result.consumed_bytes);
    case ParseStatus::refused:
      return answer(client, result.consumed_bytes, result.error_line, result.swallow_bytes);
    case ParseStatus::fatal:
      client.close_after_answers();
      break;
  }
  return {Take::need_more};
}

}  // namespace ringfence::agent::port
