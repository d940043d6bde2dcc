#include "agent/core/view.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "agent/core/view_codec.hpp"

namespace ringfence::agent::core {

const Backend* Pool::find(std::string_view address) const {
  for (const Backend& backend : backends) {
    if (backend.address == address) return &backend;
  }
  return nullptr;
}

const Pool* View::find(std::string_view pool) const {
  for (const Pool& candidate : pools) {
    if (candidate.name == pool) return &candidate;
  }
  return nullptr;
}

const Agent* View::find(AgentId id) const {
  for (const Agent& agent : agents) {
    if (agent.id == id) return &agent;
  }
  return nullptr;
}

std::uint64_t digest_of(const View& view) {
  ByteWriter out;
  write_view_summary(out, view);
  return XXH3_64bits(out.bytes().data(), out.bytes().size());
}

}  // namespace ringfence::agent::core
