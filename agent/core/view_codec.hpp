// Views as bytes, for snapshots. Hostile input safe; pure; any thread.
#pragma once

#include "agent/core/bytes.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

void write_view(ByteWriter& out, const View& view);
// As write_view, but with the XXH3-64 of each pool's slots in place of the slots.
void write_view_summary(ByteWriter& out, const View& view);
// Fails the reader when the view could not have been made by the ops of entry.hpp: names out of
// order, an index twice, a fenced slot, a served slot of no backend.
[[nodiscard]] View read_view(ByteReader& in);

}  // namespace ringfence::agent::core
