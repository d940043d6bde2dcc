#include "agent/port/uploads.hpp"

#include <algorithm>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"

namespace ringfence::agent::port {

UploadConnection::UploadConnection(Uploads& uploads, const BackendLink& link)
    : uploads_(uploads),
      address_(link.address()),
      incarnation_(link.incarnation()),
      index_(link.index()),
      wire_(link.wire()) {}

bool UploadConnection::leads_to(const BackendLink& link) const noexcept {
  return index_ == link.index() && wire_ == link.wire() && incarnation_ == link.incarnation() &&
         address_ == link.address();
}

void UploadConnection::on_socket(int events) {
  if (user != nullptr) {
    user->on_socket(events);
  } else {
    uploads_.drop_idle(*this);  // closed by the backend, or out of step
  }
}

void Uploads::begin(Client& client, Request& request, std::size_t stream_bytes) {
  auto upload = std::make_unique<Upload>(thread_, request, stream_bytes);
  client.upload = upload.get();
  client.queue(request);
  count_command(thread_.counters(), request.verb);
  waiting_.push_back(std::move(upload));
  thread_.need_tick();
  start_next();
}

void Uploads::start_next() {
  while (active_.size() < upload_count_max && !waiting_.empty()) {
    active_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    thread_.dispatcher().submit(*active_.back()->request());
  }
}

void Uploads::connect(Request& request, BackendLink& link) {
  request.client->upload->connect(link);
}

void Uploads::pump(Client& client) {
  client.upload->pump();
  if (client.upload != nullptr && client.upload->is_over()) end(client);
}

void Uploads::on_answered(Client& client) {
  if (client.upload == nullptr) return;
  client.upload->on_answered();
  if (client.upload->is_over()) end(client);
}

// Takes the upload off its client, which goes on with its next command.
void Uploads::end(Client& client) {
  const auto is_it = [&](const auto& upload) { return upload.get() == client.upload; };
  const auto active = std::find_if(active_.begin(), active_.end(), is_it);
  const auto waiting = std::find_if(waiting_.begin(), waiting_.end(), is_it);
  if (active != active_.end()) {
    ended_.push_back(std::move(*active));
    active_.erase(active);
  } else if (waiting != waiting_.end()) {
    ended_.push_back(std::move(*waiting));
    waiting_.erase(waiting);
  }
  client.upload = nullptr;
  if (!client.is_closed()) {
    thread_.mark_runnable(client);
    thread_.mark_dirty(client);
  }
  start_next();
}

void Uploads::abandon(Client& client) {
  Request* request = client.upload->request();
  client.upload->detach(true);
  end(client);
  // A parked one is answered by the dispatcher.
  if (request != nullptr && request->park == Park::none) client.answered(*request);
}

bool Uploads::tick(std::uint64_t now_ms) {
  ended_.clear();
  dropped_.clear();
  // From the back: an upload that ends takes itself out of the list.
  for (std::size_t i = active_.size(); i > 0; --i) {
    if (i <= active_.size()) active_[i - 1]->tick(now_ms);
  }
  return !active_.empty() || !waiting_.empty();
}

std::unique_ptr<UploadConnection> Uploads::take_idle(const BackendLink& link) {
  for (auto& kept : idle_) {
    if (!kept->leads_to(link)) continue;
    std::unique_ptr<UploadConnection> connection = std::move(kept);
    std::swap(kept, idle_.back());
    idle_.pop_back();
    return connection;
  }
  return nullptr;
}

void Uploads::keep_idle(std::unique_ptr<UploadConnection> connection) {
  const auto same = std::count_if(idle_.begin(), idle_.end(), [&](const auto& kept) {
    return kept->index_ == connection->index_;
  });
  if (static_cast<std::uint32_t>(same) >= idle_upload_count_max) {
    discard(std::move(connection));
    return;
  }
  connection->watch.want(UV_READABLE);  // to hear when it ends
  idle_.push_back(std::move(connection));
}

void Uploads::discard(std::unique_ptr<UploadConnection> connection) {
  connection->watch.close();
  dropped_.push_back(std::move(connection));
  thread_.need_tick();
}

void Uploads::drop_idle(const UploadConnection& connection) {
  for (auto& kept : idle_) {
    if (kept.get() != &connection) continue;
    std::unique_ptr<UploadConnection> dropped = std::move(kept);
    std::swap(kept, idle_.back());
    idle_.pop_back();
    discard(std::move(dropped));
    return;
  }
}

}  // namespace ringfence::agent::port
