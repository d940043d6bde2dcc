// One socket to one backend or to the agent's port, and what has arrived on it.
//
// Life: made by the pool -> begin() -> advance() until open (connected, and the server answered
// `version`) -> send and receive -> given back, or closed. Nothing of a request is sent before the
// server has answered: one that is out of connections is found out without an outcome in doubt.
// One thread at a time; the pool makes and closes the file under its mutex, so that a fork sees
// every file or none.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "shim/client/deadline.hpp"
#include "shim/client/reply_stream.hpp"
#include "shim/sockets.hpp"

namespace ringfence::shim::client {

// Bytes that are encoded before they are sent: one send for some 200 sets of 100 bytes.
inline constexpr std::size_t send_buffer_bytes = std::size_t{32} * 1024;

enum class Io : std::uint8_t {
  some,    // bytes went or came
  idle,    // none within the slice
  closed,  // the connection has ended
};

enum class Opening : std::uint8_t {
  waiting,  // ask again when poll_events() happen
  open,
  refused,  // refused, reset or ended: nobody is there
  full,     // somebody is there who has no connection to spare
  failed,   // a system call failed; errno tells
};

// What is still to be sent: pieces of memory in order.
class Output {
 public:
  explicit Output(std::span<iovec> pieces) noexcept : pieces_(pieces) {}
  [[nodiscard]] bool is_empty() const noexcept { return pieces_.empty(); }
  [[nodiscard]] std::span<iovec> pieces() const noexcept { return pieces_; }
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
  void sent(std::size_t count) noexcept;

 private:
  std::span<iovec> pieces_;
  bool has_begun_ = false;
};

class Connection {
 public:
  Connection(std::uint16_t index, std::uint32_t era, std::uint32_t life) noexcept
      : index_(index), era_(era), life_(life) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Makes the file; -errno or 0. Never waits.
  [[nodiscard]] int begin(const SocketAddress& address) noexcept;
  // Goes on opening; never waits.
  [[nodiscard]] Opening advance() noexcept;
  [[nodiscard]] short poll_events() const noexcept;
  // From now on calls may wait for a slice.
  void finish_opening() noexcept;
  void close() noexcept;

  // `may_wait`: for up to a slice; else not at all. `closed`: nothing of this call went.
  [[nodiscard]] Io send(Output& output, bool may_wait) noexcept;
  [[nodiscard]] Io receive(bool may_wait) noexcept;
  // Whether the other side has ended it, or sent what nobody asked for. One system call.
  [[nodiscard]] bool is_stale() const noexcept;
  // Waits for readiness; false when the time passed without.
  [[nodiscard]] bool poll_for(short events, std::int64_t timeout_ns) const noexcept;

  // send_buffer_bytes of memory to encode in; made at the first call, kept for the next ones.
  [[nodiscard]] char* send_buffer();
  [[nodiscard]] ReplyStream& replies() noexcept { return replies_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] std::uint16_t index() const noexcept { return index_; }
  [[nodiscard]] std::uint32_t era() const noexcept { return era_; }
  [[nodiscard]] std::uint32_t life() const noexcept { return life_; }

  // ConnectionPool's alone.
  std::int64_t idle_since_ns = 0;  // the coarse clock
  Connection* next = nullptr;
  Connection* previous = nullptr;

 private:
  enum class State : std::uint8_t { made, connecting, asking, open };
  [[nodiscard]] Opening connect() noexcept;
  [[nodiscard]] Opening ask() noexcept;
  [[nodiscard]] Opening read_version() noexcept;

  SocketAddress address_;
  int fd_ = -1;
  const std::uint16_t index_;  // of its backend
  const std::uint32_t era_;    // which life of the backend at that index
  const std::uint32_t life_;   // which process made it: its count of forks
  State state_ = State::made;
  ReplyStream replies_;
  std::unique_ptr<char[]> send_buffer_;
};

}  // namespace ringfence::shim::client
