// Random streams of commands in the binary protocol. A seed means the same stream everywhere. One
// thread uses it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/live/support/binary_side.hpp"

namespace ringfence::live {

class BinaryStream {
 public:
  explicit BinaryStream(std::uint32_t seed) : random_(seed) {}

  [[nodiscard]] std::string make(int command_count = 400) {
    std::string stream;
    for (int i = 0; i < command_count; ++i) stream += command();
    return stream;
  }
  [[nodiscard]] std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  template <typename T>
  [[nodiscard]] T pick(const std::vector<T>& list) {
    return list[below(list.size())];
  }
  [[nodiscard]] std::string key() {
    if (below(40) == 0) return std::string(200 + below(51), 'k');
    if (below(10) == 0) return pick<std::string>({"a b", "\r\n", std::string(1, '\0'), "\x80\x81"});
    return "key" + std::to_string(below(12));
  }
  // A number, or what is none from its first byte on: memcached reads past the end of a blank.
  [[nodiscard]] std::string value() {
    if (below(3) == 0) return std::to_string(below(1000));  // for incr
    const bool is_large = below(10) == 0;
    std::string bytes(is_large ? below(70'000) : below(60), 'x');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    if (!bytes.empty()) bytes.front() = '\xff';
    return bytes;
  }
  [[nodiscard]] std::uint64_t cas() { return below(8) == 0 ? 999'999'999 : 0; }
  [[nodiscard]] std::uint32_t exptime() { return pick<std::uint32_t>({0, 0, 100, past}); }

  // One draw a statement: which comes first within one is the compiler's affair, and a seed should
  // mean the same stream everywhere.
  [[nodiscard]] std::string stored() {
    const auto opcode =
        pick<Opcode>({Opcode::set, Opcode::setq, Opcode::set, Opcode::setq, Opcode::add,
                      Opcode::addq, Opcode::replace, Opcode::replaceq});
    const std::string where = key();
    const std::string bytes = value();
    const std::uint64_t unique = cas();
    const auto flags = static_cast<std::uint32_t>(random_());
    return store(opcode, where, bytes, unique, flags, exptime());
  }
  [[nodiscard]] std::string extended() {
    const auto opcode =
        pick<Opcode>({Opcode::append, Opcode::appendq, Opcode::prepend, Opcode::prependq});
    const std::string where = key();
    const std::string bytes = value();
    return plain(opcode, where, bytes, cas());
  }
  [[nodiscard]] std::string read() {
    const std::string where = key();
    if (below(3) == 0) {
      const auto opcode = pick<Opcode>(
          {Opcode::gat, Opcode::gatq, Opcode::gatk, Opcode::gatkq, Opcode::touch, Opcode::touch});
      return timed(opcode, where, exptime());
    }
    return plain(pick<Opcode>({Opcode::get, Opcode::getq, Opcode::getk, Opcode::getkq}), where);
  }
  // Never a shorter number: whether memcached pads it then hangs on whether a pipelined get's
  // answer still holds the item.
  [[nodiscard]] std::string counted() {
    const auto opcode = pick<Opcode>({Opcode::incr, Opcode::incrq});
    const std::string where = key();
    const auto delta = pick<std::uint64_t>({0, 1, 7, 1'000'000});
    const std::uint64_t initial = below(1000);
    const auto when = pick<std::uint32_t>({never_create, never_create, 0, 100, past});
    return count(opcode, where, delta, initial, when, cas());
  }
  [[nodiscard]] std::string removed() {
    const auto opcode = pick<Opcode>({Opcode::delete_key, Opcode::deleteq});
    const std::string where = key();
    return plain(opcode, where, "", cas());
  }
  // The body of an unknown command is read past from behind its key and extras: twice, in part.
  [[nodiscard]] std::string other() {
    switch (below(6)) {
      case 0:
        return plain(Opcode::noop);
      case 1:
        return plain(Opcode::version);
      case 2:
        return plain(Opcode::sasl_list);
      case 3:
        return plain(Opcode::sasl_auth, "PLAIN", value());
      case 4:
        return plain(Opcode{static_cast<std::uint8_t>(0x25 + below(200))}, "", value());
      default:
        return plain(Opcode{0x70}, "abc", "12") + "end";
    }
  }
  [[nodiscard]] std::string command() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return stored();
      case 3:
        return extended();
      case 4:
      case 5:
        return counted();
      case 6:
        return removed();
      case 7:
        return other();
      default:
        return read();
    }
  }

  static constexpr std::uint32_t past = 2'592'001;  // a second beyond 30 days: a date, of 1970

  std::mt19937 random_;
};

}  // namespace ringfence::live
