// The configuration that is in force, as a line for the debug log and for comparing two.
#include <fmt/core.h>

#include "agent/config/config.hpp"
#include "agent/config/values.hpp"

namespace ringfence::agent::config {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += part + ",";
  return text;
}

std::string listed(const std::vector<core::WantedBackend>& backends) {
  std::string text;
  for (const core::WantedBackend& backend : backends) {
    text += fmt::format("{}*{},", backend.address, backend.weight);
  }
  return text;
}

std::string show_discovery(const DiscoveryConfig& from) {
  return fmt::format("announce={} file={} exec={} every {} for {} dns={} of {} ttl={}/{} ",
                     listed(from.announce), from.file, joined(from.exec),
                     show_duration(from.exec_interval), show_duration(from.exec_timeout),
                     listed(from.dns), joined(from.dns_servers), show_duration(from.dns_ttl_min),
                     show_duration(from.dns_ttl_max));
}

std::string show_pool(const PoolConfig& pool) {
  const core::PoolOptions& options = pool.options;
  std::string hash_tag;
  if (options.hash_tag_open != 0) hash_tag = {options.hash_tag_open, options.hash_tag_close};
  const core::PoolTiming& timing = pool.timing;
  return fmt::format(
             "pool {} listen={} backends={} tags={} hash_tag={} flush_all={} "
             "admit_unflushed={} serve={} ",
             pool.name, joined(pool.listen), listed(pool.backends), options.has_tags, hash_tag,
             options.allows_flush_all, options.admits_unflushed,
             options.on_lease_loss == core::OnLeaseLoss::serve) +
         show_discovery(pool.discovery) +
         fmt::format(
             "grace={} hold_down={}/{}/{} eviction={}/{} admission={}/{} floor={} "
             "patience={} ",
             show_duration(timing.grace), show_duration(timing.hold_down),
             show_duration(timing.hold_down_max), show_duration(timing.hold_down_forget),
             timing.eviction_burst, show_duration(timing.eviction_refill), timing.admission_burst,
             show_duration(timing.admission_refill), timing.floor_percent,
             show_duration(timing.partial_patience)) +
         fmt::format(
             "probe={}/{} connect={} request={} change_wait={} max_connections={} "
             "get_failure={} store_failure={} preload_connections={}\n",
             show_duration(pool.probe_interval), show_duration(pool.probe_timeout),
             show_duration(pool.connect_timeout), show_duration(pool.request_timeout),
             show_duration(pool.change_wait), pool.max_connections,
             pool.tells_get_failure ? "error" : "miss",
             pool.tells_store_failure ? "error" : "not_stored", pool.preload_connections);
}

}  // namespace

std::string show_config(const Config& config) {
  const auto& mesh = config.mesh;
  std::string text = fmt::format(
      "cluster={} instance={} state_dir={} segment_dir={} segment_group={} io_threads={} ",
      config.cluster, config.instance, config.state_dir, config.segment_dir, config.segment_group,
      config.io_threads);
  text += fmt::format(
      "mesh={} advertise={} seeds={} key={} cert={} private={} ca={} insecure={} "
      "role={} zone={} forget_after={} ",
      mesh.listen, mesh.advertise, joined(mesh.seeds), mesh.key_file, mesh.cert_file,
      mesh.private_key_file, mesh.ca_file, mesh.is_insecure, mesh.role, mesh.zone,
      show_duration(mesh.forget_after));
  text += fmt::format("control={} lease={}/{} log={}\n", config.control.listen,
                      show_duration(config.lease.length), show_duration(config.lease.margin),
                      config.log.level);
  for (const PoolConfig& pool : config.pools) text += show_pool(pool);
  return text;
}

}  // namespace ringfence::agent::config
