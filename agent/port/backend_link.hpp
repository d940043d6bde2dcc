// The one ordered, pipelined connection of an I/O thread to a backend. Requests of all clients go
// over it in the order they come; gets that wait together become one command, whoever asked.
// What a turn of the loop gathers is sent by one write at its end. It speaks one protocol; a
// backend whose clients speak both has two links. Binary gets are not gathered: each is a command.
//
// States: idle (no connection; the next request opens one) -> connecting -> up; after a failure,
// backing_off until retry_at, while requests are told that the backend is unreachable.
// Its I/O thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/port/byte_queue.hpp"
#include "agent/port/dispatcher.hpp"
#include "agent/port/request.hpp"
#include "agent/port/socket_watch.hpp"
#include "agent/port/sockets.hpp"
#include "shim/binary/reply.hpp"
#include "shim/route.hpp"
#include "shim/text/reply.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::port {

class Client;
class IoThread;

class BackendLink final : public SocketOwner {
 public:
  BackendLink(IoThread& thread, std::uint16_t index, Wire wire,
              const shm_layout::BackendInfo& info);
  BackendLink(const BackendLink&) = delete;
  BackendLink& operator=(const BackendLink&) = delete;

  [[nodiscard]] bool serves(const shm_layout::BackendInfo& info) const noexcept;
  [[nodiscard]] std::uint16_t index() const noexcept { return index_; }
  [[nodiscard]] Wire wire() const noexcept { return wire_; }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return incarnation_; }
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }
  [[nodiscard]] bool is_reachable() const noexcept;
  // Nothing is waited for.
  [[nodiscard]] bool is_done() const noexcept {
    return waiting_.is_empty() && group_.keys == 0 && !expects_end_;
  }

  void send(Request& request);  // only when reachable
  void flush();
  void on_socket(int events) override;
  [[nodiscard]] bool tick(std::uint64_t now_ms);  // true while something has a deadline
  // Another connection to this backend failed in this way.
  void note_trouble();

  [[nodiscard]] Client* blocker() const noexcept { return blocker_; }
  void unblock();
  void close();  // answers nobody any more: the thread ends

  std::uint64_t record_sequence = 0;  // BackendLinks
  bool is_dirty = false;              // IoThread

 private:
  enum class State : std::uint8_t { idle, connecting, up, backing_off };
  enum class Taken : std::uint8_t { all, violation };

  void connect();
  void on_connected();
  void write();
  void update_interest();
  void break_off(LossKind kind);
  [[nodiscard]] bool has_only_moved() const noexcept;

  [[nodiscard]] bool joins_group(const Request& request) const noexcept;
  void add_to_group(Request& request);
  void add_command(Request& request);
  void close_group();
  [[nodiscard]] std::uint64_t written_bytes() const noexcept {
    return staged_bytes_ - output_.size_bytes();
  }

  void receive();
  [[nodiscard]] bool is_inside_large_value() const noexcept;
  [[nodiscard]] shim::text::ReplyEvent next_event(std::string_view bytes);
  // What one recv brought: the bytes' chunk, and whether their tickets held then.
  struct Arrival {
    const ChunkRef& chunk;
    shim::ArrivalCheck check;
  };
  [[nodiscard]] Taken take_replies(const Arrival& arrival, std::string_view& bytes);
  [[nodiscard]] bool take_event(const shim::text::ReplyEvent& event, const Arrival& arrival);
  [[nodiscard]] bool take_header(const shim::text::ReplyEvent& event, const Arrival& arrival);
  [[nodiscard]] bool take_own_header(const shim::text::ReplyEvent& event, const Arrival& arrival);
  void take_value_done();
  void take_end();
  void take_error();
  [[nodiscard]] bool take_line(std::string_view line, const Arrival& arrival);
  void block_on_client();
  [[nodiscard]] bool tick_blocked(std::uint64_t now_ms);

  IoThread& thread_;
  SocketWatch watch_;
  SocketAddress address_;
  std::string text_;  // the address, as configured
  std::uint64_t incarnation_;
  std::uint16_t index_;
  Wire wire_;
  State state_ = State::idle;

  LinkFifo waiting_;  // sent or about to be, in order
  ByteQueue output_;
  Arena arena_;                     // of output_
  std::uint64_t staged_bytes_ = 0;  // of the stream since it was opened; less output_: written
  // Gets of this turn that will be one command. Others' commands may go before it.
  struct {
    LinkFifo requests;
    std::uint32_t keys = 0;
    std::size_t bytes = 0;  // at most, of the command's keys
  } group_;

  shim::text::ReplyParser parser_;
  shim::binary::ReplyParser packets_;  // the same, of a link that speaks binary
  std::string leftover_;               // the front of a line that is not whole
  Request* value_ = nullptr;           // whose value is arriving
  ValueFate fate_ = ValueFate::deliver;
  bool expects_end_ = false;   // all of the command's keys were found; END is still to come
  Client* blocker_ = nullptr;  // reading waits until this client has taken its replies
  std::uint64_t blocked_since_ms_ = 0;

  std::uint64_t state_since_ms_ = 0;
  std::uint64_t last_value_ms_ = 0;  // when bytes of a value last arrived
  std::uint64_t backoff_ms_ = 0;
  std::uint64_t retry_at_ms_ = 0;
  bool can_write_ = true;
};

}  // namespace ringfence::agent::port
