// A memcached that answers as a script of bytes says: well, late, cut, wrong, twice or not at all.
// It remembers what it has acknowledged. One thread uses it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/merged_replies_command.hpp"

namespace ringfence::merged_replies {

struct Acknowledged {
  std::set<std::uint32_t> writes;
  std::array<int, key_count> deletes{};
};

enum class Conduct : std::uint8_t {
  well,
  not_found,  // and not stored
  late,
  cut,  // and closed
  too_short,
  too_long,
  other_key,
  garbage,
  end_twice,
  out_of_order,
  silent,
  closed,
  error,
  out_of_step,  // binary: another opaque or opcode
  turned_away,
  left_out,  // the next command is answered in its place
  other_line,
};
constexpr int conduct_count = 17;
constexpr int conduct_choices = 100;  // most are answered well: others end the case, or cost time

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

  void receive(Choices& script, Acknowledged& acknowledged) {
    std::array<char, 65536> chunk;
    const ssize_t got = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) is_over_ = true;
    if (got <= 0) return;
    reader_.add({chunk.data(), static_cast<std::size_t>(got)});
    Command command;
    while (reader_.take(command)) answer(command, script, acknowledged);
  }

  // Sends what is due. A turn passes.
  void send() {
    while (!is_over_ && !answers_.empty()) {
      Answer& answer = answers_.front();
      if (answer.delay_turns > 0) {
        --answer.delay_turns;
        return;
      }
      const ssize_t sent =
          answer.bytes.empty()
              ? 0
              : ::send(fd_, answer.bytes.data(), answer.bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        is_over_ = errno != EAGAIN;
        return;
      }
      answer.bytes.erase(0, static_cast<std::size_t>(sent));
      if (!answer.bytes.empty()) return;
      is_over_ = answer.closes;
      answers_.pop_front();
    }
  }

 private:
  struct Answer {
    std::string bytes;
    int delay_turns = 0;
    bool closes = false;
  };

  // --- answers

  void answer(const Command& command, Choices& script, Acknowledged& acknowledged) {
    const int choice = script.next() % conduct_choices;
    const Conduct conduct = choice < conduct_count ? static_cast<Conduct>(choice) : Conduct::well;
    const std::uint8_t detail = script.next();
    if (is_silent_) return;
    Answer answer;
    const bool is_hit = conduct != Conduct::not_found;
    answer.bytes = command.kind == Command::Kind::binary
                       ? packet_for(command, conduct, is_hit, detail)
                       : text_for(command, conduct, is_hit, detail);
    spoil(command, conduct, detail, answer);
    if (!is_read(command) && says_done(command, conduct)) acknowledge(command, acknowledged);
    if (!is_silent_) answers_.push_back(std::move(answer));
  }

  static bool is_read(const Command& command) {
    using Kind = Command::Kind;
    return command.kind == Kind::get || command.kind == Kind::meta_get ||
           (command.kind == Kind::binary && !is_set(command) && !is_delete(command));
  }
  static bool is_set(const Command& command) {
    return command.header.opcode == Opcode::set || command.header.opcode == Opcode::setq;
  }
  static bool is_delete(const Command& command) {
    return command.header.opcode == Opcode::delete_key || command.header.opcode == Opcode::deleteq;
  }
  // Whether what is sent for a write can be its acknowledgement.
  static bool says_done(const Command& command, Conduct conduct) {
    switch (conduct) {
      case Conduct::not_found:
      case Conduct::garbage:
      case Conduct::silent:
      case Conduct::closed:
      case Conduct::error:
      case Conduct::turned_away:
      case Conduct::other_line:
        return false;
      case Conduct::out_of_step:
        return command.kind != Command::Kind::binary;
      case Conduct::left_out:
        return !may_be_left_out(command);
      default:
        return true;
    }
  }
  static void acknowledge(const Command& command, Acknowledged& acknowledged) {
    using Kind = Command::Kind;
    if (command.kind == Kind::remove || command.kind == Kind::meta_remove ||
        (command.kind == Kind::binary && is_delete(command))) {
      ++acknowledged.deletes[static_cast<std::size_t>(command.keys[0].at(1) - '0') % key_count];
    } else {
      acknowledged.writes.insert(command.write);
    }
  }

  static std::string other_than(std::string key) {
    key[1] = static_cast<char>('0' + (key[1] - '0' + 1) % key_count);
    return key;
  }
  static std::size_t size_from(std::uint8_t detail) {
    constexpr std::array<std::size_t, 8> sizes = {10, 10, 30, 100, 1000, 17'000, 40'000, 10};
    return sizes[detail % sizes.size()];
  }

  // Of a value under `key`, with the length that the script wants it to claim.
  static std::string value_for(const Command& command, const std::string& key, Conduct conduct,
                               std::uint8_t detail, std::size_t& claimed) {
    const bool is_binary = command.kind == Command::Kind::binary;
    std::string value = value_of(key.substr(0, 2), 0, size_from(detail));
    claimed = value.size();
    // (Binary has no mark at a value's end: what comes next would be taken for the rest.)
    if (conduct == Conduct::too_short && !is_binary) value.resize(value.size() - 3);
    if (conduct == Conduct::too_long) value += "xyz";
    return value;
  }

  static std::string text_for(const Command& command, Conduct conduct, bool is_hit,
                              std::uint8_t detail) {
    using Kind = Command::Kind;
    switch (command.kind) {
      case Kind::get:
        return values_for(command, conduct, is_hit, detail);
      case Kind::set:
        return is_hit ? "STORED\r\n" : "NOT_STORED\r\n";
      case Kind::remove:
        return is_hit ? "DELETED\r\n" : "NOT_FOUND\r\n";
      case Kind::meta_set:
        return (is_hit ? "HD" : "NS") + meta_flags(command, conduct) + "\r\n";
      case Kind::meta_remove:
        return (is_hit ? "HD" : "NF") + meta_flags(command, conduct) + "\r\n";
      default:
        break;
    }
    if (!is_hit) return "EN" + meta_flags(command, conduct) + "\r\n";
    if (command.flags.find("v ") == std::string::npos) {
      return "HD" + meta_flags(command, conduct) + "\r\n";
    }
    std::size_t claimed = 0;
    const std::string value = value_for(command, command.keys[0], conduct, detail, claimed);
    return "VA " + std::to_string(claimed) + meta_flags(command, conduct) + "\r\n" + value + "\r\n";
  }

  static std::string values_for(const Command& command, Conduct conduct, bool is_hit,
                                std::uint8_t detail) {
    std::string text;
    std::vector<std::string> keys = command.keys;
    if (conduct == Conduct::out_of_order) std::reverse(keys.begin(), keys.end());
    if (conduct == Conduct::other_key)
      keys[detail % keys.size()] = other_than(keys[detail % keys.size()]);
    for (std::size_t i = 0; i < keys.size() && is_hit; ++i) {
      if (detail >= 128 && i % 2 == 1) continue;  // some are not there
      std::size_t claimed = 0;
      const std::string value = value_for(command, keys[i], conduct, detail, claimed);
      text += "VALUE " + keys[i] + " 0 " + std::to_string(claimed) + "\r\n" + value + "\r\n";
    }
    return text + "END\r\n";
  }

  // What the command asked to be given back.
  static std::string meta_flags(const Command& command, Conduct conduct) {
    std::string flags;
    for (const std::string& word : words_of(command.flags)) {
      if (word == "k") {
        flags +=
            " k" + (conduct == Conduct::other_key ? other_than(command.keys[0]) : command.keys[0]);
      }
      if (word[0] == 'O') flags += " " + word;
    }
    return flags;
  }

  static std::string packet_for(const Command& command, Conduct conduct, bool is_hit,
                                std::uint8_t detail) {
    const bool is_get = is_read(command);
    const bool is_wrong = conduct == Conduct::error;
    std::size_t claimed = 0;
    std::string value;
    if (is_get && is_hit && !is_wrong) {
      value = value_for(command, command.keys[0], conduct, detail, claimed);
    } else if (!is_hit || is_wrong) {
      value = "no";
      claimed = value.size();
    }
    const bool has_key = is_get && is_hit && !is_wrong && conduct == Conduct::other_key;
    const std::string key = has_key ? other_than(command.keys[0]) : "";
    const std::string extras(is_get && is_hit && !is_wrong ? 4 : 0, '\0');
    const unsigned status = is_wrong ? 0x82U : is_hit ? 0U : is_set(command) ? 5U : 1U;
    std::uint32_t opaque = command.header.opaque;
    auto opcode = static_cast<std::uint8_t>(command.header.opcode);
    if (conduct == Conduct::out_of_step) (detail % 2 == 0 ? opaque += 1 + detail : opcode ^= 1U);
    std::string packet = {'\x81',
                          static_cast<char>(opcode),
                          '\0',
                          static_cast<char>(key.size()),
                          static_cast<char>(extras.size()),
                          '\0'};
    put(packet, status, 2);
    put(packet, extras.size() + key.size() + claimed, 4);
    put(packet, opaque, 4);
    put(packet, 0, 8);
    return packet + extras + key + value;
  }
  static void put(std::string& out, std::uint64_t number, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i));
  }

  void spoil(const Command& command, Conduct conduct, std::uint8_t detail, Answer& answer) {
    const bool is_binary = command.kind == Command::Kind::binary;
    switch (conduct) {
      case Conduct::late:
        answer.delay_turns = 1 + detail % 4 + (detail == 255 ? 80 : 0);
        break;
      case Conduct::cut:
        answer.bytes.resize(answer.bytes.size() * detail / 256);
        answer.closes = true;
        break;
      case Conduct::garbage:
        answer.bytes = detail % 2 == 0 ? "what is this\r\n" : std::string(1 + detail, '\xff');
        break;
      case Conduct::end_twice:
        if (command.kind == Command::Kind::get) answer.bytes += "END\r\n";
        break;
      case Conduct::silent:
        is_silent_ = true;
        break;
      case Conduct::closed:
        answer = {"", 0, true};
        break;
      case Conduct::error:
        if (!is_binary) answer.bytes = "SERVER_ERROR out of memory\r\n";
        break;
      case Conduct::turned_away:
        answer = {"ERROR Too many open connections\r\n", 0, true};
        break;
      case Conduct::left_out:
        if (may_be_left_out(command)) answer.bytes.clear();
        break;
      case Conduct::other_line:
        answer.bytes = other_line(command, detail);
        break;
      default:
        break;
    }
  }

  // Where the next command's answer cannot pass for this one's: a classic write's could, and nobody
  // could tell.
  static bool may_be_left_out(const Command& command) {
    return command.kind != Command::Kind::set && command.kind != Command::Kind::remove;
  }

  // A line that is an answer, but to a command of another kind.
  static std::string other_line(const Command& command, std::uint8_t detail) {
    using Kind = Command::Kind;
    constexpr std::array<std::string_view, 7> lines = {
        "STORED\r\n", "DELETED\r\n", "TOUCHED\r\n", "VA 2\r\nxx\r\n", "MN\r\n", "12\r\n", "OK\r\n"};
    std::size_t place = detail % lines.size();
    if (command.kind == Kind::set && place == 0) place = 1;
    if (command.kind == Kind::remove && place == 1) place = 0;
    return std::string(lines[place]);
  }

  int fd_;
  CommandReader reader_;
  std::deque<Answer> answers_;
  bool is_silent_ = false;
  bool is_over_ = false;
};

// Listens on a unix socket, whose connections a case answers and its end closes.
class Backend {
 public:
  explicit Backend(std::string path)
      : path_(std::move(path)),
        fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path_.copy(name.sun_path, sizeof(name.sun_path) - 1);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0 ||
        ::listen(fd_, 64) != 0) {
      complain("cannot listen on " + path_);
    }
  }
  ~Backend() { ::close(fd_); }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] std::list<Connection>& connections() noexcept { return connections_; }
  void accept() {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) connections_.emplace_back(fd);
  }
  void sweep() {
    connections_.remove_if([](const Connection& connection) { return connection.is_over(); });
  }
  void close_all() { connections_.clear(); }

 private:
  std::string path_;
  int fd_;
  std::list<Connection> connections_;
};

}  // namespace ringfence::merged_replies
