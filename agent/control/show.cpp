#include "agent/control/show.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/backends/claim.hpp"
#include "shim/wire_key.hpp"
#include "shm_layout/clock.hpp"
#include "shm_layout/key_hash.hpp"

namespace ringfence::agent::control {
namespace {

using shm_layout::ns_per_ms;
using shm_layout::slot_count;

std::int64_t ms_between(core::Instant from, core::Instant to) {
  return (to.ns - from.ns) / ns_per_ms;
}

std::string digest_text(std::uint64_t digest) {
  return fmt::format("{:016x}", digest);
}

Json change_json(const core::ChangeRecord& change, std::int64_t unix_ms) {
  return {{"epoch", change.epoch.value},
          {"unix_ms", change.unix_ms},
          {"age_ms", std::max<std::int64_t>(0, unix_ms - change.unix_ms)},
          {"what", change.what},
          {"why", change.why},
          {"who", change.who},
          {"moved_slots", change.moved_slots},
          {"propose_us", change.propose_us},
          {"fence_us", change.fence_us},
          {"activate_us", change.activate_us}};
}

Json counters_json(const port::PortCounters& counters) {
  return {{"curr_connections", counters.curr_connections},
          {"total_connections", counters.total_connections},
          {"rejected_connections", counters.rejected_connections},
          {"cmd_get", counters.cmd_get},
          {"get_hits", counters.get_hits},
          {"get_misses", counters.get_misses},
          {"cmd_set", counters.cmd_set},
          {"cmd_touch", counters.cmd_touch},
          {"cmd_flush", counters.cmd_flush},
          {"delete_hits", counters.delete_hits},
          {"delete_misses", counters.delete_misses},
          {"incr_hits", counters.incr_hits},
          {"incr_misses", counters.incr_misses},
          {"decr_hits", counters.decr_hits},
          {"decr_misses", counters.decr_misses},
          {"cas_hits", counters.cas_hits},
          {"cas_misses", counters.cas_misses},
          {"cas_badval", counters.cas_badval},
          {"touch_hits", counters.touch_hits},
          {"touch_misses", counters.touch_misses},
          {"bytes_read", counters.bytes_read},
          {"bytes_written", counters.bytes_written},
          {"refused_by_lease", counters.refused_by_lease},
          {"refused_by_fence", counters.refused_by_fence},
          {"redone", counters.redone},
          {"backend_errors", counters.backend_errors},
          {"closed_slow_clients", counters.closed_slow_clients}};
}

port::BackendCounters counters_of(const PoolFacts& pool, const core::BackendReport& backend) {
  if (!backend.is_in_view) return {};
  for (const port::BackendCounters& counters : pool.backends) {
    if (counters.index == backend.index) return counters;
  }
  return {};
}

Json backend_json(const CommandSource& source, const PoolFacts& pool,
                  const core::BackendReport& backend) {
  const backends::WatchCounters watched = source.watched(backend.pool, backend.address);
  const port::BackendCounters traffic = counters_of(pool, backend);
  return {{"address", backend.address},
          {"state", backend.state},
          {"reason", backend.reason.empty() ? watched.note : backend.reason},
          {"asked_by", backend.asked_by},
          {"age_ms", ms_between(backend.since, source.now())},
          {"weight", backend.weight},
          {"slots", backend.slot_count},
          {"share", static_cast<double>(backend.slot_count) / slot_count},
          {"index", backend.index},
          {"in_view", backend.is_in_view},
          {"flushes", backend.flush_count},
          {"probe_us", watched.last_probe_us},
          {"probes", watched.probe_count},
          {"connects", watched.connect_count},
          {"version", watched.version},
          {"requests", traffic.requests},
          {"hits", traffic.hits},
          {"misses", traffic.misses},
          {"errors", traffic.errors}};
}

Json sources_json(const std::vector<discovery::SourceReport>& sources, core::Instant now) {
  Json list = Json::array();
  for (const discovery::SourceReport& source : sources) {
    const bool is_in_trouble = !source.trouble.empty();
    list.push_back(
        {{"name", source.name},
         {"backends", source.count},
         {"has_listed", source.has_listed},
         {"read_age_ms", source.has_listed ? ms_between(source.read_at, now) : -1},
         {"trouble", source.trouble},
         {"trouble_age_ms", is_in_trouble ? ms_between(source.trouble_since, now) : -1}});
  }
  return list;
}

Json pool_json(const CommandSource& source, const PoolFacts& pool, const core::NodeReport& report) {
  Json list = Json::array();
  for (const core::BackendReport& backend : report.backends) {
    if (backend.pool == pool.name) list.push_back(backend_json(source, pool, backend));
  }
  return {{"name", pool.name},
          {"listen", pool.listen},
          {"segment", pool.segment},
          {"tags", pool.has_tags},
          {"backends", std::move(list)},
          {"port", counters_json(pool.counters)},
          {"sources", sources_json(pool.sources, source.now())}};
}

std::uint64_t epoch_of(const core::NodeReport& report) {
  return report.view ? report.view->epoch.value : 0;
}

const char* on_lease_loss_text(core::OnLeaseLoss choice) {
  return choice == core::OnLeaseLoss::serve ? "serve" : "miss";
}

// Slots of a pool as people can read them: a count for each owner, and the range of generations.
struct SlotSummary {
  std::map<std::uint16_t, std::uint32_t> counts;
  std::uint32_t unowned_count = 0;
  std::uint64_t generation_min = 0, generation_max = 0;
};

SlotSummary summarise(const core::Pool& pool) {
  SlotSummary summary;
  if (pool.slots.empty()) return summary;
  summary.generation_min = shm_layout::generation_max;
  for (const shm_layout::SlotWord word : pool.slots) {
    if (word.state() == shm_layout::SlotState::served) {
      ++summary.counts[word.backend()];
    } else {
      ++summary.unowned_count;
    }
    summary.generation_min = std::min(summary.generation_min, word.generation());
    summary.generation_max = std::max(summary.generation_max, word.generation());
  }
  return summary;
}

Json view_pool_json(const core::Pool& pool) {
  SlotSummary summary = summarise(pool);
  Json list = Json::array();
  for (const core::Backend& backend : pool.backends) {
    list.push_back({{"index", backend.index},
                    {"address", backend.address},
                    {"weight", backend.weight},
                    {"status", backend.status == core::BackendStatus::serving ? "serving" : "lost"},
                    {"incarnation", backend.incarnation},
                    {"slots", summary.counts[backend.index]}});
  }
  return {{"name", pool.name},
          {"tags", pool.options.has_tags},
          {"flush_all", pool.options.allows_flush_all},
          {"admit_unflushed", pool.options.admits_unflushed},
          {"on_lease_loss", on_lease_loss_text(pool.options.on_lease_loss)},
          {"unowned_slots", summary.unowned_count},
          {"generation_min", summary.generation_min},
          {"generation_max", summary.generation_max},
          {"backends", std::move(list)}};
}

// Empty: none is known.
std::string name_of(const core::NodeReport& report, core::AgentId id) {
  for (const core::PeerReport& peer : report.peers) {
    if (id.value != 0 && peer.id == id) return peer.name;
  }
  return {};
}

const char* state_text(shm_layout::SlotWord word) {
  if (word.is_fenced()) return "fenced";
  return word.is_routable() ? "served" : "unowned";
}

}  // namespace

Json status_json(const CommandSource& source) {
  const AgentFacts agent = source.agent_facts();
  const core::NodeReport report = source.report();
  Json pools = Json::array();
  for (const PoolFacts& pool : source.pool_facts()) {
    pools.push_back(pool_json(source, pool, report));
  }
  Json status{
      {"ok", true},
      {"cluster", agent.cluster},
      {"cluster_id", agent.cluster_id},
      {"instance", agent.instance},
      {"agent",
       {{"name", agent.name},
        {"id", fmt::format("{:016x}", agent.id.value)},
        {"pid", agent.pid},
        {"incarnation", agent.incarnation.value},
        {"version", agent.version},
        {"uptime_ms", agent.uptime_ms}}},
      {"epoch", epoch_of(report)},
      {"digest", digest_text(report.digest)},
      {"is_leader", report.is_leader},
      {"leader", name_of(report, report.leader)},
      {"agents", agents_json(report, source.now())},
      {"forming", report.forming},
      {"differences", report.differences},
      {"term", report.term.value},
      {"lease_left_ms", std::max<std::int64_t>(0, ms_between(source.now(), report.lease_until))},
      {"is_changing", report.is_changing},
      {"pools", std::move(pools)},
      {"last_change", nullptr}};
  if (!report.history.empty()) {
    status["last_change"] = change_json(report.history.back(), source.unix_ms());
  }
  return status;
}

Json view_json(const CommandSource& source) {
  const core::NodeReport report = source.report();
  if (!report.view) return {{"ok", false}, {"error", "there is no view yet"}};
  Json agents = Json::array();
  for (const core::Agent& agent : report.view->agents) {
    agents.push_back({{"id", fmt::format("{:016x}", agent.id.value)},
                      {"name", agent.name},
                      {"incarnation", agent.incarnation.value}});
  }
  Json pools = Json::array();
  for (const core::Pool& pool : report.view->pools) pools.push_back(view_pool_json(pool));
  return {{"ok", true},
          {"cluster_id", backends::to_hex(report.view->cluster_id)},
          {"epoch", epoch_of(report)},
          {"digest", digest_text(report.digest)},
          {"agents", std::move(agents)},
          {"pools", std::move(pools)}};
}

// The fleet's epoch is the newest that any agent publishes. Who is gone does not count; who is here
// and silent does not agree.
Json agree_json(const core::AgreeTold& told) {
  core::Epoch epoch;
  std::uint64_t digest = 0;
  for (const core::AgentState& agent : told.agents) {
    if (!agent.is_live || agent.epoch < epoch) continue;
    epoch = agent.epoch;
    digest = agent.digest;
  }
  bool do_agree = !told.agents.empty();
  Json agents = Json::array();
  for (const core::AgentState& agent : told.agents) {
    const bool is_same = agent.is_live && agent.epoch == epoch && agent.digest == digest;
    if (agent.is_connected && !is_same) do_agree = false;
    agents.push_back({{"name", agent.name},
                      {"address", agent.address},
                      {"epoch", agent.epoch.value},
                      {"digest", digest_text(agent.digest)},
                      {"age_ms", agent.age.ns / shm_layout::ns_per_ms},
                      {"is_connected", agent.is_connected},
                      {"is_live", agent.is_live},
                      {"is_witness", agent.is_witness},
                      {"has_lease", agent.has_lease},
                      {"agrees", is_same}});
  }
  return {{"ok", true},
          {"agrees", do_agree},
          {"epoch", epoch.value},
          {"digest", digest_text(digest)},
          {"agents", std::move(agents)}};
}

Json history_json(const CommandSource& source) {
  const core::NodeReport report = source.report();
  Json changes = Json::array();
  for (const core::ChangeRecord& change : report.history) {
    changes.push_back(change_json(change, source.unix_ms()));
  }
  return {{"ok", true}, {"changes", std::move(changes)}};
}

Json where_json(const CommandSource& source, const core::Pool& pool, const std::string& key) {
  shm_layout::PoolWord word(pool.options.has_tags, pool.options.hash_tag_open,
                            pool.options.hash_tag_close, 0, 0);
  for (const PoolFacts& facts : source.pool_facts()) {
    if (facts.name == pool.name) word = facts.pool_word;
  }
  const std::uint32_t slot = shm_layout::slot_of(key, word);
  const shm_layout::SlotWord owner = source.slot_word(pool.name, slot);
  std::string address;
  for (const core::Backend& backend : pool.backends) {
    const bool is_owner = owner.state() == shm_layout::SlotState::served;
    if (is_owner && backend.index == owner.backend()) address = backend.address;
  }
  return {{"ok", true},
          {"pool", pool.name},
          {"key", key},
          {"slot", slot},
          {"backend", address},
          {"index", owner.backend()},
          {"generation", owner.generation()},
          {"state", state_text(owner)},
          {"wire_key", std::string(shim::WireKey(key, word, owner.generation()).view())}};
}

}  // namespace ringfence::agent::control
