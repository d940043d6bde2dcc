// What processes cost, as the kernel counts it: CPU time to the nanosecond, and memory. It reads
// /proc. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace ringfence::bench {

// Time on a CPU by now of a process, or only of its threads of that name; 0 where there is none.
[[nodiscard]] std::int64_t cpu_ns(pid_t pid, std::string_view thread_name = {});
[[nodiscard]] std::size_t thread_count(pid_t pid, std::string_view thread_name);

// The most that was resident since reset_peak_rss, which takes the right to trace the process.
[[nodiscard]] double peak_rss_mib(pid_t pid);
void reset_peak_rss(pid_t pid);

}  // namespace ringfence::bench
