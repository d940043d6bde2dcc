// The client's C functions on many keys, thin over client/. No exception, abort or C++ type leaves
// this file. Any thread.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "shim/client/arguments.hpp"
#include "shim/client/c_client.hpp"
#include "shim/client/fan_gets.hpp"
#include "shim/client/fan_writes.hpp"
#include "shim/ringfence.h"

namespace client = ringfence::shim::client;

static_assert(sizeof(ringfence_key) == 16 && sizeof(ringfence_write) == 56,
              "programs were compiled against these sizes");

namespace {

ringfence_status run_many(ringfence_client_t* handle, client::FanJob& job, std::size_t count,
                          std::int64_t timeout_ms) {
  client::forget_error();
  if (handle == nullptr) return RINGFENCE_INVALID;
  const auto timeout_ns = client::timeout_ns_of(*handle, timeout_ms);
  if (!timeout_ns) return RINGFENCE_INVALID;
  try {
    client::Deadline deadline(ringfence::shm_layout::boottime_ns(), *timeout_ns);
    client::FanOut(*handle, job, deadline).run(count);
    return RINGFENCE_OK;
  } catch (...) {
    errno = ENOMEM;
    return RINGFENCE_SYSTEM;
  }
}

ringfence_status read_many(ringfence_client_t* handle, const ringfence_key* keys, std::size_t count,
                           bool has_cas, client::ValueReceiver& receiver, std::int64_t timeout_ms) {
  if (count > 0 && keys == nullptr) return RINGFENCE_INVALID;
  client::FanGets reader(keys, has_cas, receiver);
  return run_many(handle, reader, count, timeout_ms);
}

class CallbackReceiver final : public client::ValueReceiver {
 public:
  CallbackReceiver(ringfence_each callback, void* context) noexcept
      : callback_(callback), context_(context) {}
  void tell(std::size_t index, ringfence_status status,
            const ringfence_value* value) noexcept override {
    callback_(context_, index, status, value);
  }
  [[nodiscard]] ringfence_value* own_value(std::size_t) noexcept override { return nullptr; }

 private:
  ringfence_each callback_;
  void* context_;
};

class GatheringReceiver final : public client::ValueReceiver {
 public:
  GatheringReceiver(ringfence_value* values, ringfence_status* statuses) noexcept
      : values_(values), statuses_(statuses) {}

  void tell(std::size_t index, ringfence_status status,
            const ringfence_value* value) noexcept override {
    statuses_[index] = status;
    ringfence_value& own = values_[index];
    if (value == nullptr) {
      client::clear_value(own);
    } else if (value->data == own.data || client::make_room(own, value->bytes)) {
      if (value->data != own.data) std::memcpy(own.data, value->data, value->bytes);
      client::set_value(own, value->bytes, value->flags, value->cas);
    } else {
      statuses_[index] = RINGFENCE_SYSTEM;
      client::clear_value(own);
    }
  }
  [[nodiscard]] ringfence_value* own_value(std::size_t index) noexcept override {
    return &values_[index];
  }

 private:
  ringfence_value* values_;
  ringfence_status* statuses_;
};

}  // namespace

ringfence_status ringfence_get_each(ringfence_client_t* handle, const ringfence_key* keys,
                                    size_t count, int with_cas, ringfence_each callback,
                                    void* context, int64_t timeout_ms) {
  if (callback == nullptr) return RINGFENCE_INVALID;
  CallbackReceiver receiver(callback, context);
  return read_many(handle, keys, count, with_cas != 0, receiver, timeout_ms);
}

ringfence_status ringfence_get_many(ringfence_client_t* handle, const ringfence_key* keys,
                                    size_t count, ringfence_value* values,
                                    ringfence_status* statuses, int64_t timeout_ms) {
  if (count > 0 && (values == nullptr || statuses == nullptr)) return RINGFENCE_INVALID;
  std::fill_n(statuses, count, RINGFENCE_SYSTEM);
  GatheringReceiver receiver(values, statuses);
  return read_many(handle, keys, count, false, receiver, timeout_ms);
}

ringfence_status ringfence_write_many(ringfence_client_t* handle, const ringfence_write* writes,
                                      size_t count, ringfence_status* statuses,
                                      int64_t timeout_ms) {
  if (count > 0 && (writes == nullptr || statuses == nullptr)) return RINGFENCE_INVALID;
  std::fill_n(statuses, count, RINGFENCE_SYSTEM);
  client::FanWrites writer(writes, statuses);
  const ringfence_status status = run_many(handle, writer, count, timeout_ms);
  if (status != RINGFENCE_OK) return status;
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_asked = statuses[i] != RINGFENCE_INVALID && statuses[i] != RINGFENCE_KEY_INVALID;
    if (is_asked) handle->count(client::Verb::set, statuses[i]);
  }
  const auto* failed = std::find_if(statuses, statuses + count,
                                    [](ringfence_status each) { return each != RINGFENCE_OK; });
  return failed == statuses + count ? RINGFENCE_OK : *failed;
}
