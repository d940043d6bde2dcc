// The client's C functions on one key, thin over client/; those on many are client_many_api.cpp. No
// exception, abort or C++ type leaves this file. Any thread.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "shim/c_status.hpp"
#include "shim/client/arguments.hpp"
#include "shim/client/c_client.hpp"
#include "shim/client/single_call.hpp"
#include "shim/ringfence.h"

namespace shim = ringfence::shim;
namespace client = ringfence::shim::client;

using client::Operation;
using client::Verb;

static_assert(sizeof(ringfence_options) == 32 && sizeof(ringfence_value) == 40,
              "programs were compiled against these sizes");

namespace {

// The fields that the program knows; those that it does not know, or left 0, keep their default.
client::ClientOptions options_of(const ringfence_options* given) {
  ringfence_options options{};
  if (given != nullptr) {
    // A program that was compiled against a later header has fields that are not known here.
    const std::size_t known =
        given->struct_bytes == 0 ? sizeof(options) : std::min(given->struct_bytes, sizeof(options));
    std::memcpy(&options, given, known);
  }
  client::ClientOptions made;
  made.segment_path = shim::segment_path_of(options.segment_path);
  const auto set_ms = [](std::int64_t& ns, std::uint32_t ms) {
    if (ms != 0) ns = std::min<std::int64_t>(ms, client::timeout_ms_max) * client::ns_per_ms;
  };
  set_ms(made.timeout_ns, options.timeout_ms);
  set_ms(made.pool.connect_timeout_ns, options.connect_timeout_ms);
  set_ms(made.pool.idle_ns, options.idle_ms);
  if (options.connections_per_backend != 0) {
    made.pool.per_backend =
        std::min(options.connections_per_backend, client::process_connections_max);
  }
  return made;
}

ringfence_status run(ringfence_client_t* handle, const Operation& operation,
                     std::int64_t timeout_ms) {
  client::forget_error();
  if (handle == nullptr || operation.key.data() == nullptr) return RINGFENCE_INVALID;
  if (operation.data.data() == nullptr && !operation.data.empty()) return RINGFENCE_INVALID;
  if (operation.data.size() > client::data_bytes_max) return RINGFENCE_INVALID;
  const auto timeout_ns = client::timeout_ns_of(*handle, timeout_ms);
  if (!timeout_ns) return RINGFENCE_INVALID;
  if (!client::is_valid_key(operation.key)) return RINGFENCE_KEY_INVALID;
  try {
    client::Deadline deadline(ringfence::shm_layout::boottime_ns(), *timeout_ns);
    const ringfence_status status = client::SingleCall(*handle, operation, deadline).run();
    handle->count(operation.verb, status);
    return status;
  } catch (...) {
    errno = ENOMEM;
    return RINGFENCE_SYSTEM;
  }
}

ringfence_status read(ringfence_client_t* handle, Verb verb, const char* key, std::size_t key_bytes,
                      std::int64_t exptime, ringfence_value* value, std::int64_t timeout_ms) {
  if (value == nullptr) return RINGFENCE_INVALID;
  Operation operation;
  operation.verb = verb;
  operation.key = {key, key_bytes};
  operation.exptime = exptime;
  operation.value = value;
  const ringfence_status status = run(handle, operation, timeout_ms);
  if (status != RINGFENCE_OK) client::clear_value(*value);
  return status;
}

ringfence_status store(ringfence_client_t* handle, Verb verb, std::string_view key,
                       std::string_view data, std::uint32_t flags, std::int64_t exptime,
                       std::uint64_t cas, std::int64_t timeout_ms) {
  Operation operation;
  operation.verb = verb;
  operation.key = key;
  operation.data = data;
  operation.flags = flags;
  operation.exptime = exptime;
  operation.number = cas;
  return run(handle, operation, timeout_ms);
}

ringfence_status change_number(ringfence_client_t* handle, Verb verb, const char* key,
                               std::size_t key_bytes, std::uint64_t delta, std::uint64_t* result,
                               std::int64_t timeout_ms) {
  Operation operation;
  operation.verb = verb;
  operation.key = {key, key_bytes};
  operation.number = delta;
  operation.result = result;
  return run(handle, operation, timeout_ms);
}

}  // namespace

ringfence_status ringfence_client_open(const ringfence_options* options,
                                       ringfence_client_t** handle) {
  if (handle == nullptr) return RINGFENCE_INVALID;
  *handle = nullptr;
  try {
    auto made = std::make_unique<ringfence_client>(options_of(options));
    const ringfence_status status = shim::c_status_of(made->attach());
    const int attach_errno = errno;
    if (status == RINGFENCE_OK || status == RINGFENCE_NO_VIEW) *handle = made.release();
    made.reset();
    errno = attach_errno;
    return status;
  } catch (...) {
    errno = ENOMEM;
    return RINGFENCE_SYSTEM;
  }
}

void ringfence_client_close(ringfence_client_t* handle) {
  delete handle;
}

const char* ringfence_client_error(void) {
  return client::last_error();
}

void ringfence_value_free(ringfence_value* value) {
  if (value == nullptr) return;
  std::free(value->data);
  *value = {};
}

ringfence_status ringfence_get(ringfence_client_t* handle, const char* key, size_t key_bytes,
                               ringfence_value* value, int64_t timeout_ms) {
  return read(handle, Verb::get, key, key_bytes, 0, value, timeout_ms);
}

ringfence_status ringfence_gets(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                ringfence_value* value, int64_t timeout_ms) {
  return read(handle, Verb::gets, key, key_bytes, 0, value, timeout_ms);
}

// gats on the wire: it also tells the cas unique.
ringfence_status ringfence_gat(ringfence_client_t* handle, const char* key, size_t key_bytes,
                               int64_t exptime, ringfence_value* value, int64_t timeout_ms) {
  return read(handle, Verb::gats, key, key_bytes, exptime, value, timeout_ms);
}

ringfence_status ringfence_set(ringfence_client_t* handle, const char* key, size_t key_bytes,
                               const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                               int64_t timeout_ms) {
  return store(handle, Verb::set, {key, key_bytes}, {data, bytes}, flags, exptime, 0, timeout_ms);
}

ringfence_status ringfence_add(ringfence_client_t* handle, const char* key, size_t key_bytes,
                               const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                               int64_t timeout_ms) {
  return store(handle, Verb::add, {key, key_bytes}, {data, bytes}, flags, exptime, 0, timeout_ms);
}

ringfence_status ringfence_replace(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                   const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                                   int64_t timeout_ms) {
  return store(handle, Verb::replace, {key, key_bytes}, {data, bytes}, flags, exptime, 0,
               timeout_ms);
}

ringfence_status ringfence_append(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                  const char* data, size_t bytes, int64_t timeout_ms) {
  return store(handle, Verb::append, {key, key_bytes}, {data, bytes}, 0, 0, 0, timeout_ms);
}

ringfence_status ringfence_prepend(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                   const char* data, size_t bytes, int64_t timeout_ms) {
  return store(handle, Verb::prepend, {key, key_bytes}, {data, bytes}, 0, 0, 0, timeout_ms);
}

ringfence_status ringfence_cas(ringfence_client_t* handle, const char* key, size_t key_bytes,
                               const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                               uint64_t cas, int64_t timeout_ms) {
  return store(handle, Verb::cas, {key, key_bytes}, {data, bytes}, flags, exptime, cas, timeout_ms);
}

ringfence_status ringfence_delete(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                  int64_t timeout_ms) {
  return store(handle, Verb::delete_key, {key, key_bytes}, {}, 0, 0, 0, timeout_ms);
}

ringfence_status ringfence_touch(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                 int64_t exptime, int64_t timeout_ms) {
  return store(handle, Verb::touch, {key, key_bytes}, {}, 0, exptime, 0, timeout_ms);
}

ringfence_status ringfence_incr(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                uint64_t delta, uint64_t* result, int64_t timeout_ms) {
  return change_number(handle, Verb::incr, key, key_bytes, delta, result, timeout_ms);
}

ringfence_status ringfence_decr(ringfence_client_t* handle, const char* key, size_t key_bytes,
                                uint64_t delta, uint64_t* result, int64_t timeout_ms) {
  return change_number(handle, Verb::decr, key, key_bytes, delta, result, timeout_ms);
}
