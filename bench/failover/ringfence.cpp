// ringfence: a fleet of three agents, which stays, and the linked client on one's host.
#include <nlohmann/json.hpp>

#include "bench/failover/contender.hpp"
#include "tests/live/support/agents.hpp"
#include "tests/live/support/linked_client.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t agent_count = 3;

// All else is as it comes. Each loss would double it, up to a minute: losses here come faster than
// in service, and each is to be measured alike.
const char* const pool_lines = "hold_down_max = \"1s\"\n";

using Fleet = std::shared_ptr<live::Agents>;

Fleet start_fleet(const std::vector<std::string>& memcacheds) {
  Fleet fleet = live::Agents::not_started(agent_count, 0, pool_lines);
  fleet->set_backends(memcacheds);
  for (std::size_t i = 0; i < agent_count; ++i) fleet->start(i);
  return fleet;
}

class Ringfence final : public Contender {
 public:
  explicit Ringfence(Fleet fleet) : fleet_(std::move(fleet)), client_((*fleet_)[0].segment()) {}

  Answer get(const std::string& key) override {
    live::Got got = client_.get(key);
    if (got.status == RINGFENCE_OK) return {true, std::move(got.value)};
    return {got.status == RINGFENCE_MISS, {}};
  }
  bool set(const std::string& key, const std::string& value) override {
    return client_.set(key, value) == RINGFENCE_OK;
  }
  std::string key_on_server(const std::string& key) override {
    const nlohmann::json request{{"command", "where"}, {"key", key}};
    return (*fleet_)[0].ask_json(request).value("wire_key", key);
  }

 private:
  const Fleet fleet_;
  live::LinkedClient client_;
};

}  // namespace

Kind ringfence_kind() {
  Kind kind;
  kind.name = "ringfence";
  kind.make = [fleet = Fleet{}](const std::vector<std::string>& memcacheds) mutable {
    if (fleet == nullptr) fleet = start_fleet(memcacheds);
    (void)fleet->wait_agreed(agent_count, memcacheds.size());
    return std::make_unique<Ringfence>(fleet);
  };
  return kind;
}

}  // namespace ringfence::bench
