// What a change would move, computed by the change itself (next_view) and thrown away. Pure; any
// thread. Cost: copies 512 KiB a pool.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/entry.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

// Slots that would go from one owner to another. No address: nobody.
struct PreviewMove {
  std::string from, to;
  std::uint32_t slot_count = 0;
};
struct PreviewBackend {
  std::string address;
  std::uint32_t slots_before = 0, slots_after = 0;
};
struct Preview {
  std::uint32_t moved_count = 0;
  std::vector<PreviewMove> moves;        // the most slots first, then by addresses
  std::vector<PreviewBackend> backends;  // by address; of before and after
};

// Of `pool`, which the view has, if `ops` were carried out now.
[[nodiscard]] Preview preview(const View& view, const std::string& pool, std::vector<Op> ops);

}  // namespace ringfence::agent::core
