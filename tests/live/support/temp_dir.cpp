#include "tests/live/support/temp_dir.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

namespace ringfence::live {

TempDir::TempDir() : TempDir(std::filesystem::temp_directory_path()) {}

TempDir TempDir::on_tmpfs() {
  return TempDir{"/dev/shm"};
}

TempDir::TempDir(const std::filesystem::path& base)
    : path_((base / "ringfence-test.XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
  }
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir::~TempDir() {
  if (!path_.empty()) {
    std::error_code ignored;  // a child that is still ending may hold a file; the next boot cleans
    std::filesystem::remove_all(path_, ignored);
  }
}

std::string read_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  const std::string partial = path + ".new";
  std::ofstream(partial, std::ios::binary) << text;
  std::filesystem::rename(partial, path);
}

}  // namespace ringfence::live
