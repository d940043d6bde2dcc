#include "agent/shims/hint_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <set>
#include <utility>

#include "shim/sockets.hpp"
#include "shm_layout/hint.hpp"

namespace ringfence::agent::shims {
namespace {

// Read at once, and then not before a pause: a flood costs a hundred wake-ups a second.
constexpr int datagrams_a_turn = 64;
constexpr std::uint64_t pause_ms = 10;

Result<int> open_socket(const std::string& path, std::optional<gid_t> group) {
  const auto address = shim::unix_address(path);
  if (!address) {
    return Error{path + " is longer than a unix socket's path may be (" +
                 std::to_string(shim::unix_path_bytes_max()) + " bytes)"};
  }
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return os_error("make a socket");
  unlink(path.c_str());
  const auto* name = reinterpret_cast<const sockaddr*>(&address->storage);
  const bool is_bound = bind(fd, name, address->size) == 0 &&
                        (!group || chown(path.c_str(), static_cast<uid_t>(-1), *group) == 0) &&
                        chmod(path.c_str(), 0660) == 0;
  if (is_bound) return fd;
  Error error = os_error("listen on " + path);
  close(fd);
  return error;
}

}  // namespace

struct HintSocket::Handles {
  int fd = -1;
  std::string path;
  Sink sink;
  uv_poll_t poll{};
  uv_timer_t pause{};
  int open_count = 2;

  void listen() {
    uv_poll_start(&poll, UV_READABLE,
                  [](uv_poll_t* handle, int, int) { static_cast<Handles*>(handle->data)->read(); });
  }

  void read() {
    std::set<std::uint16_t> backends;
    for (int i = 0; i < datagrams_a_turn; ++i) {
      shm_layout::Hint bytes;
      // MSG_TRUNC: the datagram's true size, so that a longer one is not taken for a hint.
      const ssize_t size = recv(fd, &bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
      if (size < 0) break;
      const auto backend = shm_layout::read_hint(&bytes, static_cast<std::size_t>(size));
      if (backend) backends.insert(*backend);
    }
    uv_poll_stop(&poll);
    uv_timer_start(
        &pause, [](uv_timer_t* timer) { static_cast<Handles*>(timer->data)->listen(); }, pause_ms,
        0);
    for (const std::uint16_t backend : backends) sink(backend);
  }

  static void on_closed(uv_handle_t* handle) {
    auto* self = static_cast<Handles*>(handle->data);
    if (--self->open_count > 0) return;
    close(self->fd);
    delete self;
  }
};

Result<std::unique_ptr<HintSocket>> HintSocket::open(uv_loop_t* loop, const std::string& path,
                                                     std::optional<gid_t> group, Sink sink) {
  const Result<int> fd = open_socket(path, group);
  if (!fd) return fd.error();
  auto handles = std::make_unique<Handles>();
  handles->fd = fd.value();
  handles->path = path;
  handles->sink = std::move(sink);
  handles->poll.data = handles->pause.data = handles.get();
  if (const int status = uv_poll_init(loop, &handles->poll, handles->fd); status != 0) {
    ::close(handles->fd);
    return Error{"watch " + path + ": " + uv_strerror(status)};
  }
  uv_timer_init(loop, &handles->pause);
  handles->listen();
  return std::unique_ptr<HintSocket>(new HintSocket(handles.release()));
}

HintSocket::~HintSocket() {
  unlink(handles_->path.c_str());
  handles_->sink = [](std::uint16_t) {};
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->poll), Handles::on_closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->pause), Handles::on_closed);
}

}  // namespace ringfence::agent::shims
