#include "agent/port/flushes.hpp"

#include <atomic>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/reply_form.hpp"

namespace ringfence::agent::port {
namespace {

// Ids of all ports of the process, apart from the small ones that others may count from 1.
// Relaxed: only uniqueness matters.
std::atomic<std::uint64_t> next_id{std::uint64_t{1} << 62};

}  // namespace

void Flushes::begin(Request& request) {
  thread_.counters().cmd_flush.add();
  const std::uint64_t id = next_id.fetch_add(1, std::memory_order_relaxed);
  request.client->is_flushing = true;
  waiting_.push_back({id, thread_.now_ms() + flush_wait_ms, &request});
  thread_.need_tick();
  thread_.shared().events.on_flush_all(core::RequestId{id}, thread_.settings().pool);
}

Request& Flushes::take(std::size_t position) {
  Request& request = *waiting_[position].request;
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(position));
  request.client->is_flushing = false;
  return request;
}

void Flushes::finish(Request& request, const ReplyText& text) {
  request.client->reply(request, text.view());
  request.client->answered(request);
}

void Flushes::fail(std::size_t position, const std::string& line) {
  Request& request = take(position);
  ReplyText text;
  request.form->failure(request, line, text);
  finish(request, text);
}

void Flushes::answer(std::uint64_t id, bool is_ok, const std::string& text) {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].id != id) continue;
    if (!is_ok) {
      fail(i, "SERVER_ERROR " + text + "\r\n");
      return;
    }
    Request& request = take(i);
    ReplyText done;
    request.form->flushed(request, done);
    finish(request, done);
    return;
  }
}

void Flushes::forget(Client& client) {
  for (std::size_t i = waiting_.size(); i > 0; --i) {
    if (waiting_[i - 1].request->client == &client) client.answered(take(i - 1));
  }
}

bool Flushes::tick(std::uint64_t now_ms) {
  for (std::size_t i = waiting_.size(); i > 0; --i) {
    if (waiting_[i - 1].until_ms <= now_ms) {
      fail(i - 1, "SERVER_ERROR flush_all was not confirmed in time; it may still take effect\r\n");
    }
  }
  return !waiting_.empty();
}

}  // namespace ringfence::agent::port
