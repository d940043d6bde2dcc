// Preloaded applications for long, and many of them: nothing is left behind, and no memcached runs
// out of connections. How long and how many: RINGFENCE_TEST_SOAK_OPERATIONS (100,000 by default;
// a hundredth of them begin with a new connection) and RINGFENCE_TEST_SOAK_PROCESSES (60).
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <sstream>

#include "tests/live/support/agent.hpp"
#include "tests/live/support/preloaded.hpp"
#include "tests/live/support/sanitized.hpp"

namespace ringfence::live {
namespace {

constexpr std::size_t backend_count = 4;
constexpr std::size_t thread_count = 100;
constexpr std::size_t operations_a_second_min = 1000;  // on a busy machine
// What 100 threads' allocators may take beyond what they took in the first fifth: 80 bytes a
// connect in the long run, less than a byte an operation.
constexpr long growth_kib_max = 8 * 1024;
// Connections that lie ready for who comes next: shim/preload/overlay.hpp, 16 for each memcached.
constexpr std::size_t idle_max = 16 * backend_count;
constexpr std::size_t own_files_max = 16;      // standard ones, the segment, the counts
constexpr std::uint64_t of_the_agent_max = 8;  // an agent's to one memcached: probes and its port

std::size_t wanted(const char* name, std::size_t otherwise) {
  const char* said = std::getenv(name);
  return said == nullptr ? otherwise : std::stoull(said);
}

class PreloadSoak : public testing::Test {
 protected:
  explicit PreloadSoak(const std::string& pool_lines = {}) {
    expect_preloaded();
    // Room for every key of 500 processes: one that was evicted would be a wrong answer.
    const std::vector<std::string> room{"-m", "256"};
    for (std::size_t i = 0; i < backend_count; ++i) memcacheds_.emplace_back(room);
    AgentSettings settings;
    settings.pool_lines = pool_lines;
    settings.backends = addresses_of(memcacheds_);
    agent_ = std::make_unique<Agent>(settings);
    agent_->wait_ready();
    setenv("RINGFENCE_SEGMENT", agent_->segment().c_str(), 1);
    setenv("RINGFENCE_STATS", "1", 1);
  }

  [[nodiscard]] Child start(std::size_t threads, std::size_t operations, std::size_t connects,
                            const std::string& output) const {
    const std::string address = agent_->port_address();
    return Child({"/usr/bin/env", "LD_PRELOAD=" + library("libringfence-preload.so"),
                  program("preload_soak"), address.substr(address.rfind(':') + 1),
                  std::to_string(threads), std::to_string(operations), std::to_string(connects)},
                 dir_.file(output));
  }
  // Whether the application has come to where its connections are closed.
  [[nodiscard]] bool is_over(const std::string& output) const {
    return read_file(dir_.file(output)).find("closed ") != std::string::npos;
  }
  [[nodiscard]] std::uint64_t connections_of(std::size_t memcached) const {
    return memcacheds_[memcached].stat("curr_connections");
  }

  std::vector<Memcached> memcacheds_;
  std::unique_ptr<Agent> agent_;
  TempDir dir_;
};

struct Looked {
  long resident_kib = 0;
  std::size_t files = 0;
};

// What the application printed: {when: what it had}.
std::map<std::string, Looked> looks_of(const std::string& output) {
  std::map<std::string, Looked> looks;
  std::istringstream lines(output);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string when;
    Looked looked;
    if (words >> when >> looked.resident_kib >> looked.files) looks[when] = looked;
  }
  return looks;
}

// "ringfence[PID] 17 keys inline" and its like, summed up.
std::uint64_t counted(const std::string& output, const std::string& what) {
  std::istringstream lines(output);
  std::string line;
  std::uint64_t sum = 0;
  while (std::getline(lines, line)) {
    const std::size_t begin = line.find("] ");
    if (!line.starts_with("ringfence[") || line.find(what) == std::string::npos) continue;
    sum += std::stoull(line.substr(begin + 2));
  }
  return sum;
}

TEST_F(PreloadSoak, ManyThreadsThatConnectAgainAndAgainThenNothingIsLeft) {
  const std::size_t operations = wanted("RINGFENCE_TEST_SOAK_OPERATIONS", 100'000);
  const std::uint64_t before = connections_of(0);
  Child application = start(thread_count, operations, operations / 100, "soak");
  const Milliseconds limit{60'000 + 1000 * operations / operations_a_second_min};

  ASSERT_TRUE(wait_until([&] { return is_over("soak") || !application.is_running(); }, limit));

  std::map<std::string, Looked> looks = looks_of(read_file(dir_.file("soak")));
  ASSERT_EQ(looks.size(), 3U) << read_file(dir_.file("soak"));
  if (!is_sanitized) {
    EXPECT_LE(looks["end"].resident_kib, looks["warm"].resident_kib + growth_kib_max);
  }
  EXPECT_LE(looks["end"].files, looks["warm"].files + idle_max);
  EXPECT_LE(looks["closed"].files, idle_max + own_files_max);
  for (std::size_t i = 0; i < backend_count; ++i) {
    EXPECT_LE(connections_of(i), before + idle_max / backend_count + of_the_agent_max);
  }

  application.signal(SIGTERM);
  EXPECT_EQ(application.wait(), 0) << read_file(dir_.file("soak"));
  for (std::size_t i = 0; i < backend_count; ++i) {
    EXPECT_TRUE(wait_until([&] { return connections_of(i) <= before + of_the_agent_max; }));
  }
  const std::string output = read_file(dir_.file("soak"));
  // How many find a connection not open yet, or a server that takes too long to open one, is the
  // machine's affair, as far as it goes.
  const std::uint64_t inline_keys = counted(output, "keys inline");
  const std::uint64_t opening =
      counted(output, "connection not open yet") + counted(output, "no connection to spare");
  EXPECT_GE(inline_keys, operations / 100 * 95) << output;
  EXPECT_GE(inline_keys + opening, operations / 100 * 99) << output;
  std::printf("%s", output.c_str());
}

// Two threads of each process want a connection to each memcached.
class PreloadProcesses : public PreloadSoak {
 protected:
  PreloadProcesses() : PreloadSoak("preload_connections = " + std::to_string(budget)) {}
  static constexpr std::uint64_t budget = 40;
};

TEST_F(PreloadProcesses, MoreThanTheBudgetHasConnectionsForThenAllAreServedWithinIt) {
  const std::size_t count = wanted("RINGFENCE_TEST_SOAK_PROCESSES", 60);
  const std::uint64_t before = connections_of(0);
  std::vector<Child> applications;
  for (std::size_t i = 0; i < count; ++i) {
    applications.push_back(start(2, 1000, 2, "process-" + std::to_string(i)));
  }

  std::uint64_t most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string output = "process-" + std::to_string(i);
    const bool is_served = wait_until(
        [&] {
          for (std::size_t m = 0; m < backend_count; ++m) most = std::max(most, connections_of(m));
          return is_over(output) || !applications[i].is_running();
        },
        Milliseconds{100'000}, Milliseconds{50});
    EXPECT_TRUE(is_served && applications[i].is_running()) << read_file(dir_.file(output));
  }

  EXPECT_LE(most, before + budget + of_the_agent_max);
  EXPECT_GE(most, budget / 2) << "few were asked for";
  for (Child& application : applications) application.signal(SIGTERM);
  for (Child& application : applications) EXPECT_EQ(application.wait(), 0);
  std::uint64_t inline_count = 0;
  for (std::size_t i = 0; i < count; ++i) {
    inline_count += counted(read_file(dir_.file("process-" + std::to_string(i))), "keys inline");
  }
  EXPECT_GT(inline_count, 0U);
  std::printf(
      "%zu processes: at most %lu connections to a memcached, %lu of them before; %lu keys "
      "inline\n",
      count, most, before, inline_count);
}

}  // namespace
}  // namespace ringfence::live
