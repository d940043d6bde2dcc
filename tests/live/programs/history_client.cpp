// One client process of a history: writes growing numbers to every second key, or reads all keys
// and compares with what was acknowledged before, until the history is over.
//   history_client SEGMENT FILE write0|write1|read
#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "shim/ringfence.hpp"
#include "tests/live/support/history_file.hpp"

namespace {

using namespace ringfence;
using namespace ringfence::live;

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void write(Client& client, HistoryCounts& history, std::size_t first) {
  for (std::uint64_t number = 1; history.is_over == 0; ++number) {
    for (std::size_t i = first; i < history_keys; i += 2) {
      history.keys[i].attempted = number;
      if (client.set(history_key(i), std::to_string(number)) != RINGFENCE_OK) {
        ++history.refused;
        continue;
      }
      history.keys[i].acknowledged = number;
      ++history.stored;
    }
  }
}

void judge(HistoryCounts& history, std::size_t index, std::string_view value, std::uint64_t floor) {
  const std::uint64_t number = number_in(value);
  ++history.hits;
  if (number < floor || number > history.keys[index].attempted) ++history.stale;
}

void read(Client& client, HistoryCounts& history) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < history_keys; ++i) names.push_back(history_key(i));
  const std::vector<Key> keys(names.begin(), names.end());
  std::array<std::uint64_t, history_keys> floors{};
  for (std::size_t turn = 0; history.is_over == 0; ++turn) {
    for (std::size_t i = 0; i < history_keys; ++i) floors[i] = history.keys[i].acknowledged;
    if (turn % 4 == 0) {
      client.get_each(keys, [&](const Answer& answer) {
        answer ? judge(history, answer.index, answer.data, floors[answer.index])
               : void(++history.misses);
      });
      continue;
    }
    const std::size_t index = turn % history_keys;
    const Read got = client.get(names[index]);
    got ? judge(history, index, got.view(), floors[index]) : void(++history.misses);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  HistoryCounts& history = map_history(argv[2]);
  Client client;
  Options options;
  options.segment_path = argv[1];
  options.timeout = Timeout{300};
  if (client.open(options) != RINGFENCE_OK) return 1;
  const std::string role = argv[3];
  role == "read" ? read(client, history) : write(client, history, role == "write0" ? 0 : 1);
  return 0;
}
