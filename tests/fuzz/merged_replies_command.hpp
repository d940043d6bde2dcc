// What the fuzzer of merged replies and its parts share, and the commands that a backend reads from
// the port, in all three protocols. Aborts on one that is none. One thread uses it.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "shim/binary/packet.hpp"

namespace ringfence::merged_replies {

using shim::binary::Opcode;

constexpr int key_count = 8;
constexpr std::uint32_t large_bytes = 70'000;  // beyond what a shared connection carries

inline std::string key_name(std::size_t key) {
  return {'k', static_cast<char>('0' + key)};
}

// A value says whose it is, and which write it comes from.
inline std::string value_of(std::string_view key, std::uint32_t write, std::size_t bytes) {
  std::string value(key);
  value += '#' + std::to_string(write) + ':';
  if (value.size() < bytes) value.append(bytes - value.size(), 'x');
  return value;
}

// How the case under way can be run again.
inline std::string& current_case() {
  static std::string name;
  return name;
}

[[noreturn]] inline void complain(const std::string& what) {
  std::fprintf(stderr, "merged replies: %s (%s)\n", what.c_str(), current_case().c_str());
  std::abort();
}

// The bytes of a case, one choice each; none left: 0, the plain one.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool is_empty() const noexcept { return bytes_.empty(); }
  std::uint8_t next() noexcept {
    if (bytes_.empty()) return 0;
    const auto choice = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return choice;
  }

 private:
  std::string_view bytes_;
};

// One command as it came from the port.
struct Command {
  enum class Kind : std::uint8_t { get, set, remove, meta_get, meta_set, meta_remove, binary };
  Kind kind{};
  std::vector<std::string> keys;
  std::string flags;  // meta
  std::uint32_t write = 0;
  shim::binary::Header header;
};

inline std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

class CommandReader {
 public:
  void add(std::string_view bytes) { input_ += bytes; }
  // True: a whole one was taken.
  [[nodiscard]] bool take(Command& command) {
    command = {};
    if (input_.empty()) return false;
    return static_cast<std::uint8_t>(input_[0]) == 0x80 ? take_packet(command) : take_line(command);
  }

 private:
  [[nodiscard]] bool take_packet(Command& command) {
    if (input_.size() < shim::binary::header_bytes) return false;
    command.kind = Command::Kind::binary;
    command.header = shim::binary::load_header(input_);
    const std::size_t whole = shim::binary::header_bytes + command.header.body_bytes;
    if (input_.size() < whole) return false;
    const std::size_t key_begin = shim::binary::header_bytes + command.header.extras_bytes;
    command.keys.push_back(input_.substr(key_begin, command.header.key_bytes));
    command.write = write_of(input_.substr(key_begin + command.header.key_bytes,
                                           whole - key_begin - command.header.key_bytes));
    input_.erase(0, whole);
    return true;
  }

  [[nodiscard]] bool take_line(Command& command) {
    const std::size_t end = input_.find("\r\n");
    if (end == std::string::npos) return false;
    std::vector<std::string> words = words_of(input_.substr(0, end));
    if (words.size() < 2) complain("the port sent: " + input_.substr(0, end));
    const std::string verb = words[0];
    std::size_t value_bytes = std::string::npos;
    using Kind = Command::Kind;
    if (verb == "get") {
      command.kind = Kind::get;
      command.keys.assign(words.begin() + 1, words.end());
    } else {
      command.keys.push_back(words[1]);
      command.kind = verb == "set" || verb == "add" ? Kind::set
                     : verb == "delete"             ? Kind::remove
                     : verb == "mg"                 ? Kind::meta_get
                     : verb == "ms"                 ? Kind::meta_set
                     : verb == "md"                 ? Kind::meta_remove
                                                    : Kind::binary;
      if (command.kind == Kind::binary) complain("the port sent: " + input_.substr(0, end));
      if (command.kind == Kind::set) value_bytes = number_of(words.at(4));
      if (command.kind == Kind::meta_set) value_bytes = number_of(words.at(2));
      const std::size_t flags = command.kind == Kind::meta_set ? 3 : 2;
      for (std::size_t i = flags; i < words.size(); ++i) command.flags += words[i] + " ";
    }
    std::size_t whole = end + 2;
    if (value_bytes != std::string::npos) {
      if (input_.size() < whole + value_bytes + 2) return false;
      if (input_.substr(whole + value_bytes, 2) != "\r\n") complain("a value without its end");
      command.write = write_of(input_.substr(whole, value_bytes));
      whole += value_bytes + 2;
    }
    input_.erase(0, whole);
    return true;
  }

  static std::size_t number_of(std::string_view word) {
    std::size_t number = 0;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
    if (read.ec != std::errc() || number > 1'000'000) complain("no length: " + std::string(word));
    return number;
  }
  static std::uint32_t write_of(std::string_view value) {
    const std::size_t mark = value.find('#');
    std::uint32_t write = 0;
    if (mark == std::string_view::npos) return write;
    std::from_chars(value.data() + mark + 1, value.data() + value.size(), write);
    return write;
  }

  std::string input_;
};

}  // namespace ringfence::merged_replies
