#include "agent/daemon/pool_host.hpp"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "agent/shims/connection_places.hpp"
#include "shim/wire_key.hpp"
#include "shm_layout/hint.hpp"

namespace ringfence::agent::daemon {
namespace {

using shm_layout::BackendInfo;
using shm_layout::InterceptInfo;
using shm_layout::PoolWord;
using shm_layout::SlotWord;

std::string segment_path(const config::Config& config, const std::string& pool) {
  const std::string instance = config.instance.empty() ? "" : "-" + config.instance;
  return config.segment_dir + "/" + config.cluster + instance + "." + pool;
}

port::PortSettings port_settings(const config::Config& config, const config::PoolConfig& pool) {
  port::PortSettings settings;
  settings.pool = pool.name;
  settings.listen = pool.listen;
  settings.connect_timeout = pool.connect_timeout;
  settings.request_timeout = pool.request_timeout;
  settings.change_wait = pool.change_wait;
  settings.tells_get_failure = pool.tells_get_failure;
  settings.tells_store_failure = pool.tells_store_failure;
  settings.max_connections = pool.max_connections;
  settings.io_threads = config.io_threads;
  settings.allows_flush_all = pool.options.allows_flush_all;
  return settings;
}

Result<std::optional<gid_t>> group_id(const std::string& name) {
  if (name.empty()) return std::optional<gid_t>();
  const group* found = getgrnam(name.c_str());
  if (found == nullptr) {
    return Error{"segment_group: there is no group '" + name + "' on this host"};
  }
  return std::optional<gid_t>(found->gr_gid);
}

template <typename Record>
void copy_address(Record& record, const backends::SegmentAddress& address,
                  const std::string& text) {
  record.family = address.family;
  record.port = address.port;
  std::memcpy(record.ip, address.ip, sizeof(record.ip));
  text.copy(record.text, sizeof(record.text) - 1);
}

// An instance of a backend has one address: another address behind the same name is another
// instance, which only an admission brings in.
bool has_address_of(const BackendInfo& known, const core::Backend& backend) {
  return known.family != shm_layout::AddressFamily::none &&
         known.incarnation == backend.incarnation && backend.address == known.text;
}

bool is_same(const BackendInfo& a, const BackendInfo& b) {
  static_assert(std::has_unique_object_representations_v<BackendInfo>);
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

PoolWord pool_word(const core::PoolOptions& options, const core::ClusterId& cluster_id) {
  constexpr std::uint64_t serves_without_lease = 2;  // layout.hpp, PoolWord
  const auto salt = shim::salt_of(cluster_id);
  const PoolWord word(options.has_tags, options.hash_tag_open, options.hash_tag_close, salt[0],
                      salt[1]);
  const bool serves = options.on_lease_loss == core::OnLeaseLoss::serve;
  return serves ? PoolWord(word.raw() | serves_without_lease) : word;
}

std::uint32_t served_by(const std::vector<core::Holding>& holdings, std::uint16_t index) {
  for (const core::Holding& holding : holdings) {
    if (holding.backend == index) return holding.served;
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<PoolHost>> PoolHost::open(const config::Config& config,
                                                 const config::PoolConfig& pool,
                                                 const core::ClusterId& cluster_id,
                                                 port::PortEvents& events) {
  std::unique_ptr<PoolHost> host(new PoolHost());
  host->config_ = pool;
  host->cluster_id_ = cluster_id;
  const Result<std::optional<gid_t>> group = group_id(config.segment_group);
  if (!group) return group.error();
  const shm_layout::SegmentIdentity identity{config.cluster, config.instance, pool.name, cluster_id,
                                             group.value()};
  host->group_ = group.value();
  host->path_ = segment_path(config, pool.name);
  auto writer = shm_layout::SegmentWriter::open(host->path_, identity);
  if (!writer) return writer.error().in("pool " + pool.name);
  host->writer_ = std::move(writer).value();
  host->read_taken_over_records();
  auto port = port::Port::start(port_settings(config, pool), host->writer_->reader(), events);
  if (!port) return port.error().in("pool " + pool.name);
  host->port_ = std::move(port).value();
  host->store_intercepts();
  host->store_preload_options(config);
  return host;
}

// An index that no backend has is nobody's trouble.
Status PoolHost::listen_for_hints(uv_loop_t* loop,
                                  std::function<void(const std::string& address)> on_hint) {
  auto sink = [this, on_hint = std::move(on_hint)](std::uint16_t backend) {
    const auto found = records_.find(backend);
    if (found != records_.end() && found->second.serving != 0) on_hint(found->second.text);
  };
  auto opened =
      shims::HintSocket::open(loop, shm_layout::hint_path(path_), group_, std::move(sink));
  if (!opened) return opened.error();
  hints_ = std::move(opened).value();
  return Done{};
}

Status PoolHost::make_connection_places() const {
  return shims::make_connection_places(path_, group_);
}

void PoolHost::read_taken_over_records() {
  for (std::uint32_t i = 0; i < writer_->reader().backend_count(); ++i) {
    if (const auto info = writer_->reader().backend(i)) records_[i] = *info;
  }
}

Status PoolHost::apply(const config::Config& config, const config::PoolConfig& pool) {
  Status applied = port_->apply(port_settings(config, pool));
  if (!applied) return applied.error().in("pool " + pool.name);
  config_ = pool;
  store_preload_options(config);
  store_intercepts();
  return Done{};
}

void PoolHost::store_preload_options(const config::Config& config) {
  writer_->store_connection_budget(config_.preload_connections);
  writer_->store_answers(port::answer_word(port_settings(config, config_)));
}

// What the preload overlays: the addresses really listened on.
void PoolHost::store_intercepts() {
  const std::vector<std::string> addresses = port_->addresses();
  for (std::uint32_t i = 0; i < shm_layout::intercept_count_max; ++i) {
    InterceptInfo info{};
    if (i < addresses.size()) {
      const Result<backends::Endpoint> endpoint = backends::parse_endpoint(addresses[i]);
      if (endpoint) {
        const auto address = backends::segment_address(endpoint.value(),
                                                       backends::literal_address(endpoint.value()));
        copy_address(info, address, addresses[i]);
      }
    }
    writer_->store_intercept(i, info);
  }
}

void PoolHost::store_agent(core::Incarnation incarnation, core::Term term) {
  writer_->store_agent(incarnation.value, term.value, static_cast<std::uint32_t>(getpid()));
}

void PoolHost::fence(const std::vector<std::uint32_t>& slots) {
  for (const std::uint32_t slot : slots) {
    writer_->fence_slot(slot);
    has_fences_[slot / core::SlotTable::block_slots] = true;
  }
}

void PoolHost::publish(const core::Pool& pool, const core::PublishView& order,
                       const std::vector<std::uint32_t>& still_fenced, const Resolve& resolve) {
  writer_->begin_publish();
  // Records before slots: who loads a slot's word finds the record that it names.
  store_backends(pool, resolve);
  writer_->store_pool(pool_word(pool.options, cluster_id_));
  store_slots(pool, still_fenced);
  writer_->end_publish(order.view->epoch.value, order.digest);
  // An earlier life may have closed it.
  writer_->store_state(shm_layout::SegmentState::open);
  is_published_ = true;
}

void PoolHost::store_backend(std::uint32_t index, const BackendInfo& info) {
  const auto known = records_.find(index);
  if (known != records_.end() && is_same(known->second, info)) return;
  writer_->store_backend(index, info);
  records_[index] = info;
}

void PoolHost::store_backends(const core::Pool& pool, const Resolve& resolve) {
  const std::vector<core::Holding> holdings = pool.slots.holdings();
  std::set<std::uint32_t> in_view;
  for (const core::Backend& backend : pool.backends) {
    BackendInfo info{};
    const auto known = records_.find(backend.index);
    if (known != records_.end() && has_address_of(known->second, backend)) {
      info = known->second;
    } else {
      copy_address(info, resolve(backend.address), backend.address);
    }
    info.weight = backend.weight;
    info.incarnation = backend.incarnation;
    info.serving = backend.status == core::BackendStatus::serving ? 1 : 0;
    info.slot_count = served_by(holdings, backend.index);
    store_backend(backend.index, info);
    in_view.insert(backend.index);
  }
  // A record that left the view keeps its address, for readers that still hold a ticket under it.
  for (const auto& [index, record] : std::map(records_)) {
    if (in_view.count(index) != 0) continue;
    BackendInfo gone = record;
    gone.serving = gone.slot_count = 0;
    store_backend(index, gone);
  }
}

// What this life published last and fenced nowhere since stands in the segment as it was.
void PoolHost::store_slots(const core::Pool& pool, const std::vector<std::uint32_t>& still_fenced) {
  std::vector<bool> is_fenced(pool.slots.size());
  std::vector<bool> has_fences(has_fences_.size());
  for (const std::uint32_t slot : still_fenced) {
    if (slot >= is_fenced.size()) continue;
    is_fenced[slot] = true;
    has_fences[slot / core::SlotTable::block_slots] = true;
  }
  for (std::size_t block = 0; block < pool.slots.block_count(); ++block) {
    const bool must_look = has_fences_[block] || has_fences[block];
    if (!must_look && pool.slots.shares_block(stored_slots_, block)) continue;
    const auto first = static_cast<std::uint32_t>(block * core::SlotTable::block_slots);
    for (std::uint32_t slot = first; slot < first + core::SlotTable::block_slots; ++slot) {
      const SlotWord wanted = is_fenced[slot] ? pool.slots[slot].fenced() : pool.slots[slot];
      if (writer_->slot(slot) != wanted) writer_->store_slot(slot, wanted);
    }
  }
  stored_slots_ = pool.slots;
  has_fences_ = std::move(has_fences);
}

void PoolHost::refresh_address(const std::string& address, const Resolve& resolve) {
  for (const auto& [index, record] : std::map(records_)) {
    const bool is_unknown = record.family == shm_layout::AddressFamily::none;
    if (!is_unknown || record.serving == 0 || address != record.text) continue;
    BackendInfo info = record;
    copy_address(info, resolve(address), address);
    store_backend(index, info);
  }
}

// What stands in a segment that this life has not published yet is an earlier life's view: no lease
// may cover it. The first publication is followed by the deadline that is due.
void PoolHost::set_deadline(core::Instant until) {
  if (until.ns != 0 && !is_published_) return;
  writer_->store_deadline(until.ns);
}

void PoolHost::fence_all() {
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
    const SlotWord word = writer_->slot(slot);
    if (word.state() == shm_layout::SlotState::served && !word.is_fenced()) {
      writer_->fence_slot(slot);
    }
  }
  has_fences_.assign(has_fences_.size(), true);
}

void PoolHost::close_segment() {
  hints_.reset();
  writer_->store_state(shm_layout::SegmentState::closed);
}

}  // namespace ringfence::agent::daemon
