// Large values on their way to a backend: each streams over a connection of its own, as fast as
// the slower side takes it, and no byte of it waits here. Its client takes no other command
// meanwhile. At most upload_count_max at once; others wait their turn.
// Its I/O thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/port/dispatcher.hpp"
#include "agent/port/request.hpp"
#include "agent/port/socket_watch.hpp"
#include "agent/port/sockets.hpp"

namespace ringfence::agent::port {

class BackendLink;
class IoThread;
class Upload;
class Uploads;

// A connection to one life of one backend, used by one upload at a time or kept for the next.
class UploadConnection final : public SocketOwner {
 public:
  UploadConnection(Uploads& uploads, const BackendLink& link);
  void on_socket(int events) override;
  [[nodiscard]] bool leads_to(const BackendLink& link) const noexcept;

  Upload* user = nullptr;  // null: idle
  SocketWatch watch;

 private:
  friend class Uploads;
  Uploads& uploads_;
  SocketAddress address_;
  std::uint64_t incarnation_;
  std::uint16_t index_;
  Wire wire_;
};

class Upload {
 public:
  Upload(IoThread& thread, Request& request, std::size_t stream_bytes);

  void connect(BackendLink& link);
  void pump();  // moves what there is from the client to the backend, or to nowhere
  void on_socket(int events);
  void on_answered();
  void tick(std::uint64_t now_ms);
  void detach(bool ends_connection);

  [[nodiscard]] Client& client() noexcept { return *client_; }
  [[nodiscard]] Request* request() noexcept { return request_; }
  [[nodiscard]] bool is_over() const noexcept { return request_ == nullptr && left_bytes_ == 0; }

 private:
  enum class State : std::uint8_t { waiting, connecting, streaming, swallowing };
  void begin_streaming();
  [[nodiscard]] bool send(std::string_view bytes, std::size_t& sent_bytes);
  void swallow();
  void receive();
  void take_reply();
  void lose(LossKind kind);

  IoThread& thread_;
  Client* client_;
  Request* request_;  // null once it is answered
  std::unique_ptr<UploadConnection> connection_;
  std::string header_;      // the command before its value; what is left of it
  std::string reply_;       // as much of the answer as has come
  std::size_t left_bytes_;  // of the value (in text with its CRLF) still to come from the client
  std::uint64_t progress_ms_;
  State state_ = State::waiting;
  bool is_backend_full_ = false;
};

class Uploads {
 public:
  explicit Uploads(IoThread& thread) : thread_(thread) {}

  // `stream_bytes`: of the value, in text with its CRLF. The client must be idle.
  void begin(Client& client, Request& request, std::size_t stream_bytes);
  void connect(Request& request, BackendLink& link);  // the dispatcher routed it
  void pump(Client& client);
  void on_answered(Client& client);
  void abandon(Client& client);  // its connection ended
  [[nodiscard]] bool tick(std::uint64_t now_ms);
  void close() { idle_.clear(), ended_.clear(), dropped_.clear(); }  // the thread ends

  [[nodiscard]] std::unique_ptr<UploadConnection> take_idle(const BackendLink& link);
  void keep_idle(std::unique_ptr<UploadConnection> connection);
  void drop_idle(const UploadConnection& connection);
  void discard(std::unique_ptr<UploadConnection> connection);

 private:
  void end(Client& client);
  void start_next();

  IoThread& thread_;
  std::vector<std::unique_ptr<Upload>> active_;
  std::deque<std::unique_ptr<Upload>> waiting_;
  std::vector<std::unique_ptr<Upload>> ended_;  // freed at the next tick: they may be on the stack
  std::vector<std::unique_ptr<UploadConnection>> idle_, dropped_;
};

}  // namespace ringfence::agent::port
