#include "shim/preload/connection_budget.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "shim/preload/forked_mutex.hpp"
#include "shim/preload/real.hpp"
#include "shm_layout/shim_counters.hpp"

namespace ringfence::shim::preload {

namespace {

// Bytes of the file for one backend: more than any budget.
constexpr off_t places_max = 65'536;
// Neighbours begin their search far from each other.
constexpr std::uint32_t stride = 7919;

std::string path_of(const std::string& segment_path) {
  const std::size_t name = segment_path.rfind('/') + 1;
  return segment_path.substr(0, name) + shm_layout::shim_directory_name + "/" +
         segment_path.substr(name) + ".connections";
}

}  // namespace

ConnectionBudget::ConnectionBudget(const std::string& segment_path)
    : path_(path_of(segment_path)) {}

// Whoever comes first makes it; whoever may not, has none.
void ConnectionBudget::open() noexcept {
  is_opened_ = true;
  next_ = static_cast<std::uint32_t>(getpid()) * stride;
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  int fd = ::open(path_.c_str(), flags);
  if (fd < 0 && errno == ENOENT) {
    fd = ::open(path_.c_str(), flags | O_CREAT | O_EXCL, 0666);
    if (fd >= 0) {
      (void)fchmod(fd, 0666);  // whatever the umask is: other users' processes share it
    } else if (errno == EEXIST) {
      fd = ::open(path_.c_str(), flags);
    }
  }
  struct stat status {};
  if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
    real::close(fd);
    return;
  }
  if (fd >= 0) (void)file_.adopt(fd);
}

bool ConnectionBudget::lock(std::uint16_t backend, std::uint32_t place, short type) noexcept {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = backend * places_max + place;
  range.l_len = 1;
  return real::fcntl(file_.get(), F_OFD_SETLK, &range) == 0;
}

int ConnectionBudget::take(std::uint16_t backend, std::uint32_t budget) {
  const std::lock_guard guard(mutex_);
  if (!is_opened_) open();
  if (own_.size() <= backend) own_.resize(std::size_t{backend} + 1);
  std::vector<bool>& own = own_[backend];
  const std::uint32_t count = file_.is_open() ? budget : std::min(budget, budget_alone);
  if (own.size() < count) own.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t place = next_++ % count;
    if (own[place]) continue;
    if (file_.is_open() && !lock(backend, place, F_WRLCK)) continue;
    own[place] = true;
    return static_cast<int>(place);
  }
  return no_place;
}

void ConnectionBudget::give_back(std::uint16_t backend, int place) noexcept {
  const std::lock_guard guard(mutex_);
  own_[backend][static_cast<std::size_t>(place)] = false;
  if (file_.is_open()) (void)lock(backend, static_cast<std::uint32_t>(place), F_UNLCK);
}

// The locks belong to the file's description, which the parent has still open; our copy of it was
// closed with all that are hidden.
void ConnectionBudget::after_fork_in_child() noexcept {
  file_.forget();
  is_opened_ = false;
  if (take_over(mutex_)) {
    own_.clear();
  } else {  // what another thread was changing is nobody's
    new (&own_) std::vector<std::vector<bool>>;
  }
}

}  // namespace ringfence::shim::preload
