#include "agent/mesh/refusal_log.hpp"

#include <fmt/core.h>

namespace ringfence::agent::mesh {

std::vector<std::string> RefusalLog::note(std::int64_t now_ns, const std::string& remote,
                                          const std::string& reason) {
  Pair pair{remote, reason};
  if (windows_.size() >= pair_count_max && windows_.count(pair) == 0) {
    pair = {"other addresses", "many at once"};
  }
  const auto [at, is_new] = windows_.emplace(pair, Window{now_ns, 0});
  if (!is_new) {
    at->second.unsaid_count++;
    return {};
  }
  return {fmt::format("mesh: refused {}: {}", pair.first, pair.second)};
}

std::vector<std::string> RefusalLog::due(std::int64_t now_ns) {
  std::vector<std::string> lines;
  for (auto at = windows_.begin(); at != windows_.end();) {
    Window& window = at->second;
    if (now_ns - window.began_ns < window_ns) {
      ++at;
      continue;
    }
    if (window.unsaid_count == 0) {
      at = windows_.erase(at);
      continue;
    }
    lines.push_back(fmt::format("mesh: refused {} {} more times in {} s: {}", at->first.first,
                                window.unsaid_count, (now_ns - window.began_ns) / 1'000'000'000,
                                at->first.second));
    window = Window{now_ns, 0};
    ++at;
  }
  return lines;
}

}  // namespace ringfence::agent::mesh
