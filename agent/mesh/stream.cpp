#include "agent/mesh/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <utility>

namespace ringfence::agent::mesh {
namespace {

// Unsent bytes the kernel may hold for one connection: a ping waits behind no more. 1 ms at 1
// Gbit/s.
constexpr int unsent_bytes_max = 128 << 10;

constexpr const char* plaintext_refusal =
    "plaintext (mesh.insecure) with another host: it is for loopback alone";

uv_stream_t* as_stream(uv_tcp_t& tcp) {
  return reinterpret_cast<uv_stream_t*>(&tcp);
}

}  // namespace

struct Stream::Write {
  uv_write_t request{};
  std::string bytes;
};

Stream::Stream(StreamContext& context, StreamEvents& events) : context_(context), events_(&events) {
  context_.live_count++;
  uv_tcp_init(context_.loop, &tcp_);
  uv_timer_init(context_.loop, &later_);
  tcp_.data = later_.data = connect_request_.data = shutdown_request_.data = this;
}

bool Stream::start(Side side) {
  if (context_.tls == nullptr) return true;
  Result<std::unique_ptr<TlsSession>> session = TlsSession::make(*context_.tls, side);
  if (!session) return false;
  tls_ = std::move(session).value();
  return true;
}

Stream* Stream::dial(StreamContext& context, StreamEvents& events, const SocketAddress& to) {
  auto* stream = new Stream(context, events);
  stream->remote_ = to;
  const auto on_connected = [](uv_connect_t* request, int status) {
    static_cast<Stream*>(request->data)->on_connected(status);
  };
  // Not even a connection: the first bytes would be the greeting.
  if (context.tls == nullptr && !is_loopback(to)) {
    stream->fail_later(EndKind::refused, plaintext_refusal);
    return stream;
  }
  int status = UV_ENOMEM;
  if (stream->start(Side::dialler)) {
    status = uv_tcp_connect(&stream->connect_request_, &stream->tcp_, to.get(), on_connected);
  }
  if (status != 0) stream->fail_later(EndKind::lost, uv_strerror(status));
  return stream;
}

Stream* Stream::accept(StreamContext& context, StreamEvents& events, uv_stream_t* listener) {
  auto* stream = new Stream(context, events);
  int size = sizeof stream->remote_.storage;
  const bool is_accepted =
      uv_accept(listener, as_stream(stream->tcp_)) == 0 &&
      uv_tcp_getpeername(&stream->tcp_, reinterpret_cast<sockaddr*>(&stream->remote_.storage),
                         &size) == 0 &&
      stream->start(Side::acceptor);
  if (!is_accepted) {
    stream->close();
    return nullptr;
  }
  // At the next turn, as for who dials.
  uv_timer_start(
      &stream->later_,
      [](uv_timer_t* timer) { static_cast<Stream*>(timer->data)->on_connected(0); }, 0, 0);
  return stream;
}

// Plaintext proves nothing: both ends must be this host's own.
bool Stream::is_allowed() const {
  if (tls_ != nullptr) return true;
  SocketAddress local;
  int size = sizeof local.storage;
  return uv_tcp_getsockname(&tcp_, reinterpret_cast<sockaddr*>(&local.storage), &size) == 0 &&
         is_loopback(local) && is_loopback(remote_);
}

void Stream::set_options() {
  uv_tcp_nodelay(&tcp_, 1);
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&tcp_), &fd) != 0) return;
  // Without it a ping waits behind megabytes in the kernel; that costs latency and nothing else.
  static_cast<void>(
      setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max, sizeof unsent_bytes_max));
}

void Stream::on_connected(int status) {
  if (events_ == nullptr) return;
  if (status != 0) return fail(EndKind::lost, uv_strerror(status));
  set_options();
  if (!is_allowed()) {
    return fail(EndKind::refused, plaintext_refusal);
  }
  const auto on_alloc = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    auto& place = static_cast<Stream*>(handle->data)->context_.wire_buffer;
    *buffer = uv_buf_init(place.data(), static_cast<unsigned>(place.size()));
  };
  const int reading = uv_read_start(
      as_stream(tcp_), on_alloc, [](uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
        static_cast<Stream*>(stream->data)->on_read(count, buffer->base);
      });
  if (reading != 0) return fail(EndKind::lost, uv_strerror(reading));
  if (tls_ == nullptr) return secured();
  take_wire({});  // who dials speaks first
}

void Stream::secured() {
  is_secured_ = true;
  events_->on_secured();
}

void Stream::on_read(ssize_t count, const char* bytes) {
  if (events_ == nullptr || count == 0) return;
  if (count == UV_EOF) return fail(EndKind::lost, "the other side closed the connection");
  if (count < 0) return fail(EndKind::lost, uv_strerror(static_cast<int>(count)));
  received_bytes_ += static_cast<std::uint64_t>(count);
  if (is_finishing_) return;
  take_wire({bytes, static_cast<std::size_t>(count)});
}

void Stream::take_wire(std::string_view bytes) {
  if (tls_ == nullptr) return events_->on_bytes(bytes);
  tls_->feed(bytes);
  if (!is_secured_) {
    const Result<bool> is_done = tls_->advance();
    send_wire(tls_->output());  // also the alert that says why not
    if (!is_done) return fail(EndKind::refused, is_done.error().message);
    if (!is_done.value()) return;
    secured();
  }
  take_plain();
}

void Stream::take_plain() {
  while (events_ != nullptr && !is_finishing_) {
    const Result<std::size_t> count =
        tls_->read(context_.plain_buffer.data(), context_.plain_buffer.size());
    if (!count) return fail(EndKind::refused, count.error().message);
    if (count.value() == 0) break;
    events_->on_bytes({context_.plain_buffer.data(), count.value()});
  }
  if (events_ != nullptr) send_wire(tls_->output());  // answers to changes of keys
}

void Stream::write(std::string_view bytes) {
  if (is_closing_ || is_finishing_ || bytes.empty()) return;
  if (tls_ == nullptr) return send_wire(std::string(bytes));
  if (!tls_->write(bytes)) return fail_later(EndKind::lost, "TLS: it takes no more bytes");
  send_wire(tls_->output());
}

void Stream::send_wire(std::string bytes) {
  if (is_closing_ || bytes.empty()) return;
  handed_bytes_ += bytes.size();
  uv_buf_t buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
  const int sent = uv_try_write(as_stream(tcp_), &buffer, 1);
  if (sent == static_cast<int>(bytes.size())) return;
  if (sent < 0 && sent != UV_EAGAIN) return fail_later(EndKind::lost, uv_strerror(sent));
  auto* write = new Write{{}, std::move(bytes)};
  write->request.data = write;
  const std::size_t taken = sent > 0 ? static_cast<std::size_t>(sent) : 0;
  buffer =
      uv_buf_init(write->bytes.data() + taken, static_cast<unsigned>(write->bytes.size() - taken));
  const auto on_written = [](uv_write_t* request, int status) {
    auto* self = static_cast<Stream*>(request->handle->data);
    delete static_cast<Write*>(request->data);
    if (self->events_ == nullptr) return;
    if (status != 0) return self->fail(EndKind::lost, uv_strerror(status));
    if (uv_stream_get_write_queue_size(as_stream(self->tcp_)) != 0) return;
    self->is_writing_ = false;
    self->events_->on_writable();
  };
  is_writing_ = true;
  if (const int status = uv_write(&write->request, as_stream(tcp_), &buffer, 1, on_written);
      status != 0) {
    delete write;
    fail_later(EndKind::lost, uv_strerror(status));
  }
}

std::uint64_t Stream::waiting_bytes() const {
  return is_closing_ ? 0
                     : uv_stream_get_write_queue_size(reinterpret_cast<const uv_stream_t*>(&tcp_));
}

std::uint64_t Stream::sent_bytes() const {
  return handed_bytes_ - waiting_bytes();
}

void Stream::finish() {
  if (is_closing_ || is_finishing_) return;
  is_finishing_ = true;
  uv_shutdown(&shutdown_request_, as_stream(tcp_), [](uv_shutdown_t*, int) {});
}

void Stream::fail(EndKind kind, const std::string& why) {
  StreamEvents* events = std::exchange(events_, nullptr);
  close();
  if (events != nullptr) events->on_ended(kind, why);
}

void Stream::fail_later(EndKind kind, const std::string& why) {
  if (is_closing_ || !later_why_.empty()) return;
  later_kind_ = kind;
  later_why_ = why;
  uv_timer_start(
      &later_,
      [](uv_timer_t* timer) {
        auto* self = static_cast<Stream*>(timer->data);
        self->fail(self->later_kind_, self->later_why_);
      },
      0, 0);
}

void Stream::close() {
  events_ = nullptr;
  if (is_closing_) return;
  is_closing_ = true;
  const auto on_closed = [](uv_handle_t* handle) { static_cast<Stream*>(handle->data)->release(); };
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), on_closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&later_), on_closed);
}

void Stream::release() {
  if (--open_handle_count_ != 0) return;
  StreamContext& context = context_;
  delete this;
  context.drop_one();
}

}  // namespace ringfence::agent::mesh
