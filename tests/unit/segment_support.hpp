// What the tests of the segment share: a directory that ends with its test, and records whose
// wholeness can be told from their content.
#pragma once

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "shm_layout/segment_writer.hpp"

namespace ringfence::shm_layout::testing {

// On tmpfs where there is one, as real segments are.
class TempDirectory {
 public:
  TempDirectory() {
    const char* root = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    path_ = std::string(root) + "/ringfence-test-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) {
      std::abort();
    }
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline SegmentIdentity test_identity() {
  SegmentIdentity identity;
  identity.cluster = "fleet";
  identity.instance = "one";
  identity.pool = "default";
  identity.cluster_id.fill(0xc1);
  return identity;
}

// Every field follows from `version`, so that a mixture of two versions shows.
inline BackendInfo whole_backend(std::uint64_t version) {
  BackendInfo info{};
  info.family = AddressFamily::inet4;
  info.port = static_cast<std::uint16_t>(version);
  info.weight = static_cast<std::uint32_t>(version);
  info.incarnation = version;
  info.serving = 1;
  info.slot_count = static_cast<std::uint32_t>(version);
  for (auto& byte : info.ip) {
    byte = static_cast<std::uint8_t>(version);
  }
  std::memset(info.text, 'a' + static_cast<int>(version % 26), sizeof(info.text) - 1);
  return info;
}

inline bool is_whole(const BackendInfo& info) {
  const BackendInfo expected = whole_backend(info.incarnation);
  return std::memcmp(&info, &expected, sizeof(info)) == 0;
}

}  // namespace ringfence::shm_layout::testing
