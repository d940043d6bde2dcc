#include "tests/live/support/binary_side.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "tests/unit/binary_support.hpp"

namespace ringfence::live {
namespace {

using shim::binary::big_endian;
using shim::binary::header_bytes;

constexpr std::uint32_t last_opaque = 0xfeedbeef;

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  }
  return text;
}

}  // namespace

std::string bytes_of(const BinaryCommand& command) {
  shim::binary::Packet packet;
  packet.opcode = static_cast<unsigned>(command.opcode);
  packet.extras = command.extras;
  packet.key = command.key;
  packet.value = command.value;
  packet.cas = command.cas;
  packet.opaque = static_cast<std::uint32_t>(packet.opcode << 16 | command.key.size() << 8 |
                                             (command.key.empty() ? 0U : command.key.back() & 127));
  return packet.bytes();
}

std::string store(Opcode opcode, const std::string& key, const std::string& value,
                  std::uint64_t cas, std::uint32_t flags, std::uint32_t exptime) {
  return bytes_of({opcode, key, value, big_endian(flags, 4) + big_endian(exptime, 4), cas});
}

std::string plain(Opcode opcode, const std::string& key, const std::string& value,
                  std::uint64_t cas) {
  return bytes_of({opcode, key, value, {}, cas});
}

std::string count(Opcode opcode, const std::string& key, std::uint64_t delta, std::uint64_t initial,
                  std::uint32_t exptime, std::uint64_t cas) {
  const std::string extras = big_endian(delta, 8) + big_endian(initial, 8) + big_endian(exptime, 4);
  return bytes_of({opcode, key, {}, extras, cas});
}

std::string timed(Opcode opcode, const std::string& key, std::uint32_t exptime) {
  return bytes_of({opcode, key, {}, big_endian(exptime, 4), 0});
}

BinarySide::Packet BinarySide::read() {
  Packet packet;
  packet.header = shim::binary::load_header(client_.read_bytes(header_bytes));
  if (packet.header.magic != shim::binary::reply_magic) {
    throw std::runtime_error(fmt::format("an answer begins with {:#x}", packet.header.magic));
  }
  packet.body = client_.read_bytes(packet.header.body_bytes);
  return packet;
}

std::string BinarySide::shown(const Packet& packet) {
  const shim::binary::Header& header = packet.header;
  const std::string_view body = packet.body;
  const std::string_view extras = body.substr(0, header.extras_bytes);
  const std::string_view key = body.substr(extras.size(), header.key_bytes);
  const std::string_view value = body.substr(extras.size() + key.size());
  std::string text = fmt::format("{:02x} {:x} opaque {:x}", static_cast<unsigned>(header.opcode),
                                 static_cast<unsigned>(header.status), header.opaque);
  if (header.data_type != 0) text += " type";
  if (header.cas != 0) text += " #";
  if (!key.empty()) text += " key " + std::string(key);
  if (!extras.empty()) text += " " + hexadecimal(extras);
  if (!value.empty()) text += " =" + std::string(value);
  return text + "\n";
}

std::string BinarySide::read_packet() {
  return shown(read());
}

std::string BinarySide::finish() {
  shim::binary::Packet noop;
  noop.opcode = static_cast<unsigned>(Opcode::noop);
  noop.opaque = last_opaque;
  client_.send(noop.bytes());
  std::string answers;
  while (true) {
    const Packet packet = read();
    if (packet.header.opcode == Opcode::noop && packet.header.opaque == last_opaque) return answers;
    answers += shown(packet);
  }
}

std::string BinarySide::answer(std::string_view bytes) {
  send(bytes);
  return finish();
}

std::string BinarySide::last_answer(std::string_view bytes) {
  send(bytes);
  std::string answers;
  while (!client_.is_ended()) answers += read_packet();
  return answers;
}

std::uint64_t BinarySide::cas_of(const std::string& key) {
  send(plain(Opcode::get, key));
  return read().header.cas;
}

}  // namespace ringfence::live
