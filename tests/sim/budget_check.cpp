#include "tests/sim/budget_check.hpp"

#include <fmt/format.h>

namespace ringfence::sim {

void BudgetCheck::proposing(Life life, Instant clock, const Proposal& proposal) {
  for (const Op& op : proposal.ops) {
    if (!std::holds_alternative<Reassign>(op)) continue;
    count(life, evictions_[life], clock, timing_.eviction_burst, timing_.eviction_refill,
          "takes the slots of");
  }
}

void BudgetCheck::flushing(Life life, Instant clock) {
  count(life, admissions_[life], clock, timing_.admission_burst, timing_.admission_refill,
        "admits");
}

// Every stretch that ends now, and holds more than a burst. One token may be about to arrive as it
// begins.
void BudgetCheck::count(Life life, Orders& orders, Instant clock, std::uint32_t burst,
                        Duration refill, const char* what) {
  orders.push_back(clock);
  for (std::size_t held = burst + 2; held <= orders.size(); ++held) {
    const Duration length = clock - orders[orders.size() - held];
    const auto allowed = burst + 1 + static_cast<std::uint64_t>(length.ns / refill.ns);
    if (held <= allowed) continue;
    return check_.fail(fmt::format("G6: host {} {} {} backends within {} ms, and {} are allowed",
                                   life.host, what, held, length.ns / 1'000'000, allowed));
  }
}

}  // namespace ringfence::sim
