// Reads one command's front. It owns which lengths a command may have, and what becomes of one that
// is refused; it never touches a value. Pure; any thread.
#include "shim/binary/request.hpp"

#include <limits>

#include "shim/text/limits.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::binary {

namespace {

ParseResult understood() noexcept {
  return {ParseStatus::request, 0, 0, Status::success};
}
ParseResult close_after(Status error) noexcept {
  return {ParseStatus::fatal, 0, 0, error};
}
// memcached counts what it swallows in an int: what is negative there swallows nothing.
ParseResult refuse(Status error, std::uint32_t swallow_bytes) noexcept {
  constexpr std::uint32_t int_max = std::numeric_limits<std::int32_t>::max();
  return {ParseStatus::refused, 0, swallow_bytes <= int_max ? swallow_bytes : 0, error};
}
ParseResult accept_if(bool is_well_formed) noexcept {
  return is_well_formed ? understood() : close_after(Status::invalid_arguments);
}

ParseResult check_storage(Request& request, std::uint8_t extras_bytes) noexcept {
  const Header& header = request.header;
  if (header.key_bytes == 0 || header.extras_bytes != extras_bytes) return accept_if(false);
  const std::uint32_t value_bytes =
      header.body_bytes - header.key_bytes - std::uint32_t{header.extras_bytes};
  if (value_bytes > text::value_bytes_max) return refuse(Status::too_large, value_bytes);
  request.value_bytes = value_bytes;
  return understood();
}

// There is no SASL here, as in a memcached that was started without it.
ParseResult check_sasl(const Header& header) noexcept {
  const bool is_list = header.opcode == Opcode::sasl_list;
  const bool is_well_formed =
      header.extras_bytes == 0 && (is_list ? header.body_bytes == 0 : header.key_bytes != 0);
  if (!is_well_formed) return accept_if(false);
  return refuse(Status::unknown_command, header.body_bytes - header.key_bytes);
}

ParseResult check_lengths(Request& request) noexcept {
  const Header& header = request.header;
  const bool has_key = header.key_bytes != 0;
  const bool has_value = header.body_bytes != std::uint32_t{header.key_bytes} + header.extras_bytes;
  switch (loud_form(header.opcode)) {
    case Opcode::version:
    case Opcode::noop:
    case Opcode::quit:
      return accept_if(header.body_bytes == 0);
    case Opcode::flush:
      return accept_if(!has_key && !has_value &&
                       (header.extras_bytes == 0 || header.extras_bytes == 4));
    case Opcode::set:
    case Opcode::add:
    case Opcode::replace:
      return check_storage(request, 8);
    case Opcode::append:
    case Opcode::prepend:
      return check_storage(request, 0);
    case Opcode::get:
    case Opcode::getk:
    case Opcode::delete_key:
      return accept_if(has_key && !has_value && header.extras_bytes == 0);
    case Opcode::incr:
    case Opcode::decr:
      return accept_if(has_key && !has_value && header.extras_bytes == 20);
    case Opcode::touch:
    case Opcode::gat:
    case Opcode::gatk:
      return accept_if(has_key && header.extras_bytes == 4);
    case Opcode::stat:
      return accept_if(header.extras_bytes == 0);
    case Opcode::sasl_list:
    case Opcode::sasl_auth:
    case Opcode::sasl_step:
      return check_sasl(header);
    default:
      return refuse(Status::unknown_command, header.body_bytes);
  }
}

ParseResult parse_front(Request& request) noexcept {
  const Header& header = request.header;
  if (header.body_bytes < std::uint32_t{header.key_bytes} + header.extras_bytes) {
    return close_after(Status::unknown_command);
  }
  if (header.key_bytes > key_bytes_max) return close_after(Status::invalid_arguments);
  return check_lengths(request);
}

}  // namespace

ParseResult parse_request(std::string_view bytes, Request& request) noexcept {
  request = {};
  if (bytes.size() < header_bytes) return {};
  request.header = load_header(bytes);
  const Header& header = request.header;
  const std::size_t front_bytes = header_bytes + header.extras_bytes + header.key_bytes;
  if (header.magic != request_magic || front_bytes > front_bytes_max) {
    return close_after(Status::success);
  }
  if (bytes.size() < front_bytes) return {};
  request.extras = bytes.substr(header_bytes, header.extras_bytes);
  request.key = bytes.substr(header_bytes + header.extras_bytes, header.key_bytes);
  ParseResult result = parse_front(request);
  result.consumed_bytes = front_bytes;
  return result;
}

}  // namespace ringfence::shim::binary
