// What the rounds of one scenario measured, contender by contender, and its table. One thread.
#pragma once

#include <string_view>
#include <vector>

namespace ringfence::bench {

// One round of one contender.
struct Round {
  double keys_per_second = 0;
  // CPU time a key: of the proxy's process, of its thread that moves bytes, of all memcacheds, and
  // of the clients.
  double proxy_us = 0, io_thread_us = 0, memcached_us = 0, client_us = 0;
};

struct Figures {
  std::string_view contender;
  std::vector<Round> rounds;
  std::vector<double> call_us;  // of all rounds
  double peak_rss_mib = 0;      // of the proxy
};

void print_heading();
// CSV, a line for each contender. What is relative is the median of each round's own ratio.
void print(std::string_view scenario, const std::vector<Figures>& contenders);

}  // namespace ringfence::bench
