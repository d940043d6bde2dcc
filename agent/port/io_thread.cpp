#include "agent/port/io_thread.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "agent/port/client.hpp"
#include "agent/port/limits.hpp"

namespace ringfence::agent::port {
namespace {

template <typename Handle>
void close_handle(Handle& handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
}

}  // namespace

IoThread::IoThread(PortShared& shared, PortSettings settings)
    : shared_(shared),
      settings_(std::move(settings)),
      dispatcher_(*this),
      links_(*this),
      uploads_(*this),
      flushes_(*this) {}

IoThread::~IoThread() = default;

Status IoThread::start() {
  if (const int failure = uv_loop_init(&loop_); failure != 0) {
    return Error{std::string("start an I/O thread: ") + uv_strerror(failure), -failure};
  }
  loop_.data = this;
  if (const int failure = ticker_.open(&loop_, tick_ms, *this); failure != 0) {
    return Error{std::string("make a timer for an I/O thread: ") + uv_strerror(failure), -failure};
  }
  uv_async_init(&loop_, &wake_,
                [](uv_async_t* wake) { static_cast<IoThread*>(wake->loop->data)->take_posts(); });
  uv_prepare_init(&loop_, &before_poll_);
  uv_check_init(&loop_, &after_poll_);
  uv_prepare_start(&before_poll_, [](uv_prepare_t* handle) {
    static_cast<IoThread*>(handle->loop->data)->settle();
  });
  uv_check_start(&after_poll_,
                 [](uv_check_t* handle) { static_cast<IoThread*>(handle->loop->data)->settle(); });
  // Signals are the daemon's business.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run_loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return Done{};
}

void IoThread::run_loop() {
  pthread_setname_np(pthread_self(), "port-io");
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

bool IoThread::post(Task task) {
  // Under the lock also for the wake, which close_handles() closes.
  const std::lock_guard lock(posts_mutex_);
  if (takes_no_posts_) return false;
  posts_.push_back(std::move(task));
  uv_async_send(&wake_);
  return true;
}

void IoThread::join() {
  if (thread_.joinable()) thread_.join();
}

std::uint32_t IoThread::ask_for_life() {
  const std::uint32_t unanswered = asked_ - answered_.load(std::memory_order_relaxed);
  const bool is_posted = post([asking = ++asked_](IoThread& thread) {
    thread.answered_.store(asking, std::memory_order_relaxed);
  });
  return is_posted ? unanswered : 0;
}

void IoThread::take_posts() {
  std::vector<Task> posts;
  {
    const std::lock_guard lock(posts_mutex_);
    posts.swap(posts_);
  }
  for (const Task& task : posts) {
    if (!is_closing_) task(*this);
  }
}

void IoThread::adopt(int fd) {
  auto client = std::make_unique<Client>(*this);
  counters_.opened_connections.add();
  client->table_index = clients_.size();
  clients_.push_back(client.get());
  Client* opened = client.release();  // from here on it ends in bury()
  if (!opened->open(fd) || is_draining_) opened->close();
}

void IoThread::forget(Client& client) {
  clients_.back()->table_index = client.table_index;
  std::swap(clients_[client.table_index], clients_.back());
  clients_.pop_back();
  ++ghost_count_;
  counters_.closed_connections.add();
  shared_.connection_count.fetch_sub(1, std::memory_order_relaxed);
}

void IoThread::bury(Client& client) {
  if (client.is_buried) return;
  client.is_buried = true;
  --ghost_count_;
  buried_.emplace_back(&client);
}

std::size_t IoThread::client_buffer_limit() const noexcept {
  return output_.bytes > output_budget_bytes ? client_buffer_bytes_tight : client_buffer_bytes_max;
}

void IoThread::mark_runnable(Client& client) {
  if (client.is_runnable) return;
  client.is_runnable = true;
  runnable_.push_back(&client);
}

void IoThread::mark_dirty(Client& client) {
  if (client.is_dirty) return;
  client.is_dirty = true;
  dirty_clients_.push_back(&client);
}

void IoThread::mark_dirty(BackendLink& link) {
  if (link.is_dirty) return;
  link.is_dirty = true;
  dirty_links_.push_back(&link);
}

// The end of a turn. Commands first, so that what they make goes out with the rest.
void IoThread::settle() {
  while (!runnable_.empty() || !dirty_links_.empty() || !dirty_clients_.empty()) {
    for (std::size_t i = 0; i < runnable_.size(); ++i) {
      runnable_[i]->is_runnable = false;
      runnable_[i]->run();
    }
    runnable_.clear();
    for (std::size_t i = 0; i < dirty_links_.size(); ++i) {
      dirty_links_[i]->is_dirty = false;
      dirty_links_[i]->flush();
    }
    dirty_links_.clear();
    for (std::size_t i = 0; i < dirty_clients_.size(); ++i) {
      dirty_clients_[i]->is_dirty = false;
      dirty_clients_[i]->flush();
    }
    dirty_clients_.clear();
  }
  buried_.clear();
  if (is_draining_) end_when_done();
}

void IoThread::need_tick() {
  needs_tick_ = true;
  if (is_closing_) return;
  ticker_.start();
}

void IoThread::on_tick() {
  const std::uint64_t now = now_ms();
  // It goes on through short pauses; and one part's work may give another, asked before, a
  // deadline.
  bool has_deadline = std::exchange(needs_tick_, false) || is_draining_;
  has_deadline |= links_.tick(now);
  has_deadline |= uploads_.tick(now);
  has_deadline |= flushes_.tick(now);
  has_deadline |= dispatcher_.tick(now);
  if (!has_deadline && !needs_tick_) ticker_.stop();
}

void IoThread::finish(std::uint64_t limit_ms) {
  drain_until_ms_ = std::min(drain_until_ms_, now_ms() + limit_ms);
  is_draining_ = true;
  need_tick();
  for (Client* client : clients_) mark_dirty(*client);
}

void IoThread::end_when_done() {
  if (is_closing_) return;
  if (now_ms() >= drain_until_ms_) {
    while (!clients_.empty()) clients_.back()->close();
    buried_.clear();
    close_handles();
    return;
  }
  if (clients_.empty()) close_handles();
}

void IoThread::close_handles() {
  is_closing_ = true;
  links_.close();
  uploads_.close();
  {
    const std::lock_guard lock(posts_mutex_);
    takes_no_posts_ = true;
    close_handle(wake_);
  }
  close_handle(before_poll_);
  close_handle(after_poll_);
  ticker_.close();
}

}  // namespace ringfence::agent::port
