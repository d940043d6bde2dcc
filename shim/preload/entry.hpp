// One command of the application that was passed on, or answered here, and waits for its turn to be
// answered: what was asked of whom, under which tickets, and how far its answer has come.
//
// Made by the sending side and never changed by it once it is in the queue; from then on the
// receiving side's. Its memory is used again for later commands. Plain data.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shim/binary/packet.hpp"
#include "shim/meta/command.hpp"
#include "shim/preload/inbox.hpp"
#include "shim/text/command.hpp"
#include "shim/ticket.hpp"
#include "shm_layout/segment_reader.hpp"

namespace ringfence::shim::preload {

enum class Protocol : std::uint8_t { text, meta, binary };

enum class Kind : std::uint8_t {
  retrieval,  // classic get and gat: VALUE blocks and END, of any number of keys
  single,     // any other command with a key: one answer
  line,       // without a key, one answer: version, verbosity, flush_all
  stats,      // STAT lines, then END; binary: packets, the last of them empty
  local,      // answered here: `bytes` is the answer
};

// Whom some of an entry's keys were asked of.
struct Part {
  Inbox* inbox = nullptr;
  bool is_agent = false;     // with the application's own keys; the agent vouches for its answer
  bool skips = false;        // the command of the present key was answered: the rest are misses
  bool expects_end = false;  // all keys of a command were found; its END is still to come
};

struct Key {
  Ticket ticket;
  std::uint32_t begin = 0;  // in the entry's bytes
  std::uint16_t part = 0;
  std::uint8_t size = 0;
  bool ends_command = false;  // the last key of its command on that connection
};

struct Entry {
  std::atomic<Entry*> next{nullptr};  // Fifo's

  Kind kind = Kind::local;
  Protocol protocol = Protocol::text;
  text::Verb verb{};        // whose rules it follows
  bool is_noreply = false;  // the application is told nothing
  bool is_quiet = false;    // meta: nothing of what is expected
  bool is_base64 = false;   // meta: the key came encoded
  meta::Verb meta_verb{};
  binary::Opcode opcode{};  // binary: as sent
  std::uint32_t opaque = 0;
  std::uint32_t wire_opaque = 0;  // as the backend saw it; meta: the mark in place of its own

  const shm_layout::SegmentReader* segment = nullptr;  // that the tickets are from
  std::string bytes;  // keys, and behind them meta's flags or binary's extras; or the answer
  std::uint32_t words_begin = 0;
  std::vector<Key> keys;
  std::vector<Part> parts;
  std::int64_t asked_ns = 0;  // the coarse clock
  std::int64_t sent_ns = 0;   // CLOCK_BOOTTIME; 0: nobody times it

  // The receiving side's.
  std::size_t at = 0;                // of keys, or of a local answer's bytes
  bool is_inside_value = false;      // a value is arriving
  std::size_t value_left_bytes = 0;  // of it, without its end
  bool is_delivering = false;        // and the application gets it
  bool is_waiting = false;           // for the view: what became of it shows with the next one
  bool holds_answer = false;         // `held` is what the backend said meanwhile
  std::string held;                  // a retrieval's: the agent's error in place of END
  std::string_view failure;          // why a key could not be answered: of port_answers.hpp

  // Whether nothing of its one answer has been read, nor can be: it goes on with bytes alone.
  [[nodiscard]] bool awaits_bytes() const noexcept {
    if (parts.size() != 1 || at != 0 || is_inside_value || is_waiting) return false;
    const Inbox& inbox = *parts.front().inbox;
    return inbox.is_empty() && !inbox.is_ended;
  }
  [[nodiscard]] std::string_view key(std::size_t index) const noexcept {
    return {bytes.data() + keys[index].begin, keys[index].size};
  }
  [[nodiscard]] std::string_view words() const noexcept {
    return std::string_view(bytes).substr(words_begin);
  }
  [[nodiscard]] meta::Command meta_command() const noexcept {
    meta::Command command;
    command.verb = meta_verb;
    command.is_base64 = is_base64;
    command.is_quiet = is_quiet;
    if (!keys.empty()) command.key = key(0);
    command.flags = words();
    command.is_marked = true;
    command.mark = wire_opaque;
    return command;
  }

  // As new, but for the memory that it has.
  void clear() noexcept {
    kind = Kind::local;
    protocol = Protocol::text;
    is_noreply = is_quiet = is_base64 = false;
    segment = nullptr;
    bytes.clear();
    words_begin = 0;
    keys.clear();
    parts.clear();
    asked_ns = sent_ns = 0;
    at = 0;
    is_inside_value = is_delivering = is_waiting = holds_answer = false;
    held.clear();
    failure = {};
  }
};

}  // namespace ringfence::shim::preload
