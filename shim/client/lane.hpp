// The part of a many-key call that goes to one backend: which items, in their order, over which
// connection, and how far sending and answering have come. Plain state; the call's thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "shim/client/connection.hpp"
#include "shim/client/operation.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::client {

// Index of no item.
inline constexpr std::uint32_t no_item = std::numeric_limits<std::uint32_t>::max();

// What has become of an item.
enum class Fate : std::uint8_t {
  waiting,    // not encoded, or not answered yet
  done,       // told
  unrouted,   // its slot could not be routed by
  unsent,     // nothing of it left this host, and its backend takes no connection
  lost,       // sent, and no answer will come
  moved,      // its slot moved before it was answered, or before the answer could be believed
  answered,   // by an answer that cannot be judged yet: the slot is fenced
  timed_out,  // sent or not
  failed,     // this host has no memory or no file for it
};

struct Item {
  Ticket ticket;
  const char* wire_key = nullptr;  // in the lane's buffer, while output_number is the lane's
  std::uint32_t output_number = 0;
  std::uint32_t next = no_item;  // of its lane
  Status answer = RINGFENCE_SYSTEM;
  Fate fate = Fate::waiting;
  std::uint8_t wire_key_bytes = 0;
  bool is_encoded = false;
  bool ends_command = false;  // the last key of its get: END follows
};

struct Lane {
  enum class State : std::uint8_t { idle, opening, active, ended };

  std::uint16_t backend = 0;
  State state = State::idle;
  bool is_port = false;      // through the agent's port, with the application's own keys
  bool is_reused = false;    // the connection has served before
  bool is_retried = false;   // gets, once
  bool has_waited = false;   // for a connection: nothing else was to be done
  bool owes_crlf = false;    // the value before it was sent from where it lies
  bool expects_end = false;  // all keys of the command were found; END is still to come
  Connection* connection = nullptr;
  std::int64_t give_up_ns = 0;  // of its opening; CLOCK_BOOTTIME

  std::int64_t sent_ns = 0;  // when its present output began to be sent; CLOCK_BOOTTIME

  std::uint32_t tail = no_item;
  std::uint32_t to_encode = no_item;  // the first that is not in the output
  std::uint32_t fill_head = no_item;  // the first of what is in the output now
  std::uint32_t pending = no_item;    // the first that is not answered

  std::uint32_t output_number = 0;  // grows with each that is encoded
  char* buffer = nullptr;           // the connection's
  std::array<iovec, 2> pieces{};    // the buffer's front, and one value that was not copied
  Output output{{}};
  Tag tag;                    // of the last key; most keys of a pool share one
  std::vector<char> scratch;  // a value that no receive buffer holds

  [[nodiscard]] bool has_output() const noexcept {
    return !output.is_empty() || to_encode != no_item || owes_crlf;
  }
  [[nodiscard]] bool is_under_way() const noexcept {
    return state == State::opening || state == State::active;
  }
  // Copies the key as the lane's server must see it to `end`; returns the end of it.
  [[nodiscard]] char* put_key(char* end, std::string_view key, const Ticket& ticket) noexcept;
  // The item's key as it was sent; nothing when the output that it went by was overwritten.
  [[nodiscard]] std::string_view sent_key(const Item& item) const noexcept {
    if (!item.is_encoded || item.output_number != output_number) return {};
    return {item.wire_key, item.wire_key_bytes};
  }
  // Whether the item's key, which is `key`, was sent as `wire_key`.
  [[nodiscard]] bool is_key(std::string_view wire_key, const Item& item,
                            std::string_view key) noexcept;
  void set_output(std::size_t buffered_bytes, std::string_view value) noexcept {
    pieces[0] = {buffer, buffered_bytes};
    pieces[1] = {const_cast<char*>(value.data()), value.size()};
    output = Output({pieces.data(), value.empty() ? 1U : 2U});
  }
};

}  // namespace ringfence::shim::client
