// Lines about who was refused, so few that nobody can fill a disk with them: one a remote address
// and reason in a window, then a count of the rest; and for a bounded number of these pairs. Pure;
// one mesh's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ringfence::agent::mesh {

class RefusalLog {
 public:
  // What to log now: nothing, or one line.
  [[nodiscard]] std::vector<std::string> note(std::int64_t now_ns, const std::string& remote,
                                              const std::string& reason);
  // Counts of windows that have ended; to be asked now and then.
  [[nodiscard]] std::vector<std::string> due(std::int64_t now_ns);

  static constexpr std::int64_t window_ns = 10'000'000'000;
  // Pairs with lines of their own; the rest shares one, so it is at most 65 lines in 10 s.
  static constexpr std::size_t pair_count_max = 64;

 private:
  struct Window {
    std::int64_t began_ns = 0;
    std::uint64_t unsaid_count = 0;
  };
  using Pair = std::pair<std::string, std::string>;
  std::map<Pair, Window> windows_;
};

}  // namespace ringfence::agent::mesh
