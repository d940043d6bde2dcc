// G6: in no stretch of time does a leader give out the slots of more lost backends, or admit more,
// than the pool's budgets allow: a token bucket of `burst` that gains one each `refill`. Judged by
// what each life of an agent orders, on its own clock. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/entry.hpp"
#include "agent/core/event.hpp"
#include "tests/sim/check.hpp"
#include "tests/sim/schedule.hpp"

namespace ringfence::sim {

class BudgetCheck {
 public:
  BudgetCheck(Check& check, const PoolTiming& timing) : check_(check), timing_(timing) {}

  struct Life {
    std::size_t host = 0;
    std::uint64_t number = 0;
    friend auto operator<=>(const Life&, const Life&) = default;
  };
  void proposing(Life life, Instant clock, const Proposal& proposal);
  // Of an admission, into a pool that serves something.
  void flushing(Life life, Instant clock);

 private:
  using Orders = std::vector<Instant>;
  void count(Life life, Orders& orders, Instant clock, std::uint32_t burst, Duration refill,
             const char* what);

  Check& check_;
  const PoolTiming timing_;
  std::map<Life, Orders> evictions_, admissions_;
};

}  // namespace ringfence::sim
