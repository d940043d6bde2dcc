#include "bench/port/process_cost.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

namespace ringfence::bench {
namespace {

std::string path_of(pid_t pid, const char* what) {
  return "/proc/" + std::to_string(pid) + "/" + what;
}

void for_each_thread(pid_t pid, std::string_view name,
                     const std::function<void(const std::filesystem::path&)>& call) {
  for (const auto& thread : std::filesystem::directory_iterator{path_of(pid, "task")}) {
    std::string own_name;
    std::ifstream(thread.path() / "comm") >> own_name;
    if (name.empty() || own_name == name) call(thread.path());
  }
}

}  // namespace

// schedstat begins with the time on a CPU. It is whole for threads that do not run now, and on the
// one CPU that all share, this one runs.
std::int64_t cpu_ns(pid_t pid, std::string_view thread_name) {
  std::int64_t sum_ns = 0;
  for_each_thread(pid, thread_name, [&sum_ns](const std::filesystem::path& thread) {
    std::int64_t on_cpu_ns = 0;
    std::ifstream(thread / "schedstat") >> on_cpu_ns;
    sum_ns += on_cpu_ns;
  });
  return sum_ns;
}

std::size_t thread_count(pid_t pid, std::string_view thread_name) {
  std::size_t count = 0;
  for_each_thread(pid, thread_name, [&count](const std::filesystem::path&) { ++count; });
  return count;
}

double peak_rss_mib(pid_t pid) {
  std::ifstream status(path_of(pid, "status"));
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024;
  }
  throw std::runtime_error("no VmHWM in " + path_of(pid, "status"));
}

void reset_peak_rss(pid_t pid) {
  constexpr const char* peak = "5";  // proc(5), clear_refs
  std::ofstream file(path_of(pid, "clear_refs"));
  if (!(file << peak << std::flush)) {
    throw std::runtime_error(path_of(pid, "clear_refs") + " cannot be written");
  }
}

}  // namespace ringfence::bench
