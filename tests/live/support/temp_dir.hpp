// A directory of a test's own, removed with everything in it at the end.
#pragma once

#include <filesystem>
#include <string>

namespace ringfence::live {

class TempDir {
 public:
  // In $TMPDIR or /tmp.
  TempDir();
  // On tmpfs, as segments are in service.
  [[nodiscard]] static TempDir on_tmpfs();
  ~TempDir();
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&&) = delete;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit TempDir(const std::filesystem::path& base);
  std::string path_;
};

[[nodiscard]] std::string read_file(const std::string& path);  // empty if there is none
void write_file(const std::string& path, const std::string& text);

}  // namespace ringfence::live
