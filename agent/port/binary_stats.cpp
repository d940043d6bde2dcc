#include "agent/port/binary_stats.hpp"

#include <string_view>

#include "agent/port/stats_text.hpp"
#include "shim/binary/answer.hpp"

namespace ringfence::agent::port {
namespace {

using shim::binary::Status;

class Packets {
 public:
  explicit Packets(const shim::binary::Header& asked) : asked_(asked) {}

  void add(Status status, std::string_view name, std::string_view value) {
    shim::binary::Answer answer;
    answer.opcode = asked_.opcode;
    answer.opaque = asked_.opaque;
    answer.status = status;
    answer.key = name;
    answer.rest_bytes = static_cast<std::uint32_t>(value.size());
    bytes_ += shim::binary::AnswerFront(answer).view();
    bytes_ += value;
  }
  // "STAT <name> <value>" and CRLF, as often as there is one; END ends it.
  void add_lines(std::string_view text) {
    constexpr std::string_view word = "STAT ";
    while (text.starts_with(word)) {
      const std::size_t end = text.find("\r\n");
      const std::string_view line = text.substr(word.size(), end - word.size());
      const std::size_t space = line.find(' ');
      add(Status::success, line.substr(0, space), line.substr(space + 1));
      text.remove_prefix(end + 2);
    }
  }
  [[nodiscard]] std::string end() && {
    add(Status::success, {}, {});
    return std::move(bytes_);
  }
  [[nodiscard]] std::string not_found() && {
    add(Status::not_found, {}, text_of(Status::not_found));
    return std::move(bytes_);
  }

 private:
  const shim::binary::Header& asked_;
  std::string bytes_;
};

}  // namespace

// memcached looks at the beginning of these names alone, and at the whole of the others.
std::string stats_packets(IoThread& thread, const shim::binary::Request& parsed) {
  Packets packets(parsed.header);
  const std::string_view name = parsed.key;
  if (name.empty()) {
    packets.add_lines(stats_text(thread, {}));
  } else if (name.starts_with("settings")) {
    packets.add_lines(stats_text(thread, "settings"));
  } else if (name.starts_with("detail dump")) {
    packets.add(Status::success, "detailed", "END\r\n");  // the port keeps no prefixes
  } else {
    const bool is_known = name.starts_with("reset") || name.starts_with("detail on") ||
                          name.starts_with("detail off") || name == "items" || name == "slabs" ||
                          name == "sizes";
    if (!is_known) return std::move(packets).not_found();
  }
  return std::move(packets).end();
}

}  // namespace ringfence::agent::port
