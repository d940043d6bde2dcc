#include "shim/binary/packet.hpp"

namespace ringfence::shim::binary {

Header load_header(std::string_view bytes) noexcept {
  const char* at = bytes.data();
  Header header;
  header.magic = load_number<std::uint8_t>(at);
  header.opcode = static_cast<Opcode>(load_number<std::uint8_t>(at + 1));
  header.key_bytes = load_number<std::uint16_t>(at + 2);
  header.extras_bytes = load_number<std::uint8_t>(at + 4);
  header.data_type = load_number<std::uint8_t>(at + 5);
  header.status = static_cast<Status>(load_number<std::uint16_t>(at + 6));
  header.body_bytes = load_number<std::uint32_t>(at + 8);
  header.opaque = load_number<std::uint32_t>(at + 12);
  header.cas = load_number<std::uint64_t>(at + 16);
  return header;
}

void store_header(char* bytes, const Header& header) noexcept {
  store_number(bytes, header.magic);
  store_number(bytes + 1, static_cast<std::uint8_t>(header.opcode));
  store_number(bytes + 2, header.key_bytes);
  store_number(bytes + 4, header.extras_bytes);
  store_number(bytes + 5, header.data_type);
  store_number(bytes + 6, static_cast<std::uint16_t>(header.status));
  store_number(bytes + 8, header.body_bytes);
  store_number(bytes + 12, header.opaque);
  store_number(bytes + 16, header.cas);
}

std::string_view text_of(Status status) noexcept {
  switch (status) {
    case Status::success:
    case Status::auth_continue:
      return {};
    case Status::not_found:
      return "Not found";
    case Status::exists:
      return "Data exists for key.";
    case Status::too_large:
      return "Too large.";
    case Status::invalid_arguments:
      return "Invalid arguments";
    case Status::not_stored:
      return "Not stored.";
    case Status::not_a_number:
      return "Non-numeric server-side value for incr or decr";
    case Status::auth_error:
      return "Auth failure.";
    case Status::unknown_command:
      return "Unknown command";
    case Status::out_of_memory:
      return "Out of memory";
  }
  return {};
}

Opcode loud_form(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::getq:
      return Opcode::get;
    case Opcode::getkq:
      return Opcode::getk;
    case Opcode::gatq:
      return Opcode::gat;
    case Opcode::gatkq:
      return Opcode::gatk;
    case Opcode::setq:
      return Opcode::set;
    case Opcode::addq:
      return Opcode::add;
    case Opcode::replaceq:
      return Opcode::replace;
    case Opcode::appendq:
      return Opcode::append;
    case Opcode::prependq:
      return Opcode::prepend;
    case Opcode::deleteq:
      return Opcode::delete_key;
    case Opcode::incrq:
      return Opcode::incr;
    case Opcode::decrq:
      return Opcode::decr;
    case Opcode::quitq:
      return Opcode::quit;
    case Opcode::flushq:
      return Opcode::flush;
    default:
      return opcode;
  }
}

Opcode backend_form(Opcode opcode) noexcept {
  const Opcode loud = loud_form(opcode);
  if (loud == Opcode::getk) return Opcode::get;
  return loud == Opcode::gatk ? Opcode::gat : loud;
}

bool returns_key(Opcode opcode) noexcept {
  return backend_form(opcode) != loud_form(opcode);
}

bool is_storage(Opcode opcode) noexcept {
  switch (loud_form(opcode)) {
    case Opcode::set:
    case Opcode::add:
    case Opcode::replace:
    case Opcode::append:
    case Opcode::prepend:
      return true;
    default:
      return false;
  }
}

bool is_hidden(Opcode opcode, Status status) noexcept {
  return is_quiet(opcode) && status == (is_retrieval(opcode) ? Status::not_found : Status::success);
}

}  // namespace ringfence::shim::binary
