#include "agent/shims/shim_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string_view>
#include <tuple>

namespace ringfence::agent::shims {
namespace {

using shm_layout::shim_page_bytes;
using shm_layout::ShimCheck;

constexpr mode_t directory_mode =
    01777;  // as /tmp: everybody makes files, nobody removes another's

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

int open_directory(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool is_counters_name(std::string_view name) {
  constexpr std::string_view allowed = "0123456789abcdef-";
  if (!name.ends_with(shm_layout::shim_file_suffix)) return false;
  name.remove_suffix(shm_layout::shim_file_suffix.size());
  return !name.empty() && name.find_first_not_of(allowed) == std::string_view::npos;
}

// Never waits: not for a FIFO's writer, and not for a lease that the file's owner holds on it.
int open_file(int directory, const char* name) {
  return openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

// The owner holds a write lock for its life, and only the owner can: a read lock says that it is
// gone. Held until the descriptor is closed, so that a file that is being made meanwhile notices.
bool is_owner_gone(int fd) {
  struct flock range {};
  range.l_type = F_RDLCK;
  range.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &range) == 0;
}

enum class Pass : std::uint8_t { whole, cut };

struct Visitor {
  std::function<void(int fd, const struct stat& status)> live;
  std::function<void()> unreadable;
  std::function<void()> removed;
};

void visit(int directory, const char* name, const Visitor& visitor) {
  const Descriptor file(open_file(directory, name));
  struct stat status {};
  if (file.get() < 0) {
    if (errno != ENOENT && visitor.unreadable) visitor.unreadable();
    return;
  }
  // A second name could only be somebody's who shows another's file as more than it is.
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1) {
    if (visitor.unreadable) visitor.unreadable();
    return;
  }
  if (!is_owner_gone(file.get())) {
    if (visitor.live) visitor.live(file.get(), status);
    return;
  }
  // Fails for another user's file where another user's agent made the directory: that one sweeps.
  if (unlinkat(directory, name, 0) == 0 && visitor.removed) visitor.removed();
}

Pass visit_all(const std::string& path, const Visitor& visitor) {
  const int fd = open_directory(path);
  if (fd < 0) return Pass::whole;
  const Directory directory(fdopendir(fd));
  if (!directory) {
    close(fd);
    return Pass::whole;
  }
  std::size_t looked_at = 0;
  while (const dirent* entry = readdir(directory.get())) {
    if (++looked_at > looked_at_max) return Pass::cut;
    if (is_counters_name(entry->d_name)) visit(fd, entry->d_name, visitor);
  }
  return Pass::whole;
}

using Page = std::array<std::byte, shim_page_bytes>;

// A copy; a file that was cut short meanwhile has no page there.
bool read_page(int fd, std::size_t offset, Page& page) {
  const ssize_t count = pread(fd, page.data(), page.size(), static_cast<off_t>(offset));
  return count == static_cast<ssize_t>(page.size());
}

ShimCheck read_head(int fd, const struct stat& status, shm_layout::ShimHead& head) {
  Page page;
  if (!read_page(fd, 0, page)) return ShimCheck::wrong_size;
  return shm_layout::read_shim_head(page, static_cast<std::uint64_t>(status.st_size), head);
}

bool read_backends(int fd, Shim& shim) {
  Page page;
  for (std::size_t number = 0; number < shm_layout::shim_backend_pages; ++number) {
    if ((shim.head.backend_pages >> number & 1U) == 0) continue;
    const std::size_t offset =
        offsetof(shm_layout::ShimCountersFile, backends) + number * shim_page_bytes;
    if (!read_page(fd, offset, page)) return false;
    shm_layout::read_shim_backends(page, number, shim.backends);
  }
  return true;
}

void add_to(ShimListing& listing, const std::set<std::string>& segments, int fd,
            const struct stat& status) {
  Shim shim;
  shim.uid = status.st_uid;
  const ShimCheck check = read_head(fd, status, shim.head);
  if (check == ShimCheck::not_ready) return;
  if (check == ShimCheck::other_version) {
    ++listing.other_version_count;
    return;
  }
  if (check != ShimCheck::ok) {
    ++listing.unreadable_count;
    return;
  }
  if (segments.count(shim.head.segment) == 0) return;  // another agent's
  if (listing.shims.size() >= shown_max) {
    ++listing.left_out_count;
    return;
  }
  if (!read_backends(fd, shim)) {
    ++listing.unreadable_count;
    return;
  }
  listing.shims.push_back(std::move(shim));
}

}  // namespace

ShimFiles::ShimFiles(const std::string& segment_dir)
    : directory_(segment_dir + "/" + shm_layout::shim_directory_name) {}

Status ShimFiles::make_directory() const {
  if (mkdir(directory_.c_str(), 0755) != 0 && errno != EEXIST) {
    return os_error("make " + directory_);
  }
  const Descriptor directory(open_directory(directory_));
  struct stat status {};
  if (directory.get() < 0 || fstat(directory.get(), &status) != 0) {
    return os_error("open " + directory_);
  }
  if ((status.st_mode & 07777U) == directory_mode) return Done{};
  if (fchmod(directory.get(), directory_mode) != 0) {
    return os_error("let processes write to " + directory_);
  }
  return Done{};
}

ShimListing ShimFiles::list(const std::set<std::string>& segments) const {
  ShimListing listing;
  Visitor visitor;
  visitor.live = [&](int fd, const struct stat& status) { add_to(listing, segments, fd, status); };
  visitor.unreadable = [&] { ++listing.unreadable_count; };
  listing.is_cut = visit_all(directory_, visitor) == Pass::cut;
  const auto order = [](const Shim& shim) {
    return std::tie(shim.head.segment, shim.head.pid, shim.head.started_unix_ns);
  };
  std::sort(listing.shims.begin(), listing.shims.end(),
            [&](const Shim& left, const Shim& right) { return order(left) < order(right); });
  return listing;
}

std::size_t ShimFiles::sweep() const {
  std::size_t removed_count = 0;
  Visitor visitor;
  visitor.removed = [&] { ++removed_count; };
  visit_all(directory_, visitor);
  return removed_count;
}

}  // namespace ringfence::agent::shims
