// Attaching and re-attaching; see segment_handle.hpp. Any thread.
#include "shim/segment_handle.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "shm_layout/segment_list.hpp"

namespace ringfence::shim {

namespace {

using shm_layout::AttachVerdict;

AttachStatus status_of(AttachVerdict verdict) noexcept {
  switch (verdict) {
    case AttachVerdict::ok:
      return AttachStatus::attached;
    case AttachVerdict::absent:
    case AttachVerdict::not_ready:
    case AttachVerdict::other_boot:
      return AttachStatus::no_view;  // an agent will make it anew
    case AttachVerdict::other_version:
      return AttachStatus::other_version;
    case AttachVerdict::system_error:
      return AttachStatus::system_error;
    case AttachVerdict::too_short:
    case AttachVerdict::not_a_segment:
    case AttachVerdict::damaged:
      break;
  }
  return AttachStatus::damaged;
}

}  // namespace

SegmentHandle::SegmentHandle(std::string path, std::string directory)
    : path_(std::move(path)), directory_(std::move(directory)) {}

SegmentHandle::~SegmentHandle() {
  const Attachment* attachment = current();
  while (attachment != nullptr) {
    const Attachment* previous = attachment->previous;
    delete attachment;
    attachment = previous;
  }
}

AttachStatus SegmentHandle::refresh() {
  if (!lock_refresh()) return status_of_current();
  struct Unlock {
    std::atomic<pid_t>& refresher;
    // Release; pairs with the acquire in lock_refresh(): the next one sees this one's attachment.
    ~Unlock() { refresher.store(0, std::memory_order_release); }
  } const unlock{refresher_};

  const Attachment* attachment = current();
  if (attachment != nullptr && attachment->segment.is_at(attachment->path.c_str())) {
    return status_of_current();
  }
  return path_.empty() ? find_and_attach() : attach_to(path_);
}

// By process, not by thread: what a parent's thread held when it forked is nobody's in the child.
bool SegmentHandle::lock_refresh() noexcept {
  const pid_t own = getpid();
  // Relaxed: only the exchange below takes the lock, and it acquires.
  pid_t holder = refresher_.load(std::memory_order_relaxed);
  if (holder == own) return false;
  // Acquire; pairs with the release in refresh()'s Unlock.
  return refresher_.compare_exchange_strong(holder, own, std::memory_order_acquire,
                                            std::memory_order_relaxed);
}

AttachStatus SegmentHandle::find_and_attach() {
  auto listed = shm_layout::list_segments(directory_);
  if (!listed) {
    errno = listed.error().os_errno;
    return AttachStatus::system_error;
  }
  std::vector<std::string>& paths = listed.value();
  if (paths.empty()) return status_of_current();
  // What was the only one once stays the choice while it is there.
  if (const Attachment* attachment = current(); attachment != nullptr) {
    for (const std::string& path : paths) {
      if (path == attachment->path) return attach_to(path);
    }
  }
  return paths.size() == 1 ? attach_to(paths.front()) : AttachStatus::ambiguous;
}

AttachStatus SegmentHandle::attach_to(std::string path) {
  auto made = std::make_unique<Attachment>();
  const AttachStatus status = status_of(made->segment.open(path.c_str()));
  // The old mapping goes on serving for as long as its lease holds.
  if (status == AttachStatus::no_view) return status_of_current();
  if (status != AttachStatus::attached) return status;

  const Attachment* previous = current();
  made->path = std::move(path);
  made->previous = previous;
  made->number = previous == nullptr ? 1 : static_cast<std::uint16_t>(previous->number + 1);
  if (made->number == 0) made->number = 1;
  // Release; pairs with the acquire in current().
  current_.store(made.release(), std::memory_order_release);
  return status_of_current();
}

AttachStatus SegmentHandle::status_of_current() const noexcept {
  const Attachment* attachment = current();
  if (attachment == nullptr) return AttachStatus::no_view;
  // Acquire; pairs with the release in SegmentWriter::store_state.
  const std::uint32_t state =
      attachment->segment.reader().control().state.load(std::memory_order_acquire);
  const bool is_open = state == static_cast<std::uint32_t>(shm_layout::SegmentState::open);
  return is_open ? AttachStatus::attached : AttachStatus::no_view;
}

}  // namespace ringfence::shim
