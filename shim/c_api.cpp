// The C functions of libringfence.so, thin over segment_handle and route. No exception, abort or
// C++ type leaves this file. Any thread.
#include <cerrno>
#include <cstring>
#include <new>

#include "shim/c_status.hpp"
#include "shim/ringfence.h"
#include "shim/route.hpp"
#include "shim/segment_handle.hpp"
#include "shim/wire_key.hpp"
#include "shm_layout/segment_list.hpp"

namespace shim = ringfence::shim;
namespace shm_layout = ringfence::shm_layout;

// NOLINTNEXTLINE(readability-identifier-naming): the C header names it
struct ringfence_handle : shim::SegmentHandle {
  using SegmentHandle::SegmentHandle;
};

static_assert(RINGFENCE_KEY_MAX == shim::key_bytes_max);
static_assert(sizeof(ringfence_address::text) == shm_layout::address_bytes);
static_assert(sizeof(ringfence_ticket) == 24 && sizeof(ringfence_address) == 144,
              "programs were compiled against these sizes");

namespace {

ringfence_status status_of(shim::RouteStatus status) noexcept {
  switch (status) {
    case shim::RouteStatus::ok:
      return RINGFENCE_OK;
    case shim::RouteStatus::lease_lapsed:
      return RINGFENCE_LEASE_LAPSED;
    case shim::RouteStatus::fenced:
      return RINGFENCE_FENCED;
    case shim::RouteStatus::unowned:
      return RINGFENCE_UNOWNED;
    case shim::RouteStatus::no_view:
      break;
  }
  return RINGFENCE_NO_VIEW;
}

// The attachment that the ticket came from, if it still is the current one.
const shim::Attachment* attachment_of(const ringfence_t* handle,
                                      const ringfence_ticket* ticket) noexcept {
  const shim::Attachment* current = handle == nullptr ? nullptr : handle->current();
  return current != nullptr && current->number == ticket->attachment ? current : nullptr;
}

void fill(ringfence_address& address, const shm_layout::BackendInfo& info) noexcept {
  std::memcpy(address.text, info.text, sizeof address.text);
  std::memcpy(address.ip, info.ip, sizeof address.ip);
  address.port = info.port;
  address.family = static_cast<std::uint16_t>(info.family);
  address.reserved = 0;
  address.incarnation = info.incarnation;
}

}  // namespace

ringfence_status ringfence_attach(const char* segment_path, ringfence_t** handle) {
  *handle = nullptr;
  try {
    auto made = std::make_unique<ringfence_handle>(shim::segment_path_of(segment_path),
                                                   shm_layout::default_segment_directory);
    const ringfence_status status = shim::c_status_of(made->refresh());
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

void ringfence_detach(ringfence_t* handle) {
  delete handle;
}

ringfence_status ringfence_refresh(ringfence_t* handle) {
  if (handle == nullptr) return RINGFENCE_NO_VIEW;
  try {
    return shim::c_status_of(handle->refresh());
  } catch (...) {
    errno = ENOMEM;
    return RINGFENCE_SYSTEM;
  }
}

ringfence_status ringfence_route(const ringfence_t* handle, const char* key, size_t key_bytes,
                                 ringfence_ticket* ticket) {
  if (key_bytes == 0 || key_bytes > shim::key_bytes_max) return RINGFENCE_KEY_INVALID;
  const shim::Attachment* current = handle == nullptr ? nullptr : handle->current();
  if (current == nullptr) return RINGFENCE_NO_VIEW;
  const shim::Ticket made = shim::route(current->segment.reader(), {key, key_bytes});
  ticket->slot_word = made.slot_word.raw();
  ticket->pool_word = made.pool_word.raw();
  ticket->slot = made.slot;
  ticket->backend = made.backend();
  ticket->attachment = current->number;
  return status_of(made.status);
}

ringfence_status ringfence_validate(const ringfence_t* handle, const ringfence_ticket* ticket) {
  if (handle == nullptr || handle->current() == nullptr) return RINGFENCE_NO_VIEW;
  const shim::Attachment* current = attachment_of(handle, ticket);
  if (current == nullptr) return RINGFENCE_CHANGED;
  const shm_layout::SegmentReader& reader = current->segment.reader();
  shim::Ticket held;
  held.slot_word = shm_layout::SlotWord{ticket->slot_word};
  held.pool_word = shm_layout::PoolWord{ticket->pool_word};
  held.slot = ticket->slot;
  switch (shim::validate(reader, held)) {
    case shim::TicketStatus::holds:
      return RINGFENCE_OK;
    case shim::TicketStatus::changed:
      return RINGFENCE_CHANGED;
    case shim::TicketStatus::lease_lapsed:
      break;
  }
  return status_of(shim::refusal_of(reader, held.slot_word, false));
}

size_t ringfence_wire_key(const ringfence_ticket* ticket, const char* key, size_t key_bytes,
                          char* wire_key) {
  if (key_bytes == 0 || key_bytes > shim::key_bytes_max) return 0;
  const shim::WireKey made({key, key_bytes}, shm_layout::PoolWord{ticket->pool_word},
                           shm_layout::SlotWord{ticket->slot_word}.generation());
  std::memcpy(wire_key, made.view().data(), made.view().size());
  return made.view().size();
}

ringfence_status ringfence_backend(const ringfence_t* handle, const ringfence_ticket* ticket,
                                   ringfence_address* address) {
  const shim::Attachment* current = attachment_of(handle, ticket);
  if (current == nullptr) return RINGFENCE_NO_VIEW;
  const shm_layout::SegmentReader& reader = current->segment.reader();
  const auto info = reader.backend(ticket->backend);
  if (!info) return RINGFENCE_NO_VIEW;
  fill(*address, *info);
  return RINGFENCE_OK;
}

uint64_t ringfence_epoch(const ringfence_t* handle) {
  const shim::Attachment* current = handle == nullptr ? nullptr : handle->current();
  if (current == nullptr) return 0;
  // Acquire; pairs with the release in SegmentWriter::end_publish.
  return current->segment.reader().control().epoch.load(std::memory_order_acquire);
}

const char* ringfence_describe(ringfence_status status) {
  switch (status) {
    case RINGFENCE_OK:
      return "ok";
    case RINGFENCE_NO_VIEW:
      return "no view: no segment is attached, or its agent closed it";
    case RINGFENCE_LEASE_LAPSED:
      return "lease lapsed: the agent is gone, hung or cut off";
    case RINGFENCE_FENCED:
      return "fenced: the slot is changing hands";
    case RINGFENCE_UNOWNED:
      return "unowned: no backend serves this key now";
    case RINGFENCE_CHANGED:
      return "changed: the slot is not what it was when it was routed";
    case RINGFENCE_KEY_INVALID:
      return "key invalid: 1 to 250 bytes are allowed";
    case RINGFENCE_OTHER_VERSION:
      return "other version: the segment is of an unknown layout";
    case RINGFENCE_DAMAGED:
      return "damaged: the file is not a whole segment";
    case RINGFENCE_AMBIGUOUS:
      return "ambiguous: several segments on this host; name one";
    case RINGFENCE_SYSTEM:
      return "a system call failed; errno tells";
    case RINGFENCE_MISS:
      return "miss: no such item";
    case RINGFENCE_NOT_STORED:
      return "not stored: the condition does not hold";
    case RINGFENCE_EXISTS:
      return "exists: somebody else stored since";
    case RINGFENCE_NOT_FOUND:
      return "not found: no such item";
    case RINGFENCE_BACKEND_LOST:
      return "backend lost: no connection, or it ended before the answer";
    case RINGFENCE_TIMED_OUT:
      return "timed out: the call's time is up";
    case RINGFENCE_TOO_LARGE:
      return "too large: the server takes no value of this size";
    case RINGFENCE_REFUSED:
      return "refused: the server answered with an error";
    case RINGFENCE_INVALID:
      return "invalid: an argument cannot be";
  }
  return "unknown status";
}
