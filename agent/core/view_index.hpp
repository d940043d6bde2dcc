// Look-ups in one view that would else be walks: backends by address, and slots by owner. Made once
// a view. Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "agent/core/view.hpp"

namespace ringfence::agent::core {

struct PlacedBackend {
  const Backend* backend = nullptr;
  const Pool* pool = nullptr;
  std::uint32_t served_slots = 0;
  std::uint32_t kept_slots = 0;  // unowned, and waiting for its return
};

class ViewIndex {
 public:
  ViewIndex() = default;
  explicit ViewIndex(ViewPtr view);
  [[nodiscard]] const PlacedBackend* find(const std::string& pool,
                                          const std::string& address) const;
  [[nodiscard]] const ViewPtr& view() const { return view_; }

 private:
  ViewPtr view_;
  std::map<std::pair<std::string, std::string>, PlacedBackend> placed_;
};

class ViewIndexCache {
 public:
  [[nodiscard]] const ViewIndex& of(const ViewPtr& view) {
    if (index_.view() != view) index_ = ViewIndex(view);
    return index_;
  }

 private:
  ViewIndex index_;
};

}  // namespace ringfence::agent::core
