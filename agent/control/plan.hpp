// `ringfencectl plan`: what a change of a backend would move. Pure; the daemon's loop thread.
#pragma once

#include <cstdint>
#include <string>

#include "agent/control/show.hpp"

namespace ringfence::agent::control {

enum class PlanKind : std::uint8_t { add, remove, weight };
struct PlanAsked {
  PlanKind kind{};
  std::string address;       // canonical
  std::uint32_t weight = 1;  // of add and weight
};

// {"ok":false,...} when it would change nothing, with the reason.
[[nodiscard]] Json plan_json(const core::View& view, const core::Pool& pool,
                             const PlanAsked& asked);

}  // namespace ringfence::agent::control
