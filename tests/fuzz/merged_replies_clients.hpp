// Clients that send pipelined commands and read the answers to them: each answer well-formed, in
// its turn, and no more than the backends said. Abort on anything else. One thread uses them.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/merged_replies_backend.hpp"

namespace ringfence::merged_replies {

// One command, until it is answered.
struct Asked {
  enum class Kind : std::uint8_t {
    get,
    set,
    remove,
    meta_get,
    meta_look,  // without the value
    meta_set,
    meta_remove,
    meta_noop,
    binary,
  };
  Kind kind{};
  std::vector<std::string> keys;
  std::size_t next_key = 0;  // of those whose values have not come
  std::uint32_t write = 0;
  Opcode opcode{};  // binary
  std::uint32_t opaque = 0;
};

class Client {
 public:
  Client(Choices& choices, std::uint32_t& next_write) {
    is_binary_ = choices.next() % 4 == 3;
    const int count = 1 + choices.next() % 12;
    for (int i = 0; i < count; ++i) {
      if (is_binary_) {
        add_packet(choices, next_write);
      } else {
        add_line(choices, next_write);
      }
    }
    if (is_binary_) add_packet(Opcode::noop, "", "", "", 0);
    first_bytes_ = output_.size() - output_.size() * (choices.next() % 4) / 4;
    ends_input_ = choices.next() % 16 == 15;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void connect(const std::string& path) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) {
      complain("the port takes no clients");
    }
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] bool is_done() const noexcept { return is_closed_ || asked_.empty(); }
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
  [[nodiscard]] std::size_t answered_count() const noexcept { return answered_count_; }

  // The first part of the commands in the first turn, the rest later.
  void send() {
    if (is_closed_ || output_.empty()) return;
    const std::size_t part = first_bytes_ > 0 ? first_bytes_ : output_.size();
    const ssize_t sent = ::send(fd_, output_.data(), part, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      is_closed_ = errno != EAGAIN;
      return;
    }
    const auto sent_bytes = static_cast<std::size_t>(sent);
    first_bytes_ -= std::min(first_bytes_, sent_bytes);
    output_.erase(0, sent_bytes);
    if (output_.empty() && ends_input_) ::shutdown(fd_, SHUT_WR);
  }

  void receive(const Acknowledged& acknowledged) {
    std::array<char, 65536> chunk;
    while (!is_closed_) {
      const ssize_t got = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) {
        is_closed_ = true;
        break;
      }
      input_.append(chunk.data(), static_cast<std::size_t>(got));
    }
    while (!asked_.empty() && take(asked_.front(), acknowledged)) {
      asked_.pop_front();
      ++answered_count_;
    }
    if (asked_.empty() && !input_.empty()) wrong("an answer that nobody asked for");
  }

 private:
  using Kind = Asked::Kind;

  // --- commands

  void add_line(Choices& choices, std::uint32_t& next_write) {
    const std::uint8_t choice = choices.next();
    Asked asked;
    asked.kind = static_cast<Kind>(choice % 8);
    asked.keys = {key_name(choices.next() % key_count)};
    const std::string& key = asked.keys[0];
    bool is_heard = true;
    std::string value;
    if (asked.kind == Kind::set || asked.kind == Kind::meta_set) {
      asked.write = next_write++;
      value = value_of(key, asked.write, choice >= 248 ? large_bytes : 20);
    }
    const std::string size = std::to_string(value.size());
    switch (asked.kind) {
      case Kind::get:
        for (int more = choice / 8 % 6; more > 0; --more) {
          asked.keys.push_back(key_name(choices.next() % key_count));
        }
        output_ += "get";
        for (const std::string& one : asked.keys) output_ += " " + one;
        output_ += "\r\n";
        break;
      case Kind::set:
        is_heard = choice / 8 % 4 != 3;
        output_ += (choice / 8 % 4 == 2 ? "add " : "set ") + key + " 0 0 " + size +
                   (is_heard ? "" : " noreply") + "\r\n" + value + "\r\n";
        break;
      case Kind::remove:
        output_ += "delete " + key + "\r\n";
        break;
      case Kind::meta_get:
        output_ += "mg " + key + " v k O7\r\n";
        break;
      case Kind::meta_look:
        output_ += "mg " + key + " k\r\n";
        break;
      case Kind::meta_set:
        output_ += "ms " + key + " " + size + " k\r\n" + value + "\r\n";
        break;
      case Kind::meta_remove:
        output_ += "md " + key + " O7\r\n";
        break;
      default:
        output_ += "mn\r\n";
        break;
    }
    if (is_heard) asked_.push_back(std::move(asked));
  }

  void add_packet(Choices& choices, std::uint32_t& next_write) {
    constexpr std::array<Opcode, 10> opcodes = {
        Opcode::getk, Opcode::get,        Opcode::getkq,   Opcode::getq, Opcode::set,
        Opcode::setq, Opcode::delete_key, Opcode::deleteq, Opcode::noop, Opcode::getk};
    const std::uint8_t choice = choices.next();
    const Opcode opcode = opcodes[choice % opcodes.size()];
    if (opcode == Opcode::noop) {
      add_packet(opcode, "", "", "", 0);
      return;
    }
    const std::string key = key_name(choices.next() % key_count);
    const bool is_set = opcode == Opcode::set || opcode == Opcode::setq;
    const std::uint32_t write = is_set ? next_write++ : 0;
    const std::string value =
        is_set ? value_of(key, write, choice >= 248 ? large_bytes : 20) : std::string{};
    add_packet(opcode, std::string(is_set ? 8 : 0, '\0'), key, value, write);
  }

  void add_packet(Opcode opcode, const std::string& extras, const std::string& key,
                  const std::string& value, std::uint32_t write) {
    Asked asked;
    asked.kind = Kind::binary;
    asked.keys = {key};
    asked.write = write;
    asked.opcode = opcode;
    asked.opaque = ++last_opaque_;
    shim::binary::Header header;
    header.magic = shim::binary::request_magic;
    header.opcode = opcode;
    header.key_bytes = static_cast<std::uint16_t>(key.size());
    header.extras_bytes = static_cast<std::uint8_t>(extras.size());
    header.body_bytes = static_cast<std::uint32_t>(extras.size() + key.size() + value.size());
    header.opaque = asked.opaque;
    std::array<char, shim::binary::header_bytes> front;
    shim::binary::store_header(front.data(), header);
    output_.append(front.data(), front.size());
    output_ += extras + key + value;
    asked_.push_back(std::move(asked));
  }

  // --- answers

  [[noreturn]] void wrong(const std::string& what) const {
    complain(what + ", told: \"" + input_.substr(0, 200) + "\", of " +
             std::to_string(asked_.empty() ? 99 : static_cast<int>(asked_.front().kind)));
  }

  // True: the whole answer was taken.
  [[nodiscard]] bool take(Asked& asked, const Acknowledged& acknowledged) {
    if (asked.kind == Kind::binary) return take_packet(asked, acknowledged);
    const std::size_t end = input_.find("\r\n");
    if (end == std::string::npos) return false;
    const std::string line = input_.substr(0, end);
    if (line.starts_with("VALUE ") && asked.kind == Kind::get) {
      return take_values(asked, line, acknowledged);
    }
    if (line.starts_with("VA ") && asked.kind == Kind::meta_get)
      return take_meta_value(asked, line);
    check_line(asked, line, acknowledged);
    input_.erase(0, end + 2);
    return true;
  }

  void check_line(const Asked& asked, const std::string& line, const Acknowledged& acknowledged) {
    if (line.starts_with("SERVER_ERROR ")) return;
    const std::string shown_key = " k" + asked.keys[0];
    switch (asked.kind) {
      case Kind::get:
        if (line != "END") wrong("no end of values");
        break;
      case Kind::set:
        if (line == "STORED") {
          check_write(asked, acknowledged);
        } else if (line != "NOT_STORED") {
          wrong("no answer to a set");
        }
        break;
      case Kind::remove:
        check_remove(asked, line == "DELETED", line == "NOT_FOUND", acknowledged);
        break;
      case Kind::meta_get:
        if (line != "EN" + shown_key + " O7") wrong("no answer to mg v");
        break;
      case Kind::meta_look:
        if (line != "EN" + shown_key && line != "HD" + shown_key) wrong("no answer to mg");
        break;
      case Kind::meta_set:
        if (line == "HD" + shown_key) {
          check_write(asked, acknowledged);
        } else if (line != "NS" + shown_key) {
          wrong("no answer to ms");
        }
        break;
      case Kind::meta_remove:
        check_remove(asked, line == "HD O7", line == "NF O7", acknowledged);
        break;
      default:
        if (line != "MN") wrong("no answer to mn");
        break;
    }
  }

  void check_write(const Asked& asked, const Acknowledged& acknowledged) const {
    if (!acknowledged.writes.contains(asked.write)) wrong("stored, and no backend said so");
  }
  void check_remove(const Asked& asked, bool is_done, bool is_not_found,
                    const Acknowledged& acknowledged) {
    if (!is_done && !is_not_found) wrong("no answer to a delete");
    if (!is_done) return;
    const auto key = static_cast<std::size_t>(asked.keys[0][1] - '0');
    if (acknowledged.deletes[key] == 0) wrong("deleted, and no backend said so");
  }
  void check_value(std::string_view key, std::string_view value) const {
    const std::size_t colon = value.find(':');
    const bool is_own = value.starts_with(std::string(key) + "#") &&
                        colon != std::string_view::npos &&
                        value.substr(colon + 1).find_first_not_of('x') == std::string_view::npos;
    if (!is_own) wrong("not a value of " + std::string(key));
  }

  // VALUE <key> 0 <bytes>, until END: keys that were asked for, in their order.
  [[nodiscard]] bool take_values(Asked& asked, const std::string& line,
                                 const Acknowledged& acknowledged) {
    const std::size_t key_end = line.find(' ', 6);
    const std::string key = line.substr(6, key_end - 6);
    const std::size_t size_begin = line.rfind(' ') + 1;
    const std::size_t size = std::strtoul(line.c_str() + size_begin, nullptr, 10);
    const std::size_t value_begin = line.size() + 2;
    if (input_.size() < value_begin + size + 2) return false;
    while (asked.next_key < asked.keys.size() && asked.keys[asked.next_key] != key) {
      ++asked.next_key;
    }
    if (asked.next_key++ == asked.keys.size()) wrong("a key that was not asked for now");
    check_value(key, std::string_view(input_).substr(value_begin, size));
    if (input_.substr(value_begin + size, 2) != "\r\n") wrong("a value without its end");
    input_.erase(0, value_begin + size + 2);
    return take(asked, acknowledged);
  }

  // VA <bytes> k<key> O7
  [[nodiscard]] bool take_meta_value(const Asked& asked, const std::string& line) {
    const std::size_t size = std::strtoul(line.c_str() + 3, nullptr, 10);
    const std::size_t value_begin = line.size() + 2;
    if (input_.size() < value_begin + size + 2) return false;
    if (!line.ends_with(" k" + asked.keys[0] + " O7")) wrong("another's value");
    check_value(asked.keys[0], std::string_view(input_).substr(value_begin, size));
    if (input_.substr(value_begin + size, 2) != "\r\n") wrong("a value without its end");
    input_.erase(0, value_begin + size + 2);
    return true;
  }

  // Quiet ones may have no answer: the next one's shows it.
  [[nodiscard]] bool take_packet(const Asked& asked, const Acknowledged& acknowledged) {
    if (input_.size() < shim::binary::header_bytes) return false;
    const shim::binary::Header header = shim::binary::load_header(input_);
    if (header.magic != shim::binary::reply_magic) wrong("no packet");
    const bool is_get = asked.opcode == Opcode::getq || asked.opcode == Opcode::getkq;
    if (header.opaque != asked.opaque) {
      const bool is_quiet =
          is_get || asked.opcode == Opcode::setq || asked.opcode == Opcode::deleteq;
      if (!is_quiet) wrong("out of turn");
      if (asked.opcode == Opcode::setq) check_write(asked, acknowledged);
      if (asked.opcode == Opcode::deleteq) check_remove(asked, true, false, acknowledged);
      return true;
    }
    if (header.opcode != asked.opcode) wrong("another opcode");
    const std::size_t whole = shim::binary::header_bytes + header.body_bytes;
    if (input_.size() < whole) return false;
    if (header.status == shim::binary::Status::success) check_packet(asked, header, acknowledged);
    input_.erase(0, whole);
    return true;
  }

  void check_packet(const Asked& asked, const shim::binary::Header& header,
                    const Acknowledged& acknowledged) {
    const std::string_view body =
        std::string_view(input_).substr(shim::binary::header_bytes, header.body_bytes);
    switch (asked.opcode) {
      case Opcode::set:
        check_write(asked, acknowledged);
        break;
      case Opcode::delete_key:
        check_remove(asked, true, false, acknowledged);
        break;
      case Opcode::noop:
        break;
      case Opcode::setq:
      case Opcode::deleteq:
        wrong("a quiet success");
      default: {
        const bool has_key = asked.opcode == Opcode::getk || asked.opcode == Opcode::getkq;
        if (header.extras_bytes != 4 || header.key_bytes != (has_key ? 2 : 0)) wrong("no hit");
        if (has_key && body.substr(4, 2) != asked.keys[0]) wrong("another key");
        check_value(asked.keys[0], body.substr(4U + header.key_bytes));
        break;
      }
    }
  }

  int fd_ = -1;
  bool is_binary_ = false;
  bool is_closed_ = false;
  bool ends_input_ = false;
  std::string output_, input_;
  std::size_t first_bytes_ = 0;
  std::uint32_t last_opaque_ = 0;
  std::deque<Asked> asked_;
  std::size_t answered_count_ = 0;
};

}  // namespace ringfence::merged_replies
