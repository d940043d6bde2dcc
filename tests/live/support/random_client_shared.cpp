// RandomClient's operations on keys that all threads use.
#include "tests/live/support/random_client.hpp"

namespace ringfence::live {

std::string RandomClient::shared_value(std::size_t index, std::size_t number) {
  std::string value = std::to_string(index) + ":" + std::to_string(number) + ":";
  return value.append(some(200), 'v');
}

void RandomClient::judge_shared(std::size_t index, std::string_view value, std::uint64_t floor) {
  ++findings_.hits;
  const std::string prefix = std::to_string(index) + ":";
  const bool is_own = value.starts_with(prefix);
  if (!is_own || !shared_.keys[index].may_be_read(number_of(value.substr(prefix.size())), floor)) {
    findings_.note_lie(SharedKeys::name(index) + (is_own ? " is stale: " : " is another's: ") +
                       shown(value));
  }
}

void RandomClient::get_shared() {
  const std::size_t index = some(SharedKeys::count);
  const std::uint64_t floor = shared_.keys[index].floor();
  const ringfence_status status =
      timed([&](Timeout timeout) { return client_.get(SharedKeys::name(index), value_, timeout); });
  if (note(status) && status == RINGFENCE_OK) judge_shared(index, value_.view(), floor);
}

void RandomClient::get_many_shared() {
  std::vector<std::string> names;
  std::array<std::uint64_t, SharedKeys::count> floors{};
  for (std::size_t i = 0; i < SharedKeys::count; ++i) {
    names.push_back(SharedKeys::name(i));
    floors[i] = shared_.keys[i].floor();
  }
  const std::vector<Key> keys(names.begin(), names.end());
  std::vector<Value> values(keys.size());
  std::vector<ringfence_status> statuses(keys.size(), RINGFENCE_INVALID);
  (void)timed([&](Timeout timeout) {
    return client_.get_many(keys, values.data(), statuses.data(), timeout);
  });
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (note(statuses[i]) && statuses[i] == RINGFENCE_OK) {
      judge_shared(i, values[i].view(), floors[i]);
    }
  }
}

void RandomClient::set_shared() {
  const std::size_t index = some(SharedKeys::count);
  SharedKey& key = shared_.keys[index];
  const SharedKey::Begun begun = key.begin_set(shared_.clock);
  const std::string value = shared_value(index, begun.number);
  const ringfence_status status = timed([&](Timeout timeout) {
    return client_.set(SharedKeys::name(index), value, forever, 0, timeout);
  });
  if (note(status)) key.acknowledge_set(begun, shared_.clock);
}

void RandomClient::set_many_shared() {
  std::vector<std::size_t> indices;
  for (std::size_t i = some(3); i < SharedKeys::count; i += 1 + some(4)) indices.push_back(i);
  std::vector<SharedKey::Begun> begun;
  std::vector<std::string> names, values;
  for (const std::size_t i : indices) {
    begun.push_back(shared_.keys[i].begin_set(shared_.clock));
    names.push_back(SharedKeys::name(i));
    values.push_back(shared_value(i, begun.back().number));
  }
  std::vector<Write> writes;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    writes.push_back(Write::set(names[i], values[i]));
  }
  std::vector<ringfence_status> statuses(writes.size(), RINGFENCE_INVALID);
  (void)timed(
      [&](Timeout timeout) { return client_.write_many(writes, statuses.data(), timeout); });
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (note(statuses[i])) shared_.keys[indices[i]].acknowledge_set(begun[i], shared_.clock);
  }
}

void RandomClient::remove_shared() {
  const std::size_t index = some(SharedKeys::count);
  const std::uint64_t begin = SharedKey::begin_remove(shared_.clock);
  const ringfence_status status =
      timed([&](Timeout timeout) { return client_.remove(SharedKeys::name(index), timeout); });
  if (note(status)) shared_.keys[index].acknowledge_remove(begin);
}

}  // namespace ringfence::live
