#include "bench/failover/steady_asker.hpp"

#include <chrono>

namespace ringfence::bench {
namespace {

constexpr std::chrono::milliseconds rest{1};
constexpr std::int64_t slow_ns = 50'000'000;  // hundreds of times what a request takes here
constexpr live::Milliseconds home_timeout{1000};

}  // namespace

SteadyAsker::SteadyAsker(Contender& contender, Keys& keys, std::string home)
    : contender_(contender), keys_(keys), home_(std::move(home)), thread_([this] { run(); }) {}

SteadyAsker::~SteadyAsker() {
  if (thread_.joinable()) (void)end();
}

std::vector<Round> SteadyAsker::end() {
  is_ending_.store(true, std::memory_order_relaxed);
  thread_.join();
  return std::move(rounds_);
}

void SteadyAsker::look_home() {
  home_count_.store(0, std::memory_order_relaxed);  // nobody looks now
  is_looking_.store(true, std::memory_order_release);
}

void SteadyAsker::leave_home() {
  is_looking_.store(false, std::memory_order_release);
  const std::size_t begun = round_count_.load(std::memory_order_acquire);
  (void)live::wait_until([&] { return round_count_.load(std::memory_order_acquire) > begun + 1; });
}

bool SteadyAsker::wait_home(std::chrono::seconds limit) {
  return live::wait_until(
      [&] { return home_count_.load(std::memory_order_acquire) > 2 * keys_.names.size(); }, limit);
}

void SteadyAsker::run() {
  for (std::size_t turn = 0; !is_ending_.load(std::memory_order_relaxed); ++turn) {
    rounds_.push_back(ask(keys_.names[turn % keys_.names.size()]));
    if (rounds_.back().is_home) home_count_.fetch_add(1, std::memory_order_release);
    round_count_.fetch_add(1, std::memory_order_release);
    std::this_thread::sleep_for(rest);
  }
}

template <typename Request>
auto SteadyAsker::timed(Round& round, const Request& request) {
  const std::int64_t begin_ns = now_ns();
  auto answer = request();
  if (now_ns() - begin_ns > slow_ns) ++round.slow;
  ++round.requests;
  return answer;
}

Round SteadyAsker::ask(const std::string& name) {
  const std::uint64_t number = keys_.next++;
  const std::string value = std::to_string(number);
  const auto get = [&] { return contender_.get(name); };
  Round round;
  round.begin_ns = now_ns();
  const Answer before = timed(round, get);
  if (!before.is_answered) ++round.failed;
  round.is_stale = before.value && is_older(*before.value, name);
  const bool is_set = timed(round, [&] { return contender_.set(name, value); });
  if (is_set) keys_.acknowledged[name] = number;
  if (!is_set) ++round.failed;
  const Answer after = timed(round, get);
  if (!after.is_answered) ++round.failed;
  round.is_done = is_set && after.value == value;
  round.is_stale = round.is_stale || (after.value && is_older(*after.value, name));
  round.end_ns = now_ns();
  if (is_looking_.load(std::memory_order_acquire)) {
    round.is_home = is_at_home(name, value);
  } else {
    home_client_.reset();
  }
  return round;
}

bool SteadyAsker::is_older(const std::string& value, const std::string& name) const {
  return std::stoull(value) < keys_.acknowledged.at(name);
}

bool SteadyAsker::is_at_home(const std::string& name, const std::string& value) {
  try {
    if (!home_client_) home_client_.emplace(home_, home_timeout);
    return home_client_->get(contender_.key_on_server(name)) == value;
  } catch (const std::exception&) {
    home_client_.reset();
    return false;
  }
}

}  // namespace ringfence::bench
