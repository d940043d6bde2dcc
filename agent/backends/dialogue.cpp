#include "agent/backends/dialogue.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace ringfence::agent::backends {
namespace {

using shim::text::ReplyEvent;
using shim::text::ReplyEventKind;
using shim::text::ReplyParser;
using shim::text::ReplyShape;

// What may wait for the rest of a line: more than the parser's longest line is a violation.
constexpr std::size_t rest_bytes_max = 2 * shim::text::reply_line_bytes_max;

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{};
}

}  // namespace

void read_stat(std::string_view name_and_value, ServerStats& stats) {
  const std::size_t space = name_and_value.find(' ');
  if (space == std::string_view::npos) return;
  const std::string_view name = name_and_value.substr(0, space);
  const std::string_view value = name_and_value.substr(space + 1);
  if (name == "pid") {
    stats.has_pid = read_number(value, stats.pid);
  } else if (name == "curr_items") {
    stats.has_items = read_number(value, stats.curr_items);
  } else if (name == "cmd_flush") {
    stats.has_flushes = read_number(value, stats.cmd_flush);
  } else if (name == "time") {
    stats.has_time = read_number(value, stats.time_s);
  } else if (name == "uptime") {
    if (!read_number(value, stats.uptime_s)) stats.uptime_s = 0;
  } else if (name.starts_with("proxy_")) {
    stats.has_proxy = true;
  }
}

void Reply::clear() {
  line.clear();
  value.clear();
  has_value = false;
  stats = ServerStats{};
}

bool Dialogue::expect(std::span<const ReplyShape> shapes, Then then) {
  if (count_ + 1 >= exchange_count_max || shapes.size() > reply_count_max) return false;
  Exchange& exchange = exchanges_[(first_ + count_) % exchange_count_max];
  ++count_;
  std::copy(shapes.begin(), shapes.end(), exchange.shapes.begin());
  exchange.expected = shapes.size();
  exchange.answered = 0;
  for (Reply& reply : exchange.replies) reply.clear();
  exchange.then = std::move(then);
  return true;
}

bool Dialogue::feed(std::string_view bytes) {
  const std::uint64_t life = life_;
  if (!rest_.empty()) {
    rest_.append(bytes);
    std::string joined = std::exchange(rest_, std::string());
    std::string_view view = joined;
    const bool is_fine = feed_buffered(view);
    if (life != life_) return true;
    rest_.assign(view);
    return is_fine;
  }
  const bool is_fine = feed_buffered(bytes);
  if (life != life_) return true;
  rest_.assign(bytes);
  return is_fine;
}

// Leaves in `bytes` what must wait for more.
bool Dialogue::feed_buffered(std::string_view& bytes) {
  const std::uint64_t life = life_;
  while (!bytes.empty()) {
    if (count_ == 0) {
      violation_ = "it said more than it was asked: " + std::string(bytes.substr(0, 60));
      return false;
    }
    const Exchange& exchange = exchanges_[first_];
    const ReplyEvent event = parser_.next(exchange.shapes[exchange.answered], bytes);
    if (event.kind == ReplyEventKind::need_more) {
      bytes.remove_prefix(event.consumed_bytes);
      if (bytes.size() <= rest_bytes_max) return true;
      violation_ = "an endless line";
      return false;
    }
    if (!take(event)) {
      violation_ = "not memcached's protocol: " + std::string(bytes.substr(0, 60));
      return false;
    }
    if (life != life_) return true;
    bytes.remove_prefix(event.consumed_bytes);
  }
  return true;
}

bool Dialogue::take(const ReplyEvent& event) {
  Exchange& exchange = exchanges_[first_];
  Reply& reply = exchange.replies[exchange.answered];
  switch (event.kind) {
    case ReplyEventKind::value_header:
      reply.has_value = true;
      return true;
    case ReplyEventKind::value_bytes: {
      const std::size_t room =
          kept_value_bytes_max - std::min(kept_value_bytes_max, reply.value.size());
      reply.value.append(event.bytes.substr(0, room));
      return true;
    }
    case ReplyEventKind::value_done:
      return true;
    case ReplyEventKind::stat:
      read_stat(event.bytes, reply.stats);
      return true;
    case ReplyEventKind::line:
      reply.line.assign(event.bytes);
      finish_reply();
      return true;
    case ReplyEventKind::end:
      finish_reply();
      return true;
    case ReplyEventKind::need_more:
    case ReplyEventKind::violation:
      return false;
  }
  return false;
}

void Dialogue::finish_reply() {
  Exchange& exchange = exchanges_[first_];
  if (++exchange.answered < exchange.expected) return;
  // The entry stays untouched while the callback reads it, even if that asks something new: it is
  // reused only after exchange_count_max more, and one place is kept free.
  const Then then = std::move(exchange.then);
  first_ = (first_ + 1) % exchange_count_max;
  --count_;
  then(Replies(exchange.replies.data(), exchange.expected));
}

void Dialogue::reset() {
  ++life_;
  first_ = 0;
  count_ = 0;
  parser_ = ReplyParser{};
  rest_.clear();
}

}  // namespace ringfence::agent::backends
