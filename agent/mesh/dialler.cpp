#include "agent/mesh/dialler.hpp"

#include <algorithm>
#include <utility>

namespace ringfence::agent::mesh {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
// A restarted agent is found again within one probe interval; a host that is away costs one SYN in
// 2 s.
constexpr std::int64_t retry_min_ns = 50 * ns_per_ms;
constexpr std::int64_t retry_max_ns = 2000 * ns_per_ms;
constexpr unsigned doublings_max = 6;  // 50 ms * 2^6 is beyond retry_max
// An address that is this agent itself may come to be another's, if it is a name.
constexpr std::int64_t self_again_ns = 60'000 * ns_per_ms;
// Of one name; more are some mistake.
constexpr std::size_t found_count_max = 16;

std::int64_t now() {
  return static_cast<std::int64_t>(uv_hrtime());
}

}  // namespace

struct Dialler::Lookup {
  uv_getaddrinfo_t request{};
  Dialler* dialler = nullptr;
  std::uint64_t target = 0;
};

Dialler::Dialler(StreamContext& context, DiallerOwner& owner, std::uint64_t chance)
    : context_(context), owner_(owner), chance_(chance) {
  context_.live_count++;
  uv_timer_init(context_.loop, &timer_);
  timer_.data = this;
}

void Dialler::close() {
  is_closed_ = true;
  for (Lookup* lookup : lookups_) uv_cancel(reinterpret_cast<uv_req_t*>(&lookup->request));
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_),
           [](uv_handle_t* handle) { static_cast<Dialler*>(handle->data)->context_.drop_one(); });
}

void Dialler::want(const std::vector<std::string>& addresses) {
  const std::set<std::string> wanted(addresses.begin(), addresses.end());
  std::set<std::string> known;
  for (auto at = targets_.begin(); at != targets_.end();) {
    if (wanted.count(at->second.address) != 0) {
      known.insert(at->second.address);
      ++at;
      continue;
    }
    owner_.on_dropped(at->first);
    at = targets_.erase(at);
  }
  for (const std::string& address : wanted) {
    if (known.count(address) != 0) continue;
    Target target;
    target.address = address;
    const Result<HostPort> parts = split_address(address);
    if (parts) {
      target.parts = parts.value();
    } else {
      target.error = parts.error().message;
      target.is_busy = true;  // for ever: it is never dialled
    }
    targets_.emplace(++last_id_, std::move(target));
  }
  arm();
}

Dialler::Target* Dialler::find(std::uint64_t id) {
  const auto found = targets_.find(id);
  return found == targets_.end() ? nullptr : &found->second;
}

std::int64_t Dialler::with_jitter(std::int64_t delay_ns) {
  // Three quarters to five quarters, so that two agents, or many, do not stay in step.
  std::uniform_int_distribution<std::int64_t> part(-delay_ns / 4, delay_ns / 4);
  return delay_ns + part(chance_);
}

void Dialler::arm() {
  if (is_closed_) return;
  std::int64_t next_ns = INT64_MAX;
  for (const auto& [id, target] : targets_) {
    const bool is_idle = !target.is_busy && !owner_.is_up(target.led_to);
    if (is_idle) next_ns = std::min(next_ns, target.next_ns);
  }
  if (next_ns == INT64_MAX) {
    uv_timer_stop(&timer_);
    return;
  }
  const std::int64_t wait_ns = std::max<std::int64_t>(next_ns - now(), 0);
  uv_update_time(context_.loop);  // a timer counts from the loop's own idea of now
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<Dialler*>(timer->data)->run_due(); },
      static_cast<std::uint64_t>((wait_ns + ns_per_ms - 1) / ns_per_ms), 0);
}

void Dialler::run_due() {
  const std::int64_t now_ns = now();
  for (auto& [id, target] : targets_) {
    if (!target.is_busy && target.next_ns <= now_ns && !owner_.is_up(target.led_to)) {
      start(id, target);
    }
  }
  arm();
}

void Dialler::start(std::uint64_t id, Target& target) {
  target.is_busy = true;
  target.met_self = false;
  target.found.clear();
  target.next_found = 0;
  const SocketAddress literal = literal_address(target.parts);
  if (literal.storage.ss_family == AF_UNSPEC) return look_up(id, target);
  target.found.push_back(literal);
  dial_next(id, target);
}

void Dialler::look_up(std::uint64_t id, Target& target) {
  auto* lookup = new Lookup{{}, this, id};
  lookup->request.data = lookup;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const auto on_found = [](uv_getaddrinfo_t* request, int status, addrinfo* list) {
    auto* done = static_cast<Lookup*>(request->data);
    Dialler& self = *done->dialler;
    StreamContext& context = self.context_;
    self.lookups_.erase(done);
    if (!self.is_closed_) self.looked_up(done->target, status, list);
    uv_freeaddrinfo(list);
    delete done;
    context.drop_one();
  };
  const int status = uv_getaddrinfo(context_.loop, &lookup->request, on_found,
                                    target.parts.host.c_str(), nullptr, &hints);
  if (status != 0) {
    delete lookup;
    static_cast<void>(round_over(target, uv_strerror(status)));
    return;
  }
  context_.live_count++;
  lookups_.insert(lookup);
}

void Dialler::looked_up(std::uint64_t id, int status, const addrinfo* list) {
  Target* target = find(id);
  if (target == nullptr) return;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (target->found.size() >= found_count_max) break;
    const SocketAddress address = with_port(at->ai_addr, target->parts.port);
    if (address.storage.ss_family != AF_UNSPEC) target->found.push_back(address);
  }
  if (!target->found.empty()) return dial_next(id, *target);
  static_cast<void>(round_over(*target, status != 0 ? uv_strerror(status) : "it has no address"));
  arm();
}

void Dialler::dial_next(std::uint64_t id, Target& target) {
  owner_.on_dial(id, target.found[target.next_found++]);
}

void Dialler::led_to(std::uint64_t target_id, core::AgentId id) {
  Target* target = find(target_id);
  if (target == nullptr) return;
  target->led_to = id;
  target->is_self = false;
}

void Dialler::succeeded(std::uint64_t target_id) {
  Target* target = find(target_id);
  if (target == nullptr) return;
  target->is_busy = false;
  target->failure_count = 0;
  target->error.clear();
  target->next_ns = 0;
}

bool Dialler::round_over(Target& target, const std::string& why) {
  target.is_busy = false;
  if (target.met_self) {
    const bool is_news = !target.is_self;
    target.is_self = true;
    target.error.clear();
    target.next_ns = now() + with_jitter(self_again_ns);
    return is_news;
  }
  const bool is_news = target.error != why;
  target.error = why;
  const std::int64_t delay_ns =
      std::min(retry_min_ns << std::min(target.failure_count, doublings_max), retry_max_ns);
  target.failure_count++;
  target.next_ns = now() + with_jitter(delay_ns);
  return is_news;
}

bool Dialler::failed(std::uint64_t target_id, const std::string& why) {
  Target* target = find(target_id);
  if (target == nullptr || !target->is_busy) return false;
  // Whom it led to is up by another connection: nothing to try any more.
  const bool has_more = target->next_found < target->found.size() && !owner_.is_up(target->led_to);
  if (has_more) {
    dial_next(target_id, *target);
    return false;
  }
  const bool is_news = round_over(*target, why);
  arm();
  return is_news && !target->is_self && !owner_.is_up(target->led_to);
}

bool Dialler::self(std::uint64_t target_id) {
  Target* target = find(target_id);
  if (target == nullptr || !target->is_busy) return false;
  target->met_self = true;
  if (target->next_found < target->found.size()) {
    dial_next(target_id, *target);
    return false;
  }
  const bool is_news = round_over(*target, {});
  arm();
  return is_news;
}

void Dialler::peer_down(core::AgentId id, const std::string& why) {
  for (auto& [target_id, target] : targets_) {
    if (target.led_to != id || target.is_busy) continue;
    target.error = why;
    target.failure_count = 0;
    target.next_ns = now() + with_jitter(retry_min_ns);
  }
  arm();
}

std::string Dialler::address_of(std::uint64_t target) const {
  const auto found = targets_.find(target);
  return found == targets_.end() ? "" : found->second.address;
}

std::vector<std::string> Dialler::addresses_of(core::AgentId id) const {
  std::vector<std::string> addresses;
  for (const auto& [target_id, target] : targets_) {
    if (target.led_to == id) addresses.push_back(target.address);
  }
  return addresses;
}

std::vector<DialReport> Dialler::reports() const {
  std::vector<DialReport> reports;
  for (const auto& [id, target] : targets_) {
    reports.push_back({target.address, target.led_to, target.is_self, target.error});
  }
  return reports;
}

}  // namespace ringfence::agent::mesh
