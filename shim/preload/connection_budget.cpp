#include "shim/preload/connection_budget.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <numeric>
#include <utility>

#include "shim/preload/forked_mutex.hpp"
#include "shim/preload/real.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::shim::preload {

namespace {

struct flock byte_of(std::uint16_t backend, std::uint32_t place, short type) noexcept {
  struct flock byte {};
  byte.l_type = type;
  byte.l_whence = SEEK_SET;
  byte.l_start = shm_layout::places_begin_of(backend) + place;
  byte.l_len = 1;
  return byte;
}

// Whether nobody else has it locked: a write lock would be possible, if this file could be written.
bool is_alone(int fd, std::uint16_t backend, std::uint32_t place) noexcept {
  struct flock byte = byte_of(backend, place, F_WRLCK);
  return real::fcntl(fd, F_OFD_GETLK, &byte) == 0 && byte.l_type == F_UNLCK;
}

void unlock(int fd, std::uint16_t backend, std::uint32_t place) noexcept {
  struct flock byte = byte_of(backend, place, F_UNLCK);
  (void)real::fcntl(fd, F_OFD_SETLK, &byte);
}

// The first look spares a place that is taken the lock that its neighbours would have to see.
bool lock(int fd, std::uint16_t backend, std::uint32_t place) noexcept {
  if (!is_alone(fd, backend, place)) return false;
  struct flock byte = byte_of(backend, place, F_RDLCK);
  if (real::fcntl(fd, F_OFD_SETLK, &byte) != 0) return false;
  if (is_alone(fd, backend, place)) return true;
  unlock(fd, backend, place);
  return false;
}

}  // namespace

ConnectionBudget::ConnectionBudget(std::string segment_path)
    : segment_path_(std::move(segment_path)) {}

ConnectionBudget::File& ConnectionBudget::file_of(std::uint16_t backend) {
  const std::uint16_t number = shm_layout::places_file_of(backend);
  File& file = files_[number];
  if (file.is_looked_for) return file;
  const std::string path =
      shm_layout::places_directory(segment_path_) + "/" + std::to_string(number);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  file.is_looked_for = true;
  if (fd >= 0) (void)file.fd.adopt(fd);
  return file;
}

// Xorshift. Begins with the time as well: in containers many processes have the same number.
std::uint32_t ConnectionBudget::random() noexcept {
  if (random_ == 0) {
    const auto now = static_cast<std::uint32_t>(shm_layout::boottime_ns());
    const auto own = static_cast<std::uint32_t>(getpid()) << 16U;
    random_ = (now ^ own) | 1U;  // 0 would stay 0
  }
  random_ ^= random_ << 13U;
  random_ ^= random_ >> 17U;
  random_ ^= random_ << 5U;
  return random_;
}

// Every place is come by once, in an order that no other search has: searches of many processes do
// not run after each other.
int ConnectionBudget::take(std::uint16_t backend, std::uint32_t budget) {
  const std::lock_guard guard(mutex_);
  const File& file = file_of(backend);
  if (own_.size() <= backend) own_.resize(std::size_t{backend} + 1);
  std::vector<bool>& own = own_[backend];
  const std::uint32_t count = file.fd.is_open() ? budget : std::min(budget, budget_alone);
  if (own.size() < count) own.resize(count);
  std::uint32_t stride = random() % count + 1;
  while (std::gcd(stride, count) != 1) ++stride;
  std::uint32_t place = random() % count;
  std::uint32_t looks = 0;
  for (std::uint32_t i = 0; i < count && looks < looks_max; ++i, place = (place + stride) % count) {
    if (own[place]) continue;
    ++looks;
    if (file.fd.is_open() && !lock(file.fd.get(), backend, place)) continue;
    own[place] = true;
    return static_cast<int>(place);
  }
  return no_place;
}

void ConnectionBudget::give_back(std::uint16_t backend, int place) noexcept {
  const std::lock_guard guard(mutex_);
  const auto number = static_cast<std::uint32_t>(place);
  own_[backend][number] = false;
  const File& file = files_[shm_layout::places_file_of(backend)];
  if (file.fd.is_open()) unlock(file.fd.get(), backend, number);
}

// The locks belong to the file's description, which the parent has still open; our copy of it was
// closed with all that are hidden.
void ConnectionBudget::after_fork_in_child() noexcept {
  for (File& file : files_) {
    file.fd.forget();
    file.is_looked_for = false;
  }
  random_ = 0;
  if (take_over(mutex_)) {
    own_.clear();
  } else {  // what another thread was changing is nobody's
    new (&own_) decltype(own_);
  }
}

}  // namespace ringfence::shim::preload
