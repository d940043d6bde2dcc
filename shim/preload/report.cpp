#include "shim/preload/report.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "shim/preload/real.hpp"

namespace ringfence::shim::preload {

constinit std::atomic<std::uint64_t> way_counts[way_count]{};

namespace {

constexpr const char* names[way_count] = {
    "keys inline",
    "keys through the agent: connection not open yet",
    "keys through the agent: no connection to spare",
    "keys through the agent: the view was changing",
    "keys through the agent: no lease",
    "keys through the agent: no backend",
    "keys through the agent: behind an earlier one",
    "commands without a key",
    "keys that are reserved",
    "keys answered here: nobody to ask",
    "connections left to the agent: quit or not understood",
    "connections left to the agent: dup, fdopen, sendfile or splice",
    "connections left to the agent: EPOLLONESHOT or EPOLLEXCLUSIVE",
    "connections that outlived their agent",
    "connections reset in the middle of a value",
    "pools whose segment this user may not read: it is not in their group",
};

// One write, so that processes that end together do not mix their lines.
void print() {
  char text[2048];
  std::size_t size = 0;
  for (std::size_t i = 0; i < way_count; ++i) {
    const auto times =
        static_cast<unsigned long long>(way_counts[i].load(std::memory_order_relaxed));
    if (times == 0 && i != 0) continue;
    const int length = std::snprintf(text + size, sizeof text - size, "ringfence[%d] %llu %s\n",
                                     static_cast<int>(getpid()), times, names[i]);
    if (length > 0) size += static_cast<std::size_t>(length);
  }
  (void)real::write(STDERR_FILENO, text, size);
}

}  // namespace

void report_at_exit() noexcept {
  const char* wanted = getenv("RINGFENCE_STATS");
  if (wanted != nullptr && std::string_view(wanted) == "1") (void)std::atexit(print);
}

}  // namespace ringfence::shim::preload
