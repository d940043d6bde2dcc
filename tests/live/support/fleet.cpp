#include "tests/live/support/fleet.hpp"

#include <stdexcept>

namespace ringfence::live {

const char* const impatient_pool =
    "hold_down = \"50ms\"\n"
    "hold_down_max = \"50ms\"\n"
    "probe_interval = \"20ms\"\n"
    "eviction_burst = 1000\n"
    "admission_burst = 1000\n"
    "floor_percent = 0\n";

AgentSettings impatient(const std::vector<Memcached>& memcacheds) {
  AgentSettings settings;
  settings.backends = addresses_of(memcacheds);
  settings.pool_lines = impatient_pool;
  return settings;
}

std::vector<std::string> keys_owned_by(const Agent& agent, const std::string& address,
                                       std::size_t count) {
  constexpr std::size_t tried_max = 10'000;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < tried_max && keys.size() < count; ++i) {
    std::string key = "key-" + std::to_string(i);
    if (agent.owner_of(key) == address) {
      keys.push_back(std::move(key));
    }
  }
  if (keys.size() < count) {
    throw std::runtime_error(address + " owns too few keys");
  }
  return keys;
}

namespace {

// The state letter of proc(5); 0 when there is no such process.
char state_of(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');  // the name may hold anything
  return name_end == std::string::npos || name_end + 2 >= stat.size() ? '\0' : stat[name_end + 2];
}

}  // namespace

bool is_stopped(pid_t pid) {
  return state_of(pid) == 'T';
}

bool is_gone(pid_t pid) {
  const char state = state_of(pid);
  return state == '\0' || state == 'Z' || state == 'X';
}

void set_until_stored(TextClient& client, const std::string& key, const std::string& value) {
  std::string answer;
  if (!wait_until([&] { return (answer = client.set(key, value)) == "STORED"; })) {
    throw std::runtime_error("set " + key + " keeps answering '" + answer + "'");
  }
}

}  // namespace ringfence::live
