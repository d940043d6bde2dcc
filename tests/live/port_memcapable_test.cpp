// libmemcached's memcapable, which tries a server's every command, against a real agent's port.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>

#include "tests/live/support/agent.hpp"

namespace ringfence::live {
namespace {

// Debian's name for it, and its own.
std::string memcapable() {
  for (const char* path : {"/usr/bin/memccapable", "/usr/bin/memcapable"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

// What the preload counted, of all processes of a run.
std::uint64_t inline_keys(const std::string& output) {
  std::istringstream lines(output);
  std::string line;
  std::uint64_t sum = 0;
  while (std::getline(lines, line)) {
    const std::size_t end = line.find(" keys inline");
    if (end != std::string::npos) sum += std::stoull(line.substr(line.find("] ") + 2));
  }
  return sum;
}

class PortMemcapable : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Backends, PortMemcapable, testing::Values(1U, 4U),
                         testing::PrintToStringParamName());

TEST_P(PortMemcapable, EveryTestOfBothProtocolsWithTagsThenAllPass) {
  const std::string tool = memcapable();
  if (tool.empty()) {
    GTEST_SKIP() << "memcapable is missing: install libmemcached-tools, or run tools/setup test";
  }
  const std::vector<Memcached> memcacheds = start_memcacheds(GetParam());
  AgentSettings settings;
  settings.backends = addresses_of(memcacheds);
  Agent agent(settings);
  agent.wait_ready();
  const std::string address = agent.port_address();
  const std::string port = address.substr(address.rfind(':') + 1);
  setenv("RINGFENCE_SEGMENT", agent.segment().c_str(), 1);  // for the preload, where it is there
  setenv("RINGFENCE_STATS", "1", 1);
  for (const char* protocol : {"-a", "-b"}) {
    const RunOutcome outcome =
        run({tool, "-h", "127.0.0.1", "-p", port, "-t", "10", protocol}, Milliseconds{60'000});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_NE(outcome.output.find("All tests passed"), std::string::npos) << outcome.output;
    EXPECT_EQ(outcome.output.find("[FAIL]"), std::string::npos) << outcome.output;
    if (getenv("LD_PRELOAD") != nullptr) {
      EXPECT_GT(inline_keys(outcome.output), 0U) << outcome.output;
    }
  }
}

}  // namespace
}  // namespace ringfence::live
