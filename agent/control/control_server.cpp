// The control socket's server. Bounded in every direction: clients, bytes a line, seconds a line.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <set>
#include <utility>

#include "agent/control/commands.hpp"
#include "agent/control/control.hpp"

namespace ringfence::agent::control {
namespace {

constexpr std::size_t line_bytes_max = std::size_t{64} * 1024;
constexpr std::uint64_t line_limit_ms = 5000;  // from connecting, or from the last reply
// Tools ask one at a time; more are refused, so that a leak elsewhere cannot eat descriptors.
constexpr std::size_t client_count_max = 64;
// A client that does not read its replies is closed when more than this waits for it.
constexpr std::size_t unread_bytes_max = std::size_t{8} * 1024 * 1024;
constexpr int backlog = 64;

class Server;

// One connected tool. Owned by libuv's handles: freed when both are closed.
class Client {
 public:
  Client(Server& server, uv_loop_t* loop);
  [[nodiscard]] bool accept(uv_stream_t* listener);
  void close();
  void release();

 private:
  struct Write {
    uv_write_t request{};
    std::string bytes;
    Client* client = nullptr;
  };

  void on_read(ssize_t count);
  void take_lines();
  void reply(std::uint64_t number, const std::string& json);
  void send(std::string bytes);
  void restart_timer();

  Server& server_;
  Peer peer_;
  uv_pipe_t pipe_{};
  uv_timer_t timer_{};
  std::array<char, 4096> chunk_{};
  std::string line_;
  std::uint64_t asked_count_ = 0;  // requests taken; a reply names its own
  bool is_answering_ = false;      // one request at a time; the rest waits in line_
  bool is_taking_ = false;         // inside take_lines()
  bool is_closing_ = false;
  int open_handle_count_ = 2;
  std::size_t unread_bytes_ = 0;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);

  friend class Server;
};

class Server final : public ControlServer {
 public:
  Server(uv_loop_t* loop, std::string path, Handler handler)
      : loop_(loop), path_(std::move(path)), handler_(std::move(handler)) {
    uv_pipe_init(loop_, &listener_, 0);
    listener_.data = this;
  }

  [[nodiscard]] int listen(int fd) {
    if (const int status = uv_pipe_open(&listener_, fd); status != 0) return status;
    return uv_listen(reinterpret_cast<uv_stream_t*>(&listener_), backlog,
                     [](uv_stream_t* stream, int status) {
                       if (status == 0) static_cast<Server*>(stream->data)->on_connection();
                     });
  }

  void close(std::function<void()> done) override {
    on_closed_ = std::move(done);
    unlink(path_.c_str());
    for (Client* client : std::set<Client*>(clients_)) client->close();
    uv_close(reinterpret_cast<uv_handle_t*>(&listener_), [](uv_handle_t* handle) {
      auto* self = static_cast<Server*>(handle->data);
      self->is_listener_closed_ = true;
      self->maybe_closed();
    });
  }

  void forget(Client* client) {
    clients_.erase(client);
    maybe_closed();
  }
  [[nodiscard]] const Handler& handler() const { return handler_; }

 private:
  void on_connection() {
    auto* client = new Client(*this, loop_);
    clients_.insert(client);
    const bool is_accepted = client->accept(reinterpret_cast<uv_stream_t*>(&listener_));
    if (!is_accepted || clients_.size() > client_count_max) client->close();
  }

  void maybe_closed() {
    if (!is_listener_closed_ || !clients_.empty() || !on_closed_) return;
    std::exchange(on_closed_, nullptr)();
  }

  uv_loop_t* loop_;
  std::string path_;
  Handler handler_;
  uv_pipe_t listener_{};
  std::set<Client*> clients_;
  bool is_listener_closed_ = false;
  std::function<void()> on_closed_;
};

Client::Client(Server& server, uv_loop_t* loop) : server_(server) {
  uv_pipe_init(loop, &pipe_, 0);
  uv_timer_init(loop, &timer_);
  pipe_.data = timer_.data = this;
}

bool Client::accept(uv_stream_t* listener) {
  if (uv_accept(listener, reinterpret_cast<uv_stream_t*>(&pipe_)) != 0) return false;
  uv_os_fd_t fd = -1;
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&pipe_), &fd) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return false;
  }
  peer_ = Peer{credentials.uid, credentials.gid, credentials.pid,
               credentials.uid == 0 || credentials.uid == geteuid()};
  restart_timer();
  const auto on_alloc = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    auto& chunk = static_cast<Client*>(handle->data)->chunk_;
    *buffer = uv_buf_init(chunk.data(), static_cast<unsigned>(chunk.size()));
  };
  return uv_read_start(reinterpret_cast<uv_stream_t*>(&pipe_), on_alloc,
                       [](uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
                         static_cast<Client*>(stream->data)->on_read(count);
                       }) == 0;
}

void Client::restart_timer() {
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<Client*>(timer->data)->close(); }, line_limit_ms,
      0);
}

void Client::on_read(ssize_t count) {
  if (is_closing_ || count == 0) return;
  if (count < 0) return close();
  line_.append(chunk_.data(), static_cast<std::size_t>(count));
  take_lines();
}

void Client::take_lines() {
  if (is_taking_) return;
  is_taking_ = true;
  while (!is_closing_ && !is_answering_) {
    const std::size_t end = line_.find('\n');
    if (end == std::string::npos) break;
    std::string request = line_.substr(0, end);
    line_.erase(0, end + 1);
    is_answering_ = true;
    uv_timer_stop(&timer_);
    const std::uint64_t number = ++asked_count_;
    if (!is_json_object(request)) {
      reply(number, error_reply("a request is one JSON object on one line"));
      continue;
    }
    const std::weak_ptr<bool> alive = is_alive_;
    server_.handler()(peer_, request, [this, alive, number](const std::string& json) {
      if (!alive.expired()) reply(number, json);
    });
  }
  is_taking_ = false;
  if (is_closing_ || line_.size() <= line_bytes_max) return;
  send(error_reply("a request is at most 64 KiB") + "\n");
  close();
}

void Client::reply(std::uint64_t number, const std::string& json) {
  if (is_closing_ || !is_answering_ || number != asked_count_) return;
  is_answering_ = false;
  restart_timer();
  send(json + "\n");
  take_lines();
}

void Client::send(std::string bytes) {
  uv_buf_t buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
  auto* stream = reinterpret_cast<uv_stream_t*>(&pipe_);
  const int sent = uv_try_write(stream, &buffer, 1);
  if (sent == static_cast<int>(bytes.size())) return;
  if (sent < 0 && sent != UV_EAGAIN) return close();
  auto* write = new Write{{}, bytes.substr(sent > 0 ? static_cast<std::size_t>(sent) : 0), this};
  write->request.data = write;
  unread_bytes_ += write->bytes.size();
  buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  const auto on_written = [](uv_write_t* request, int) {
    auto* done = static_cast<Write*>(request->data);
    done->client->unread_bytes_ -= done->bytes.size();
    delete done;
  };
  if (uv_write(&write->request, stream, &buffer, 1, on_written) != 0) {
    delete write;
    return close();
  }
  if (unread_bytes_ > unread_bytes_max) close();
}

void Client::close() {
  if (is_closing_) return;
  is_closing_ = true;
  is_alive_.reset();
  const auto on_closed = [](uv_handle_t* handle) { static_cast<Client*>(handle->data)->release(); };
  uv_close(reinterpret_cast<uv_handle_t*>(&pipe_), on_closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), on_closed);
}

void Client::release() {
  if (--open_handle_count_ != 0) return;
  server_.forget(this);
  delete this;
}

// A socket file that nobody listens on is left over and goes; a live one is another agent's.
Status make_way(const sockaddr_un& address, const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return Done{};
    return os_error("control socket " + path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error{"control socket " + path +
                 ": something that is no socket stands there; remove it, "
                 "or name another path with --control"};
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return os_error("socket");
  const bool is_alive =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN;
  ucred owner{};
  socklen_t size = sizeof(owner);
  if (is_alive) getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &size);
  ::close(fd);
  if (is_alive) {
    return Error{
        fmt::format("control socket {}: another agent (pid {}) listens there; stop it, or "
                    "name another path with --control",
                    path, owner.pid)};
  }
  if (unlink(path.c_str()) != 0) return os_error("remove the old control socket " + path);
  return Done{};
}

Result<int> bind_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Error{"control socket " + path + ": a unix path holds 1 to 107 bytes"};
  }
  path.copy(address.sun_path, path.size());
  if (Status way = make_way(address, path); !way) return way.error();
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return os_error("socket");
  // Made with no rights for others at any moment.
  const mode_t earlier = umask(0117);
  const int status = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int bind_errno = errno;
  umask(earlier);
  if (status == 0) return fd;
  ::close(fd);
  Error error = os_error("control socket " + path, bind_errno);
  if (bind_errno == EACCES || bind_errno == EROFS) {
    error.message += ": this user may not write there; name another path with --control";
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(uv_loop_t* loop,
                                                            const std::string& path,
                                                            Handler handler) {
  Result<int> fd = bind_socket(path);
  if (!fd) return fd.error();
  auto server = std::make_unique<Server>(loop, path, std::move(handler));
  if (const int status = server->listen(fd.value()); status != 0) {
    Server* failed = server.release();
    failed->close([failed] { delete failed; });
    return Error{"control socket " + path + ": " + uv_strerror(status), -status};
  }
  return std::unique_ptr<ControlServer>(std::move(server));
}

}  // namespace ringfence::agent::control
