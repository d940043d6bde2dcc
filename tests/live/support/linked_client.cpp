#include "tests/live/support/linked_client.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace ringfence::live {

LinkedClient::LinkedClient(const std::string& segment, ringfence_options options)
    : sockets_before_(socket_count()) {
  options.segment_path = segment.c_str();
  const ringfence_status status = ringfence_client_open(&options, &handle_);
  if (handle_ == nullptr) {
    throw std::runtime_error("open a client of " + segment + ": " + ringfence_describe(status));
  }
}

LinkedClient::~LinkedClient() {
  ringfence_value_free(&value_);
  ringfence_client_close(handle_);
}

Got LinkedClient::got(ringfence_status status) const {
  Got got;
  got.status = status;
  if (value_.data != nullptr) got.value.assign(value_.data, value_.bytes);
  got.cas = value_.cas;
  got.flags = value_.flags;
  return got;
}

Got LinkedClient::get(std::string_view key) {
  return got(ringfence_get(handle_, key.data(), key.size(), &value_, timeout_ms_));
}
Got LinkedClient::gets(std::string_view key) {
  return got(ringfence_gets(handle_, key.data(), key.size(), &value_, timeout_ms_));
}
Got LinkedClient::gat(std::string_view key, std::int64_t exptime) {
  return got(ringfence_gat(handle_, key.data(), key.size(), exptime, &value_, timeout_ms_));
}
ringfence_status LinkedClient::set(std::string_view key, std::string_view value,
                                   std::uint32_t flags) {
  return ringfence_set(handle_, key.data(), key.size(), value.data(), value.size(), flags, 0,
                       timeout_ms_);
}
ringfence_status LinkedClient::add(std::string_view key, std::string_view value) {
  return ringfence_add(handle_, key.data(), key.size(), value.data(), value.size(), 0, 0,
                       timeout_ms_);
}
ringfence_status LinkedClient::replace(std::string_view key, std::string_view value) {
  return ringfence_replace(handle_, key.data(), key.size(), value.data(), value.size(), 0, 0,
                           timeout_ms_);
}
ringfence_status LinkedClient::append(std::string_view key, std::string_view value) {
  return ringfence_append(handle_, key.data(), key.size(), value.data(), value.size(), timeout_ms_);
}
ringfence_status LinkedClient::prepend(std::string_view key, std::string_view value) {
  return ringfence_prepend(handle_, key.data(), key.size(), value.data(), value.size(),
                           timeout_ms_);
}
ringfence_status LinkedClient::cas(std::string_view key, std::string_view value,
                                   std::uint64_t unique) {
  return ringfence_cas(handle_, key.data(), key.size(), value.data(), value.size(), 0, 0, unique,
                       timeout_ms_);
}
ringfence_status LinkedClient::remove(std::string_view key) {
  return ringfence_delete(handle_, key.data(), key.size(), timeout_ms_);
}
ringfence_status LinkedClient::touch(std::string_view key, std::int64_t exptime) {
  return ringfence_touch(handle_, key.data(), key.size(), exptime, timeout_ms_);
}
ringfence_status LinkedClient::incr(std::string_view key, std::uint64_t delta,
                                    std::uint64_t* result) {
  return ringfence_incr(handle_, key.data(), key.size(), delta, result, timeout_ms_);
}
ringfence_status LinkedClient::decr(std::string_view key, std::uint64_t delta,
                                    std::uint64_t* result) {
  return ringfence_decr(handle_, key.data(), key.size(), delta, result, timeout_ms_);
}

std::size_t LinkedClient::connection_count() const {
  return socket_count() - std::min(socket_count(), sockets_before_);
}

std::size_t socket_count() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;  // the directory's own file is gone by now
    const auto target = std::filesystem::read_symlink(entry.path(), ignored);
    count += target.string().starts_with("socket:") ? 1 : 0;
  }
  return count;
}

}  // namespace ringfence::live
