#include "agent/mesh/key_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <cctype>

namespace ringfence::agent::mesh {
namespace {

constexpr std::size_t key_file_bytes_max = 4096;  // more is some other file
constexpr std::size_t entropy_bits_min = 256;
// 64 random hexadecimal digits have 16 different ones, and fewer than 8 once in 10^17 files.
constexpr std::size_t different_bytes_min = 8;

std::string advice(const std::string& path) {
  return fmt::format(
      "make one with: (umask 077; openssl rand -hex 32 > {}), and copy it to all hosts", path);
}

Status check_mode(const struct stat& found, const std::string& path) {
  if (!S_ISREG(found.st_mode)) return Error{path + " is no regular file"};
  if ((found.st_mode & (S_IROTH | S_IWOTH)) == 0) return Done{};
  return Error{fmt::format("{} can be read or written by others (mode {:o}): chmod o= {}", path,
                           found.st_mode & 07777U, path)};
}

struct Descriptor {
  int fd = -1;
  explicit Descriptor(const std::string& path)
      : fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

// Of the file that was opened, not of one that took its name since.
Result<std::string> read_secret(const std::string& path) {
  const Descriptor file(path);
  if (file.fd < 0) return os_error("open " + path);
  struct stat found {};
  if (fstat(file.fd, &found) != 0) return os_error("stat " + path);
  if (Status mode = check_mode(found, path); !mode) return mode.error();
  std::string text(key_file_bytes_max + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t count = read(file.fd, text.data() + have, text.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_error("read " + path);
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  if (have > key_file_bytes_max) {
    return Error{fmt::format("{} has more than {} bytes and is no cluster key; {}", path,
                             key_file_bytes_max, advice(path))};
  }
  text.resize(have);
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

// At most: a character stands for as many bits as its alphabet gives it.
std::size_t entropy_bits(const std::string& text) {
  const auto all = [&](auto is_one) { return std::all_of(text.begin(), text.end(), is_one); };
  if (all([](unsigned char c) { return std::isxdigit(c) != 0; })) return text.size() * 4;
  if (all([](unsigned char c) { return std::isgraph(c) != 0 || c == '\n'; }))
    return text.size() * 6;
  return text.size() * 8;
}

Status check_strength(const std::string& text, const std::string& path) {
  std::bitset<256> seen;
  for (const unsigned char c : text) seen.set(c);
  if (entropy_bits(text) < entropy_bits_min || seen.count() < different_bytes_min) {
    return Error{fmt::format("{} is too weak for a cluster key: it needs 32 random bytes; {}", path,
                             advice(path))};
  }
  return Done{};
}

Result<MeshKey> derive(const std::string& secret, const std::string& cluster) {
  constexpr unsigned char salt[] = "ringfence mesh key 1";
  MeshKey key{};
  std::size_t length = key.size();
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr);
  const bool is_made =
      context != nullptr && EVP_PKEY_derive_init(context) > 0 &&
      EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) > 0 &&
      EVP_PKEY_CTX_set1_hkdf_salt(context, salt, sizeof salt - 1) > 0 &&
      EVP_PKEY_CTX_set1_hkdf_key(context, reinterpret_cast<const unsigned char*>(secret.data()),
                                 static_cast<int>(secret.size())) > 0 &&
      EVP_PKEY_CTX_add1_hkdf_info(context, reinterpret_cast<const unsigned char*>(cluster.data()),
                                  static_cast<int>(cluster.size())) > 0 &&
      EVP_PKEY_derive(context, key.data(), &length) > 0 && length == key.size();
  EVP_PKEY_CTX_free(context);
  if (!is_made) return Error{"the cluster key could not be derived: this OpenSSL has no HKDF"};
  return key;
}

}  // namespace

Status check_secret_file(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return os_error("stat " + path);
  return check_mode(found, path);
}

Result<MeshKey> load_mesh_key(const std::string& path, const std::string& cluster) {
  Result<std::string> secret = read_secret(path);
  if (!secret) return secret.error().in("mesh.key_file");
  if (Status strength = check_strength(secret.value(), path); !strength) {
    return strength.error().in("mesh.key_file");
  }
  Result<MeshKey> key = derive(secret.value(), cluster);
  OPENSSL_cleanse(secret.value().data(), secret.value().size());
  return key;
}

}  // namespace ringfence::agent::mesh
