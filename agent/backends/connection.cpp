#include "agent/backends/connection.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>

namespace ringfence::agent::backends {
namespace {

struct PendingWrite {
  uv_write_t request{};
  std::string bytes;
};

}  // namespace

Connection::Connection(ConnectionContext& context, ConnectionEvents& events,
                       const Endpoint& endpoint)
    : context_(context), events_(&events), endpoint_(endpoint) {
  ++context_.live_count;
  if (endpoint_.is_unix()) {
    uv_pipe_init(context_.loop, &uv_.pipe, 0);
  } else {
    uv_tcp_init(context_.loop, &uv_.tcp);
  }
  uv_.handle.data = this;
  connect_request_.data = this;
  resolve_request_.data = this;
}

Connection::~Connection() {
  if (--context_.live_count == 0 && context_.on_none_left) context_.on_none_left();
}

Connection* Connection::open(ConnectionContext& context, ConnectionEvents& events,
                             const Endpoint& endpoint, const SocketAddress& known) {
  auto* connection = new Connection(context, events, endpoint);
  if (endpoint.is_name() && known.storage.ss_family == AF_UNSPEC) {
    connection->resolve();
  } else {
    connection->connect(endpoint.is_name() ? known : literal_address(endpoint));
  }
  return connection;
}

void Connection::resolve() {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  is_resolving_ = true;
  const auto on_resolved = [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
    const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> owned(found, uv_freeaddrinfo);
    auto* self = static_cast<Connection*>(request->data);
    self->is_resolving_ = false;
    if (self->events_ == nullptr) return self->release();
    if (status != 0) {
      return self->fail("cannot resolve " + self->endpoint_.host + ": " + uv_strerror(status));
    }
    SocketAddress address;
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    self->connect(address);
  };
  const std::string port = std::to_string(endpoint_.port);
  const int status = uv_getaddrinfo(context_.loop, &resolve_request_, on_resolved,
                                    endpoint_.host.c_str(), port.c_str(), &hints);
  if (status != 0) {
    is_resolving_ = false;
    fail_later(status);
  }
}

void Connection::connect(const SocketAddress& address) {
  const auto on_connect = [](uv_connect_t* request, int status) {
    auto* self = static_cast<Connection*>(request->data);
    if (self->events_ == nullptr) return;
    if (status != 0) return self->fail(std::string("connect: ") + uv_strerror(status));
    self->start_reading();
  };
  resolved_ = address;
  if (endpoint_.is_unix()) {
    uv_pipe_connect(&connect_request_, &uv_.pipe, endpoint_.host.c_str(), on_connect);
    return;
  }
  uv_tcp_nodelay(&uv_.tcp, 1);
  const int status =
      uv_tcp_connect(&connect_request_, &uv_.tcp,
                     reinterpret_cast<const sockaddr*>(&resolved_.storage), on_connect);
  if (status != 0) fail_later(status);
}

void Connection::start_reading() {
  const auto on_alloc = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    auto& bytes = static_cast<Connection*>(handle->data)->context_.read_buffer;
    *buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
  };
  const auto on_read = [](uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
    auto* self = static_cast<Connection*>(stream->data);
    if (self->events_ == nullptr || count == 0) return;
    if (count == UV_EOF) return self->fail("it closed the connection");
    if (count < 0) return self->fail(uv_strerror(static_cast<int>(count)));
    self->events_->on_bytes({buffer->base, static_cast<std::size_t>(count)});
  };
  const int status = uv_read_start(&uv_.stream, on_alloc, on_read);
  if (status != 0) return fail(uv_strerror(status));
  events_->on_connected(resolved_);
}

// Towards an address of its own, a host speaks from that same address.
bool Connection::is_local() const {
  if (endpoint_.is_unix()) return true;
  SocketAddress own;
  int size = sizeof(own.storage);
  auto* const name = reinterpret_cast<sockaddr*>(&own.storage);
  if (uv_tcp_getsockname(&uv_.tcp, name, &size) != 0) return false;
  const SegmentAddress here = segment_address(endpoint_, own);
  const SegmentAddress there = segment_address(endpoint_, resolved_);
  return std::equal(std::begin(here.ip), std::end(here.ip), std::begin(there.ip));
}

void Connection::send(std::string_view bytes) {
  if (events_ == nullptr) return;
  uv_buf_t buffer =
      uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  const int sent = uv_try_write(&uv_.stream, &buffer, 1);
  if (sent == static_cast<int>(bytes.size())) return;
  auto pending = std::make_unique<PendingWrite>();
  pending->bytes = std::string(bytes.substr(sent > 0 ? static_cast<std::size_t>(sent) : 0));
  pending->request.data = pending.get();
  buffer = uv_buf_init(pending->bytes.data(), static_cast<unsigned>(pending->bytes.size()));
  // A failed write needs no handling of its own: the read side reports the same connection's end,
  // or the answer's deadline passes.
  const auto on_written = [](uv_write_t* request, int) {
    delete static_cast<PendingWrite*>(request->data);
  };
  if (uv_write(&pending->request, &uv_.stream, &buffer, 1, on_written) == 0) {
    static_cast<void>(pending.release());
  }
}

void Connection::fail(const std::string& why) {
  ConnectionEvents* events = events_;
  close();
  events->on_failed(why);
}

// open() must not call back; the refusal is told from a timer-less turn of the loop.
void Connection::fail_later(int uv_status) {
  struct Later {
    uv_idle_t idle{};
    Connection* connection = nullptr;
    int status = 0;
  };
  auto* later = new Later{{}, this, uv_status};
  uv_idle_init(context_.loop, &later->idle);
  later->idle.data = later;
  is_failing_later_ = true;
  uv_idle_start(&later->idle, [](uv_idle_t* idle) {
    auto* fired = static_cast<Later*>(idle->data);
    uv_idle_stop(idle);
    Connection* self = fired->connection;
    const int status = fired->status;
    uv_close(reinterpret_cast<uv_handle_t*>(idle),
             [](uv_handle_t* handle) { delete static_cast<Later*>(handle->data); });
    self->is_failing_later_ = false;
    if (self->events_ == nullptr) return self->release();
    self->fail(std::string("connect: ") + uv_strerror(status));
  });
}

void Connection::close() {
  if (events_ == nullptr) return;
  events_ = nullptr;
  if (is_resolving_) uv_cancel(reinterpret_cast<uv_req_t*>(&resolve_request_));
  uv_close(&uv_.handle, [](uv_handle_t* handle) {
    auto* self = static_cast<Connection*>(handle->data);
    self->is_handle_closed_ = true;
    self->release();
  });
}

void Connection::release() {
  if (is_handle_closed_ && !is_resolving_ && !is_failing_later_) delete this;
}

}  // namespace ringfence::agent::backends
