// Figures of many events of one kind, as median, p99 and maximum, one line of CSV each. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ringfence::bench {

inline constexpr double ns_per_ms = 1e6;

class Figures {
 public:
  // `name` tells a script what was measured, in which unit.
  void add(const std::string& name, double value) { values_[name].push_back(value); }
  void add_ms(const std::string& name, std::int64_t ns) {
    add(name, static_cast<double>(ns) / ns_per_ms);
  }
  // whose,name,count,median,p99,max for each name, and clears them.
  void print(const std::string& whose);
  void print(std::size_t agent_count) { print(std::to_string(agent_count)); }

 private:
  std::map<std::string, std::vector<double>> values_;
};

}  // namespace ringfence::bench
