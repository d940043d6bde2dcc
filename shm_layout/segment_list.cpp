#include "shm_layout/segment_list.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace ringfence::shm_layout {
namespace {

constexpr std::string_view lock_suffix = ".lock";

bool is_segment_name(std::string_view name) {
  const bool is_lock = name.size() >= lock_suffix.size() &&
                       name.substr(name.size() - lock_suffix.size()) == lock_suffix;
  return !name.empty() && name.front() != '.' && !is_lock;
}

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

}  // namespace

Result<std::vector<std::string>> list_segments(const std::string& directory) {
  std::vector<std::string> paths;
  const std::unique_ptr<DIR, CloseDirectory> entries(opendir(directory.c_str()));
  if (!entries) {
    if (errno == ENOENT) {
      return paths;
    }
    return os_error("list " + directory);
  }
  while (const dirent* entry = readdir(entries.get())) {
    std::string path = directory + "/" + entry->d_name;
    if (is_segment_name(entry->d_name) && is_regular_file(path)) {
      paths.push_back(std::move(path));
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace ringfence::shm_layout
