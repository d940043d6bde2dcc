// The port as the daemon sees it: listeners on the first I/O thread, clients on all of them.
// The daemon's thread, but for what is posted.
#include "agent/port/port.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/listener.hpp"
#include "agent/port/sockets.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::port {

// Both are a minute at most, which the word has room for.
shm_layout::AnswerWord answer_word(const PortSettings& settings) noexcept {
  const auto ms = [](core::Duration duration) {
    return static_cast<std::uint16_t>(duration.ns / shm_layout::ns_per_ms);
  };
  return {settings.tells_get_failure, settings.tells_store_failure, ms(settings.request_timeout),
          ms(settings.change_wait)};
}

namespace {

constexpr std::uint32_t io_thread_count_max = 64;
constexpr std::uint32_t spare_file_count = 1024;  // links, uploads, the rest of the daemon

// As far as the hard limit allows; the clients beyond it wait in the kernel's queue.
void raise_open_files(std::uint32_t max_connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted =
      std::min<rlim_t>(limit.rlim_max, rlim_t{max_connections} + spare_file_count);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

struct OpenAddress {
  std::string asked;      // as configured
  std::string canonical;  // port 0 resolved
};

std::string resolved_text(int fd) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  return to_text(address);
}

class PortImpl final : public Port {
 public:
  PortImpl(const PortSettings& settings, const shm_layout::SegmentReader& segment,
           PortEvents& events)
      : settings_(settings), shared_{segment, events, shm_layout::boottime_ns(), {}, {}} {}
  ~PortImpl() override {
    PortImpl::begin_drain({});
    PortImpl::wait_drained();
  }

  [[nodiscard]] Status open();

  [[nodiscard]] std::vector<std::string> addresses() const override;
  [[nodiscard]] Status apply(const PortSettings& settings) override;
  void view_changed() override {
    post_to_all([](IoThread& thread) { thread.dispatcher().view_changed(); });
  }
  void answer_flush_all(core::RequestId id, bool is_ok, const std::string& text) override {
    post_to_all(
        [id, is_ok, text](IoThread& thread) { thread.flushes().answer(id.value, is_ok, text); });
  }
  void set_version(const std::string& version) override {
    post_to_all([version](IoThread& thread) { thread.version() = version; });
  }
  void begin_drain(core::Duration deadline) override;
  void wait_drained() override;
  [[nodiscard]] std::uint32_t ask_for_life() override;
  [[nodiscard]] PortCounters counters() const override;
  [[nodiscard]] std::vector<BackendCounters> backend_counters() const override;

 private:
  void post_to_all(const IoThread::Task& task) {
    if (is_drained_) return;
    for (auto& thread : threads_) thread->post(task);
  }
  void run_on_acceptor(const std::function<void()>& work);
  [[nodiscard]] Status listen_to(const std::string& text);
  void close_listener(const std::string& asked);
  void on_accepted(int fd);
  [[nodiscard]] bool has_address(const std::string& text) const;

  PortSettings settings_;  // the daemon's copy
  PortShared shared_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::vector<OpenAddress> open_addresses_;
  bool is_drained_ = false;
  // The acceptor's (the first I/O thread's) alone.
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::size_t next_thread_ = 0;
};

Status PortImpl::open() {
  raise_open_files(settings_.max_connections);
  settings_.io_threads = std::clamp<std::uint32_t>(settings_.io_threads, 1, io_thread_count_max);
  for (std::uint32_t i = 0; i < settings_.io_threads; ++i) {
    threads_.push_back(std::make_unique<IoThread>(shared_, settings_));
    shared_.counters.push_back(&std::as_const(*threads_.back()).counters());
  }
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const Status started = threads_[i]->start();
    if (started) continue;
    threads_.resize(i);  // those that run are joined by wait_drained()
    return started.error();
  }
  for (const std::string& text : settings_.listen) {
    const Status listening = listen_to(text);
    if (!listening) return listening.error();
  }
  return Done{};
}

// Runs `work` on the acceptor's loop and waits for it.
void PortImpl::run_on_acceptor(const std::function<void()>& work) {
  std::mutex mutex;
  std::condition_variable condition;
  bool is_done = false;
  const bool is_posted = threads_.front()->post([&](IoThread&) {
    work();
    const std::lock_guard lock(mutex);
    is_done = true;
    condition.notify_one();
  });
  if (!is_posted) return;
  std::unique_lock lock(mutex);
  condition.wait(lock, [&] { return is_done; });
}

bool PortImpl::has_address(const std::string& text) const {
  return std::any_of(open_addresses_.begin(), open_addresses_.end(),
                     [&](const OpenAddress& open) { return open.asked == text; });
}

Status PortImpl::listen_to(const std::string& text) {
  auto fd = listen_on(text);
  if (!fd) return fd.error();
  open_addresses_.push_back({text, resolved_text(fd.value())});
  run_on_acceptor([&] {
    listeners_.push_back(std::make_unique<Listener>(threads_.front()->loop(), fd.value(), text,
                                                    [this](int client) { on_accepted(client); }));
  });
  return Done{};
}

void PortImpl::close_listener(const std::string& asked) {
  run_on_acceptor([&] {
    std::erase_if(listeners_, [&](const auto& listener) { return listener->text() == asked; });
  });
  std::erase_if(open_addresses_, [&](const OpenAddress& open) { return open.asked == asked; });
}

void PortImpl::on_accepted(int fd) {
  IoThread& acceptor = *threads_.front();
  const std::uint32_t before = shared_.connection_count.load(std::memory_order_relaxed);
  if (before >= acceptor.settings().max_connections) {
    acceptor.counters().rejected_connections.add();
    constexpr std::string_view full = "ERROR Too many open connections\r\n";
    if (::send(fd, full.data(), full.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      // It goes without an explanation.
    }
    ::close(fd);
    return;
  }
  shared_.connection_count.fetch_add(1, std::memory_order_relaxed);
  IoThread& owner = *threads_[next_thread_++ % threads_.size()];
  if (&owner == &acceptor) {
    owner.adopt(fd);
  } else {
    owner.post([fd](IoThread& thread) { thread.adopt(fd); });
  }
}

std::vector<std::string> PortImpl::addresses() const {
  std::vector<std::string> texts;
  for (const OpenAddress& open : open_addresses_) texts.push_back(open.canonical);
  return texts;
}

Status PortImpl::apply(const PortSettings& settings) {
  // New addresses first: if one cannot be had, nothing has changed.
  std::vector<std::string> added;
  for (const std::string& text : settings.listen) {
    if (has_address(text)) continue;
    const Status listening = listen_to(text);
    if (!listening) {
      for (const std::string& undone : added) close_listener(undone);
      return listening.error();
    }
    added.push_back(text);
  }
  const std::vector<OpenAddress> open = open_addresses_;
  for (const OpenAddress& address : open) {
    const bool is_kept = std::find(settings.listen.begin(), settings.listen.end(), address.asked) !=
                         settings.listen.end();
    if (!is_kept) close_listener(address.asked);
  }
  const std::uint32_t io_threads = settings_.io_threads;  // fixed from the start
  settings_ = settings;
  settings_.io_threads = io_threads;
  raise_open_files(settings_.max_connections);
  post_to_all([applied = settings_](IoThread& thread) { thread.apply(applied); });
  return Done{};
}

void PortImpl::begin_drain(core::Duration deadline) {
  if (is_drained_ || threads_.empty()) return;
  run_on_acceptor([this] { listeners_.clear(); });
  open_addresses_.clear();
  const auto limit_ms =
      static_cast<std::uint64_t>(std::max<std::int64_t>(deadline.ns, 0) / shm_layout::ns_per_ms);
  post_to_all([limit_ms](IoThread& thread) { thread.finish(limit_ms); });
  is_drained_ = true;
}

// Touches nothing but the threads: the daemon's thread goes on calling meanwhile.
void PortImpl::wait_drained() {
  for (auto& thread : threads_) thread->join();
}

std::uint32_t PortImpl::ask_for_life() {
  std::uint32_t unanswered = 0;
  for (auto& thread : threads_) unanswered = std::max(unanswered, thread->ask_for_life());
  return unanswered;
}

PortCounters PortImpl::counters() const {
  PortCounters sum;
  for (const auto& thread : threads_) std::as_const(*thread).counters().add_to(sum);
  return sum;
}

std::vector<BackendCounters> PortImpl::backend_counters() const {
  std::vector<BackendCounters> list;
  for (std::uint16_t index = 0; index < shm_layout::backend_count_max; ++index) {
    BackendCounters sum;
    sum.index = index;
    for (const auto& thread : threads_) {
      const auto& counted = std::as_const(*thread).counters().backends[index];
      sum.requests += counted.requests.read();
      sum.hits += counted.hits.read();
      sum.misses += counted.misses.read();
      sum.errors += counted.errors.read();
    }
    if (sum.requests != 0 || sum.errors != 0) list.push_back(sum);
  }
  return list;
}

}  // namespace

Result<std::unique_ptr<Port>> Port::start(const PortSettings& settings,
                                          const shm_layout::SegmentReader& segment,
                                          PortEvents& events) {
  auto port = std::make_unique<PortImpl>(settings, segment, events);
  const Status opened = port->open();
  if (!opened) return opened.error().in("port of pool " + settings.pool);
  return std::unique_ptr<Port>(std::move(port));
}

}  // namespace ringfence::agent::port
