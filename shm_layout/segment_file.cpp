#include "shm_layout/segment_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "shm_layout/mapped_fd.hpp"

namespace ringfence::shm_layout {
namespace {

namespace interprocess = boost::interprocess;

constexpr mode_t file_mode = 0640;       // written by the agent, read by its group
constexpr mode_t directory_mode = 0755;  // so that tools can tell "absent" from "forbidden"

Status fill_pages(int fd, off_t bytes, const std::string& path) {
  const int failure = posix_fallocate(fd, 0, bytes);
  if (failure == ENOSPC) {
    return Error{"reserve " + std::to_string(bytes) + " bytes for " + path +
                     ": the file system is full; make room, or set segment_dir to another tmpfs",
                 failure};
  }
  if (failure != 0) {
    return os_error("reserve " + std::to_string(bytes) + " bytes for " + path, failure);
  }
  return Done{};
}

}  // namespace

Result<SegmentFile> SegmentFile::make(const std::string& path, std::size_t bytes,
                                      std::optional<gid_t> group) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return os_error("remove " + path);
  }
  SegmentFile file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file_mode), path);
  if (file.fd_ < 0) {
    return os_error("create " + path);
  }
  Status done = fill_pages(file.fd_, static_cast<off_t>(bytes), path);
  if (done) {
    done = file.secure(group);
  }
  if (done) {
    done = file.map_fd();
  }
  if (!done) {
    unlink(path.c_str());
    return done.error();
  }
  return file;
}

Result<SegmentFile> SegmentFile::map(const std::string& path) {
  SegmentFile file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), path);
  if (file.fd_ < 0) {
    return os_error("open " + path);
  }
  if (Status done = file.map_fd(); !done) {
    return done.error();
  }
  return file;
}

Status SegmentFile::secure(std::optional<gid_t> group) {
  if (group && fchown(fd_, static_cast<uid_t>(-1), *group) != 0) {
    return os_error("give " + path_ + " to group " + std::to_string(*group));
  }
  if (fchmod(fd_, file_mode) != 0) {
    return os_error("set the mode of " + path_);
  }
  struct stat status {};
  if (fstat(fd_, &status) != 0) {
    return os_error("stat " + path_);
  }
  return fill_pages(fd_, status.st_size, path_);
}

Status SegmentFile::map_fd() {
  struct stat status {};
  if (fstat(fd_, &status) != 0) {
    return os_error("stat " + path_);
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{path_ + " is not a regular file: remove it", EINVAL};
  }
  if (status.st_size == 0) {
    return Error{path_ + " is empty", ENODATA};
  }
  try {
    region_ = interprocess::mapped_region(MappableFd(fd_), interprocess::read_write, 0,
                                          static_cast<std::size_t>(status.st_size));
  } catch (const interprocess::interprocess_exception& failure) {
    return os_error("map " + path_, failure.get_native_error());
  }
  return Done{};
}

std::span<std::byte> SegmentFile::bytes() const noexcept {
  return {static_cast<std::byte*>(region_.get_address()), region_.get_size()};
}

SegmentFile::SegmentFile(SegmentFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      region_(boost::move(other.region_)) {}

SegmentFile& SegmentFile::operator=(SegmentFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  region_.swap(other.region_);
  return *this;
}

SegmentFile::~SegmentFile() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

Status make_directory_of(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code failure;
  if (directory.empty() || !std::filesystem::create_directories(directory, failure)) {
    return failure ? Status(os_error("create directory " + directory.string(), failure.value()))
                   : Status(Done{});
  }
  if (chmod(directory.c_str(), directory_mode) != 0) {
    return os_error("set the mode of " + directory.string());
  }
  return Done{};
}

}  // namespace ringfence::shm_layout
