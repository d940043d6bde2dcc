// What both halves of the C API say the same way. Any thread.
#pragma once

#include <cstdlib>

#include "shim/ringfence.h"
#include "shim/segment_handle.hpp"

namespace ringfence::shim {

[[nodiscard]] inline ringfence_status c_status_of(AttachStatus status) noexcept {
  switch (status) {
    case AttachStatus::attached:
      return RINGFENCE_OK;
    case AttachStatus::no_view:
      return RINGFENCE_NO_VIEW;
    case AttachStatus::other_version:
      return RINGFENCE_OTHER_VERSION;
    case AttachStatus::damaged:
      return RINGFENCE_DAMAGED;
    case AttachStatus::ambiguous:
      return RINGFENCE_AMBIGUOUS;
    case AttachStatus::system_error:
      break;
  }
  return RINGFENCE_SYSTEM;
}

// The segment to attach to when the program names `segment_path` or nothing (null).
[[nodiscard]] inline const char* segment_path_of(const char* segment_path) noexcept {
  if (segment_path != nullptr) return segment_path;
  // Null when the process is setuid: its caller must not choose what it maps.
  const char* named = secure_getenv("RINGFENCE_SEGMENT");
  return named == nullptr ? "" : named;
}

}  // namespace ringfence::shim
