// Everything that is measured on one CPU: figures are CPU work an operation then, and hold as
// ratios. Any thread.
#pragma once

#include <sched.h>

#include <cerrno>
#include <system_error>

namespace ringfence::bench {

// Binds this process, and those it starts from now on, to the last CPU that it may use. Throws.
inline void use_one_cpu() {
  const auto fail = [](const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
  };
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) fail("sched_getaffinity");
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) last = CPU_ISSET(cpu, &allowed) ? cpu : last;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

}  // namespace ringfence::bench
