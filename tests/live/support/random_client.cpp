#include "tests/live/support/random_client.hpp"

#include <charconv>
#include <sstream>

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t text_keys = 24;
constexpr std::size_t number_keys = 8;
constexpr std::size_t doubt_max = 8;  // values that one key may hold, before its name is given up
constexpr std::size_t long_value = 20'000;  // one that grew so long is given up as well

bool is_answer(ringfence_status status) {
  switch (status) {
    case RINGFENCE_OK:
    case RINGFENCE_MISS:
    case RINGFENCE_NOT_STORED:
    case RINGFENCE_EXISTS:
    case RINGFENCE_NOT_FOUND:
      return true;
    default:
      return false;
  }
}

// What a fleet in trouble may say instead.
bool is_trouble(ringfence_status status) {
  switch (status) {
    case RINGFENCE_NO_VIEW:
    case RINGFENCE_LEASE_LAPSED:
    case RINGFENCE_FENCED:
    case RINGFENCE_UNOWNED:
    case RINGFENCE_CHANGED:
    case RINGFENCE_BACKEND_LOST:
    case RINGFENCE_TIMED_OUT:
      return true;
    default:
      return false;
  }
}

// memcached pads a number that became shorter with blanks.
std::string_view without_blanks(std::string_view number) {
  return number.substr(0, number.find_last_not_of(' ') + 1);
}

}  // namespace

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string shown(std::string_view value) {
  return std::to_string(value.size()) + " bytes '" + std::string(value.substr(0, 60)) + "'";
}

void Findings::note_excess(Milliseconds excess) {
  std::int64_t known = longest_excess_ms.load();
  while (excess.count() > known &&
         !longest_excess_ms.compare_exchange_weak(known, excess.count())) {
  }
}

void Findings::note_lie(std::string text) {
  const std::lock_guard lock(mutex_);
  lies_.push_back(std::move(text));
}

std::size_t Findings::lies() const {
  const std::lock_guard lock(mutex_);
  return lies_.size();
}

std::string Findings::first_lie() const {
  const std::lock_guard lock(mutex_);
  return lies_.empty() ? "" : lies_.front();
}

std::string Findings::summary() const {
  std::ostringstream text;
  text << answered << " answered, " << unanswered << " in trouble, " << hits << " hits, " << misses
       << " misses; longest excess " << longest_excess_ms << " ms";
  return text.str();
}

RandomClient::RandomClient(Client& client, SharedKeys& shared, Findings& findings,
                           std::size_t thread)
    : client_(client),
      shared_(shared),
      findings_(findings),
      random_(static_cast<std::uint32_t>(thread + 1)) {
  const std::string stem = "own-" + std::to_string(thread) + "-";
  for (std::size_t i = 0; i < text_keys; ++i) texts_.push_back({stem + std::to_string(i), 0, {}});
  for (std::size_t i = 0; i < number_keys; ++i) {
    numbers_.push_back({stem + "number-" + std::to_string(i), 0, {}});
  }
}

void RandomClient::do_something() {
  using Own = void (RandomClient::*)(OwnKey&);
  using Any = void (RandomClient::*)();
  static constexpr Own on_text[] = {
      &RandomClient::get,    &RandomClient::get,    &RandomClient::get,     &RandomClient::get,
      &RandomClient::gat,    &RandomClient::set,    &RandomClient::set,     &RandomClient::set,
      &RandomClient::add,    &RandomClient::extend, &RandomClient::replace, &RandomClient::cas,
      &RandomClient::remove, &RandomClient::touch};
  static constexpr Own on_number[] = {&RandomClient::count, &RandomClient::count,
                                      &RandomClient::read_number};
  static constexpr Any on_many[] = {&RandomClient::get_many_own,    &RandomClient::write_many_own,
                                    &RandomClient::get_shared,      &RandomClient::get_shared,
                                    &RandomClient::get_shared,      &RandomClient::set_shared,
                                    &RandomClient::set_shared,      &RandomClient::remove_shared,
                                    &RandomClient::get_many_shared, &RandomClient::set_many_shared};
  const std::size_t kind = some(10);
  if (kind < 6) {
    OwnKey& key = texts_[some(texts_.size())];
    (this->*on_text[some(std::size(on_text))])(key);
    const KeyModel::Values values = key.model.all();
    const bool is_long = !values.empty() && values.begin()->size() > long_value;
    if (values.size() > doubt_max || (is_long && some(4) == 0)) key.give_up();
  } else if (kind < 7) {
    (this->*on_number[some(std::size(on_number))])(numbers_[some(numbers_.size())]);
  } else {
    (this->*on_many[some(std::size(on_many))])();
  }
}

Timeout RandomClient::random_timeout() {
  static constexpr Timeout timeouts[] = {50ms, 300ms, 1000ms};
  return timeouts[some(std::size(timeouts))];
}

bool RandomClient::note(ringfence_status status) {
  if (is_answer(status)) {
    ++findings_.answered;
    return true;
  }
  ++findings_.unanswered;
  // memcached's own words when many large values arrive at once; it then holds nothing.
  const bool is_full =
      status == RINGFENCE_REFUSED && Client::error().find("ut of memory") != std::string_view::npos;
  if (!is_trouble(status) && !is_full) {
    findings_.note_lie(std::string("a status that no trouble explains: ") +
                       ringfence_describe(status) + " " + std::string(Client::error()));
  }
  pass(1ms);  // or a fleet that stands still would be asked as fast as the CPU allows
  return false;
}

void RandomClient::lie(const OwnKey& key, const std::string& text) {
  std::string may_be;
  for (const std::string& value : key.model.all()) may_be += " " + shown(value);
  findings_.note_lie(key.name() + ": " + text + "; it may be:" + may_be);
}

void RandomClient::judge(OwnKey& key, std::string_view value, const char* what) {
  ++findings_.hits;
  if (!key.model.read(value)) lie(key, std::string(what) + " is " + shown(value));
}

std::string RandomClient::new_value(const std::string& name) {
  const std::size_t kind = some(100);
  std::size_t bytes = some(120);
  if (kind >= 80) bytes = some(6'000);
  if (kind >= 96) bytes = 60'000 + some(10'000);
  if (kind >= 99) bytes = 300'000 + some(600'000);
  if (kind == 0) return {};
  std::string value = name + "#" + std::to_string(++turn_) + "#";
  while (value.size() < bytes) value += value.substr(0, bytes - value.size());
  return value;
}

// ---- keys of its own

void RandomClient::get(OwnKey& key) {
  const bool with_cas = some(2) == 0;
  const std::string name = key.name();
  const ringfence_status status = timed([&](Timeout timeout) {
    return with_cas ? client_.gets(name, value_, timeout) : client_.get(name, value_, timeout);
  });
  if (!note(status)) return;
  if (status != RINGFENCE_OK) {
    ++findings_.misses;
    return;
  }
  judge(key, value_.view(), "get");
}

void RandomClient::gat(OwnKey& key) {
  const bool at_once = some(2) == 0;
  const ringfence_status status = timed([&](Timeout timeout) {
    return client_.gat(key.name(), at_once ? -1s : 1000s, value_, timeout);
  });
  if (!note(status) || status != RINGFENCE_OK) return;
  judge(key, value_.view(), "gat");
  if (at_once) key.model.removed();
}

void RandomClient::stored_or_not(OwnKey& key, ringfence_status status, std::string value) {
  if (!note(status)) {
    key.model.perhaps_stored(std::move(value));
  } else if (status == RINGFENCE_OK) {
    key.model.stored(std::move(value));
  }
}

void RandomClient::set(OwnKey& key) {
  const std::string value = new_value(key.name());
  const ringfence_status status = timed([&](Timeout timeout) {
    return client_.set(key.name(), value, some(2) == 0 ? forever : 1000s, 3, timeout);
  });
  if (is_answer(status) && status != RINGFENCE_OK)
    lie(key, "set is answered " + std::to_string(status));
  stored_or_not(key, status, value);
}

void RandomClient::add(OwnKey& key) {
  const std::string value = new_value(key.name());
  const ringfence_status status =
      timed([&](Timeout timeout) { return client_.add(key.name(), value, forever, 3, timeout); });
  if (status == RINGFENCE_NOT_STORED && !key.model.may_exist()) lie(key, "add finds an item");
  stored_or_not(key, status, value);
}

void RandomClient::replace(OwnKey& key) {
  const std::string value = new_value(key.name());
  const ringfence_status status = timed(
      [&](Timeout timeout) { return client_.replace(key.name(), value, forever, 3, timeout); });
  if (status == RINGFENCE_OK && !key.model.may_exist()) lie(key, "replace finds an item");
  stored_or_not(key, status, value);
}

void RandomClient::extend(OwnKey& key) {
  const bool is_append = some(2) == 0;
  const std::string more = "+" + std::to_string(++turn_);
  const ringfence_status status = timed([&](Timeout timeout) {
    return is_append ? client_.append(key.name(), more, timeout)
                     : client_.prepend(key.name(), more, timeout);
  });
  if (!note(status)) return key.give_up();
  if (status != RINGFENCE_OK) return;
  if (!key.model.may_exist()) lie(key, "append or prepend finds an item");
  key.model.changed(
      [&](const std::string& value) { return is_append ? value + more : more + value; });
}

void RandomClient::cas(OwnKey& key) {
  const std::string name = key.name();
  const ringfence_status read =
      timed([&](Timeout timeout) { return client_.gets(name, value_, timeout); });
  if (!note(read) || read != RINGFENCE_OK) return;
  judge(key, value_.view(), "gets");
  const std::uint64_t unique = value_.cas();
  bool is_overtaken = false;
  if (some(3) == 0) {
    const std::string between = new_value(name);
    const ringfence_status status =
        timed([&](Timeout timeout) { return client_.set(name, between, forever, 0, timeout); });
    is_overtaken = status == RINGFENCE_OK;
    stored_or_not(key, status, between);
  }
  const std::string value = new_value(name);
  const ringfence_status status =
      timed([&](Timeout timeout) { return client_.cas(name, value, unique, forever, 0, timeout); });
  if (status == RINGFENCE_OK && is_overtaken) lie(key, "cas stores although somebody stored since");
  if (status == RINGFENCE_EXISTS && !is_overtaken && key.model.is_certain()) {
    lie(key, "cas says that somebody stored; nobody did");
  }
  stored_or_not(key, status, value);
}

void RandomClient::remove(OwnKey& key) {
  const ringfence_status status =
      timed([&](Timeout timeout) { return client_.remove(key.name(), timeout); });
  if (!note(status)) return;
  if (status == RINGFENCE_OK && !key.model.may_exist()) lie(key, "delete finds an item");
  key.model.removed();  // NOT_FOUND as well: there is nothing now
}

void RandomClient::touch(OwnKey& key) {
  const bool at_once = some(3) == 0;
  const ringfence_status status = timed(
      [&](Timeout timeout) { return client_.touch(key.name(), at_once ? -1s : 1000s, timeout); });
  if (!note(status) || status != RINGFENCE_OK) return;
  if (!key.model.may_exist()) lie(key, "touch finds an item");
  if (at_once) key.model.removed();
}

void RandomClient::read_number(OwnKey& key) {
  const ringfence_status status =
      timed([&](Timeout timeout) { return client_.get(key.name(), value_, timeout); });
  if (!note(status) || status != RINGFENCE_OK) return;
  judge(key, without_blanks(value_.view()), "get of a number");
}

void RandomClient::count(OwnKey& key) {
  const std::uint64_t delta = some(100);
  const bool is_up = some(2) == 0;
  const Number number = timed([&](Timeout timeout) {
    return is_up ? client_.incr(key.name(), delta, timeout)
                 : client_.decr(key.name(), delta, timeout);
  });
  if (!note(number.status)) return key.give_up();
  if (number.status == RINGFENCE_OK) {
    key.model.changed([&](const std::string& text) {
      const std::uint64_t before = number_of(text);
      return std::to_string(is_up ? before + delta : before - std::min(before, delta));
    });
    if (!key.model.read(std::to_string(number.value))) {
      lie(key, "incr or decr gives " + std::to_string(number.value));
    }
    return;
  }
  const std::string first = std::to_string(some(1000));
  stored_or_not(key, timed([&](Timeout timeout) {
                  return client_.set(key.name(), first, forever, 0, timeout);
                }),
                first);
}

void RandomClient::get_many_own() {
  std::vector<OwnKey*> own;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 1 + some(30); ++i) own.push_back(&texts_[some(texts_.size())]);
  for (const OwnKey* key : own) names.push_back(key->name());
  const std::vector<Key> keys(names.begin(), names.end());
  std::vector<std::pair<ringfence_status, std::string>> told(keys.size());
  std::size_t told_count = 0;
  const ringfence_status status = timed([&](Timeout timeout) {
    const auto tell = [&](const Answer& answer) {
      ++told_count;
      told[answer.index] = {answer.status, std::string(answer.data)};
    };
    return client_.get_each(keys, tell, timeout);
  });
  if (status != RINGFENCE_OK || told_count != keys.size()) {
    findings_.note_lie("a get of many tells of " + std::to_string(told_count) + " of " +
                       std::to_string(keys.size()) + ": " + ringfence_describe(status));
  }
  for (std::size_t i = 0; i < told.size(); ++i) {
    if (note(told[i].first) && told[i].first == RINGFENCE_OK) {
      judge(*own[i], told[i].second, "get of many");
    }
  }
}

void RandomClient::write_many_own() {
  std::vector<OwnKey*> own;
  std::vector<std::string> names, values;
  for (std::size_t i = 0; i < 1 + some(20); ++i) own.push_back(&texts_[some(texts_.size())]);
  for (const OwnKey* key : own) {
    names.push_back(key->name());
    values.push_back(new_value(key->name()));
  }
  std::vector<Write> writes;
  for (std::size_t i = 0; i < own.size(); ++i) {
    writes.push_back(some(4) == 0 ? Write::remove(names[i]) : Write::set(names[i], values[i]));
  }
  std::vector<ringfence_status> statuses(writes.size(), RINGFENCE_INVALID);
  (void)timed(
      [&](Timeout timeout) { return client_.write_many(writes, statuses.data(), timeout); });
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (writes[i].verb == RINGFENCE_VERB_SET) {
      stored_or_not(*own[i], statuses[i], values[i]);
    } else if (note(statuses[i])) {
      own[i]->model.removed();
    }
  }
}

}  // namespace ringfence::live
