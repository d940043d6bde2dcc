#include "agent/discovery/dns_source.hpp"

#include <utility>

#include "agent/discovery/dns_lookup.hpp"

namespace ringfence::agent::discovery {
namespace {

class DnsSource final : public LoopOwned {
 public:
  DnsSource(uv_loop_t* loop, DnsSettings settings, const ListRules& rules, Told told)
      : loop_(loop), settings_(std::move(settings)), rules_(rules), told_(std::move(told)) {
    uv_timer_init(loop, &next_);
    own(next_);
    const std::string& address = settings_.name.address;
    host_ = address.substr(0, address.rfind(':'));
  }

  void ask() {
    lookup_ = start_lookup(loop_, host_, settings_.servers,
                           [this](const Result<Addresses>& found) { on_done(found); });
  }

  void end() override {
    lookup_.reset();
    told_ = nullptr;
    close(next_);
  }

 private:
  void on_done(const Result<Addresses>& found) {
    const core::Duration pause =
        found ? bounded_ttl(found.value().ttl_s, settings_.ttl) : settings_.ttl.min;
    uv_timer_start(
        &next_, [](uv_timer_t* timer) { static_cast<DnsSource*>(timer->data)->ask(); },
        static_cast<std::uint64_t>(pause.ns / 1'000'000), 0);
    told_(found ? backends_at(found.value(), settings_.name, rules_) : Result<List>(found.error()));
    lookup_.reset();
  }

  uv_loop_t* loop_;
  DnsSettings settings_;
  ListRules rules_;
  Told told_;
  std::string host_;
  Source lookup_;
  uv_timer_t next_{};
};

}  // namespace

Source resolve_name(uv_loop_t* loop, const DnsSettings& settings, const ListRules& rules,
                    Told told) {
  auto* source = new DnsSource(loop, settings, rules, std::move(told));
  source->ask();
  return Source(source);
}

}  // namespace ringfence::agent::discovery
