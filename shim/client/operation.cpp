#include "shim/client/operation.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "shim/text/number.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::shim::client {

namespace {

constexpr std::string_view too_large_line = "SERVER_ERROR object too large for cache";

// memcached keeps the low 32 bits of what it is told: a later time must not become an earlier one.
std::int32_t wire_exptime(std::int64_t exptime) noexcept {
  if (exptime < 0) return -1;
  return static_cast<std::int32_t>(
      std::min<std::int64_t>(exptime, std::numeric_limits<std::int32_t>::max()));
}

constexpr std::size_t error_bytes = 256;
// Small: a large one makes node's threads fail to start.
thread_local std::array<char, error_bytes> error_text{};

void keep_error(std::string_view line) noexcept {
  const std::size_t size = std::min(line.size(), error_bytes - 1);
  std::memcpy(error_text.data(), line.data(), size);
  error_text[size] = '\0';
}

Answer answered(Status status) noexcept {
  return {status, false, false, 0};
}
Answer violation() noexcept {
  return {RINGFENCE_BACKEND_LOST, true, false, 0};
}

bool is_error_line(std::string_view line) noexcept {
  return line.starts_with("ERROR") || line.starts_with("CLIENT_ERROR") ||
         line.starts_with("SERVER_ERROR");
}

Answer answer_of_number(std::string_view line) noexcept {
  if (line == "NOT_FOUND") return answered(RINGFENCE_NOT_FOUND);
  const std::size_t end = line.find_last_not_of(' ') + 1;  // some servers pad it
  const auto number =
      text::read_plain(line.substr(0, end), std::numeric_limits<std::uint64_t>::max());
  if (!number) return violation();
  return {RINGFENCE_OK, false, false, *number};
}

// Without CRLF, as lines are handed on.
constexpr std::string_view bare(std::string_view line) noexcept {
  return line.substr(0, line.size() - 2);
}

}  // namespace

std::size_t write_line(const Operation& operation, std::string_view key, char* line) noexcept {
  char* end = line;
  const auto out = [&end](std::string_view piece) {
    std::memcpy(end, piece.data(), piece.size());
    end += piece.size();
  };
  if (text::is_plain_get(operation.verb)) {  // has no numbers to write
    text::write_command(out, {operation.verb, key, {}, {}, {}, 0});
    return static_cast<std::size_t>(end - line);
  }
  const text::Digits flags(operation.flags);
  const text::Digits exptime(wire_exptime(operation.exptime));
  const text::Digits number(operation.number);
  text::CommandWords words;
  words.verb = operation.verb;
  words.wire_key = key;
  words.client_flags = flags.view();
  words.exptime = exptime.view();
  const bool has_number =
      operation.verb == Verb::cas || operation.verb == Verb::incr || operation.verb == Verb::decr;
  if (has_number) words.number = number.view();
  words.value_bytes = operation.data.size();
  text::write_command(out, words);
  return static_cast<std::size_t>(end - line);
}

Answer answer_of(Verb verb, std::string_view line) noexcept {
  if (is_error_line(line)) {
    if (line == too_large_line) return answered(RINGFENCE_TOO_LARGE);
    // It is not this request that it speaks of: the server has just taken the connection.
    if (line.starts_with("ERROR Too many open connections")) return violation();
    keep_error(line);
    const bool is_out_of_step = text::is_storage(verb) && !line.starts_with("SERVER_ERROR");
    return {RINGFENCE_REFUSED, false, is_out_of_step, 0};
  }
  if (verb == Verb::incr || verb == Verb::decr) return answer_of_number(line);
  if (text::is_storage(verb)) {
    if (line == "STORED") return answered(RINGFENCE_OK);
    if (line == "NOT_STORED") return answered(RINGFENCE_NOT_STORED);
    if (verb == Verb::cas && line == "EXISTS") return answered(RINGFENCE_EXISTS);
    if (verb == Verb::cas && line == "NOT_FOUND") return answered(RINGFENCE_NOT_FOUND);
    return violation();
  }
  const bool is_done = line == (verb == Verb::touch ? "TOUCHED" : "DELETED");
  if (is_done) return answered(RINGFENCE_OK);
  return line == "NOT_FOUND" ? answered(RINGFENCE_NOT_FOUND) : violation();
}

Answer answer_of_port(Verb verb, std::string_view line) noexcept {
  namespace port = text::port_answers;
  if (line == bare(port::no_backend)) return answered(RINGFENCE_UNOWNED);
  if (line == bare(port::no_lease)) return answered(RINGFENCE_LEASE_LAPSED);
  if (line == bare(port::no_new_view)) return answered(RINGFENCE_FENCED);
  if (line == bare(port::view_changed)) return answered(RINGFENCE_CHANGED);
  if (line == bare(port::unreachable) || line == bare(port::unknown_outcome)) {
    return answered(RINGFENCE_BACKEND_LOST);
  }
  // The port says NOT_STORED too when it could not store, or does not know whether it did: nobody
  // can tell that from a condition that does not hold.
  const bool is_failure = line == bare(port::not_stored);
  return is_failure ? answered(RINGFENCE_BACKEND_LOST) : answer_of(verb, line);
}

const char* last_error() noexcept {
  return error_text.data();
}

void forget_error() noexcept {
  error_text[0] = '\0';
}

bool make_room(ringfence_value& value, std::size_t bytes) noexcept {
  if (bytes < value.capacity) return true;
  constexpr std::size_t step = 64;  // values that differ by a little share one size
  const std::size_t capacity = (bytes / step + 1) * step;
  auto* data = static_cast<char*>(std::malloc(capacity));
  if (data == nullptr) return false;
  std::free(value.data);
  value.data = data;
  value.capacity = capacity;
  return true;
}

void set_value(ringfence_value& value, std::size_t bytes, std::uint32_t flags,
               std::uint64_t cas) noexcept {
  value.data[bytes] = '\0';
  value.bytes = bytes;
  value.flags = flags;
  value.cas = cas;
}

void clear_value(ringfence_value& value) noexcept {
  value.bytes = 0;
  value.cas = 0;
  value.flags = 0;
  if (value.data != nullptr) value.data[0] = '\0';
}

}  // namespace ringfence::shim::client
