// Waiting for a connection, closing what is idle, and forks.
#include <ctime>

#include "shim/client/connection_pool.hpp"

namespace ringfence::shim::client {

namespace {

void init_condition(pthread_cond_t& condition) noexcept {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&condition, &attributes);
  pthread_condattr_destroy(&attributes);
}

// Between two looks at all idle connections: a quarter of the time that one may be idle.
constexpr std::int64_t sweeps_per_idle_time = 4;

}  // namespace

ConnectionPool::Backend::Backend(std::uint32_t connections_max) {
  idle.reserve(connections_max);
  init_condition(is_free);
}

ConnectionPool::ConnectionPool(const PoolLimits& limits) : limits_(limits) {
  join_process();
}

ConnectionPool::~ConnectionPool() {
  leave_process();
  const Connection* next = nullptr;
  for (const Connection* connection = all_; connection != nullptr; connection = next) {
    next = connection->next;
    if (connection->life() == life_) uncount_connection();
    delete connection;
  }
}

// Not std::condition_variable: ThreadSanitizer of GCC 12 does not know the call it waits by.
void ConnectionPool::wait(std::uint16_t index, std::int64_t timeout_ns) noexcept {
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  const std::int64_t end_ns = until.tv_nsec + timeout_ns;
  until.tv_sec += end_ns / shm_layout::ns_per_second;
  until.tv_nsec = end_ns % shm_layout::ns_per_second;
  const std::lock_guard lock(mutex_);
  Backend& backend = *backends_[index];
  if (!backend.idle.empty()) return;  // given back between the look and the wait
  ++backend.waiter_count;
  pthread_cond_timedwait(&backend.is_free, mutex_.native_handle(), &until);
  --backend.waiter_count;
}

// Closes the file, and frees the room that it took.
void ConnectionPool::remove(Connection& connection) noexcept {
  Backend& backend = *backends_[connection.index()];
  --backend.count;
  uncount_connection();
  unlink(connection);
  if (backend.waiter_count > 0) pthread_cond_signal(&backend.is_free);
}

void ConnectionPool::unlink(Connection& connection) noexcept {
  (connection.previous == nullptr ? all_ : connection.previous->next) = connection.next;
  if (connection.next != nullptr) connection.next->previous = connection.previous;
  delete &connection;
}

void ConnectionPool::close_idle(std::uint16_t index) noexcept {
  const std::lock_guard lock(mutex_);
  if (backends_[index] != nullptr) close_idle_of(*backends_[index]);
}

void ConnectionPool::close_idle_of(Backend& backend) noexcept {
  for (Connection* connection : backend.idle) remove(*connection);
  backend.idle.clear();
}

void ConnectionPool::sweep(std::int64_t coarse_now_ns) noexcept {
  next_sweep_ns_ = coarse_now_ns + limits_.idle_ns / sweeps_per_idle_time;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (backend == nullptr) continue;
    std::vector<Connection*>& idle = backend->idle;
    auto first_kept = idle.begin();
    while (first_kept != idle.end() &&
           coarse_now_ns - (*first_kept)->idle_since_ns >= limits_.idle_ns) {
      remove(**first_kept++);
    }
    idle.erase(idle.begin(), first_kept);
  }
}

bool ConnectionPool::close_an_idle_connection() noexcept {
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (backend == nullptr || backend->idle.empty()) continue;
    remove(*backend->idle.front());
    backend->idle.erase(backend->idle.begin());
    return true;
  }
  return false;
}

// The files are the parent's: closing them sends nothing, because the parent has them open still.
// The connections themselves are freed by who holds them (the call under way in the thread that
// forked), or with the pool: those of threads that the child has not got.
void ConnectionPool::after_fork_in_child() noexcept {
  ++life_;
  for (Connection* connection = all_; connection != nullptr; connection = connection->next) {
    connection->close();
  }
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (backend == nullptr) continue;
    for (Connection* connection : backend->idle) unlink(*connection);
    backend->idle.clear();
    backend->count = 0;
    backend->waiter_count = 0;
    init_condition(backend->is_free);  // threads that waited at it exist in the parent alone
  }
  mutex_.unlock();
}

}  // namespace ringfence::shim::client
