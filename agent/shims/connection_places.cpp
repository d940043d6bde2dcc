#include "agent/shims/connection_places.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm_layout/connection_places.hpp"

namespace ringfence::agent::shims {
namespace {

constexpr mode_t directory_mode = 0755;
constexpr mode_t file_mode = 0640;  // the segment's own

Status make_file(int directory, const std::string& name, std::optional<gid_t> group) {
  const int flags = O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const int fd = openat(directory, name.c_str(), flags, file_mode);
  if (fd < 0) return os_error("make " + name);
  Status made = Done{};
  if (group && fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
    made = os_error("give " + name + " to group " + std::to_string(*group));
  } else if (fchmod(fd, file_mode) != 0) {  // whatever the umask is
    made = os_error("set the mode of " + name);
  }
  close(fd);
  return made;
}

}  // namespace

// The files first: they take the group that the directory was given by its own, as the segment
// did, which a change of its mode would take back.
Status make_connection_places(const std::string& segment_path, std::optional<gid_t> group) {
  const std::string path = shm_layout::places_directory(segment_path);
  if (mkdir(path.c_str(), directory_mode) != 0 && errno != EEXIST) return os_error("make " + path);
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return os_error("open " + path);
  Status made = Done{};
  for (std::uint16_t i = 0; made && i < shm_layout::places_file_count; ++i) {
    if (Status file = make_file(directory, std::to_string(i), group); !file) {
      made = file.error().in(path);
    }
  }
  struct stat status {};
  const bool is_open = fstat(directory, &status) == 0 && (status.st_mode & 0777U) == directory_mode;
  if (made && !is_open && fchmod(directory, directory_mode) != 0) {
    made = os_error("let processes into " + path);
  }
  close(directory);
  return made;
}

}  // namespace ringfence::agent::shims
