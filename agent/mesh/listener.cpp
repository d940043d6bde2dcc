#include "agent/mesh/listener.hpp"

#include <utility>

namespace ringfence::agent::mesh {
namespace {

// A fleet that starts at once connects at once.
constexpr int backlog = 1024;

}  // namespace

Listener::Listener(StreamContext& context, OnConnection on_connection)
    : context_(context), on_connection_(std::move(on_connection)) {
  context_.live_count++;
  uv_tcp_init(context_.loop, &tcp_);
  tcp_.data = this;
}

int Listener::listen(const SocketAddress& address) {
  int status = uv_tcp_bind(&tcp_, address.get(), 0);
  if (status == 0) {
    status = uv_listen(reinterpret_cast<uv_stream_t*>(&tcp_), backlog,
                       [](uv_stream_t* stream, int accept_status) {
                         auto* self = static_cast<Listener*>(stream->data);
                         if (accept_status == 0 && self->on_connection_)
                           self->on_connection_(stream);
                       });
  }
  if (status != 0) return status;
  SocketAddress bound;
  int size = sizeof bound.storage;
  status = uv_tcp_getsockname(&tcp_, reinterpret_cast<sockaddr*>(&bound.storage), &size);
  port_ = port_of(bound);
  return status;
}

Result<Listener*> Listener::open(StreamContext& context, const std::string& address,
                                 OnConnection on_connection) {
  const Result<HostPort> parts = split_address(address);
  if (!parts) return parts.error().in("mesh.listen");
  const SocketAddress literal = literal_address(parts.value());
  if (literal.storage.ss_family == AF_UNSPEC) {
    return Error{"mesh.listen " + address + ": a port is opened on a literal address, not a name"};
  }
  if (context.tls == nullptr && !is_loopback(literal)) {
    return Error{"mesh.listen " + address +
                 ": plaintext (mesh.insecure) is for loopback alone: give mesh.key_file"};
  }
  auto* listener = new Listener(context, std::move(on_connection));
  if (const int status = listener->listen(literal); status != 0) {
    listener->close();
    return Error{"mesh.listen " + address + ": " + uv_strerror(status), -status};
  }
  return listener;
}

void Listener::close() {
  on_connection_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), [](uv_handle_t* handle) {
    auto* self = static_cast<Listener*>(handle->data);
    StreamContext& context = self->context_;
    delete self;
    context.drop_one();
  });
}

}  // namespace ringfence::agent::mesh
