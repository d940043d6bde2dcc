#include "agent/discovery/discovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/config/values.hpp"
#include "agent/discovery/dns_source.hpp"
#include "agent/discovery/exec_source.hpp"
#include "agent/discovery/file_source.hpp"

namespace ringfence::agent::discovery {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Names stand in a file of lines, and on the wire.
std::string shown(std::string text) {
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  constexpr std::size_t length_max = 200;
  if (text.size() > length_max) text.replace(length_max - 3, std::string::npos, "...");
  return text;
}

void add(core::WantedPool& wanted, const List& list, const std::string& source) {
  for (const core::WantedBackend& backend : list) {
    const auto known =
        std::find_if(wanted.backends.begin(), wanted.backends.end(),
                     [&](const auto& one) { return one.address == backend.address; });
    if (known == wanted.backends.end()) {
      core::WantedBackend& added = wanted.backends.emplace_back(backend);
      added.source = source;
      continue;
    }
    known->weight = std::max(known->weight, backend.weight);
    known->named_by = std::max(known->named_by, backend.named_by);
    if (known->source.size() + source.size() + 2 <= core::source_bytes_max) {
      known->source += ", " + source;
    }
  }
}

}  // namespace

Discovery::Discovery(Surroundings around) : around_(std::move(around)) {
  rules_.is_shared = around_.is_shared;
  Result<Remembered> remembered = load(around_.memory_path);
  if (remembered) {
    remembered_ = std::move(remembered).value();
  } else {
    around_.log(core::LogLevel::warning, remembered.error().message);
  }
}

void Discovery::configure(const std::vector<config::PoolConfig>& pools) {
  is_configuring_ = true;
  std::map<Key, std::unique_ptr<Running>> old;
  old.swap(sources_);
  for (const config::PoolConfig& pool : pools) configure_pool(pool, old);
  old.clear();
  is_configuring_ = false;
  remember();
}

void Discovery::configure_pool(const config::PoolConfig& pool,
                               std::map<Key, std::unique_ptr<Running>>& old) {
  const config::DiscoveryConfig& from = pool.discovery;
  if (!from.file.empty()) {
    keep_or_start({pool.name, shown("file " + from.file)}, "", old, [&](Told told) {
      return watch_file(around_.loop, from.file, rules_, std::move(told));
    });
  }
  if (!from.exec.empty()) {
    const std::string settings = fmt::format("{} {}", from.exec_interval.ns, from.exec_timeout.ns);
    keep_or_start({pool.name, shown("exec " + joined(from.exec))}, settings, old, [&](Told told) {
      return run_command(around_.loop, {from.exec, from.exec_interval, from.exec_timeout}, rules_,
                         std::move(told));
    });
  }
  for (const core::WantedBackend& name : from.dns) {
    const std::string settings = fmt::format("{} {} {} {}", name.weight, joined(from.dns_servers),
                                             from.dns_ttl_min.ns, from.dns_ttl_max.ns);
    keep_or_start({pool.name, shown("dns " + name.address)}, settings, old, [&](Told told) {
      return resolve_name(around_.loop,
                          {name, from.dns_servers, {from.dns_ttl_min, from.dns_ttl_max}}, rules_,
                          std::move(told));
    });
  }
}

// One whose settings changed starts anew, with what it listed last.
void Discovery::keep_or_start(const Key& key, const std::string& settings,
                              std::map<Key, std::unique_ptr<Running>>& old, const Starter& start) {
  if (sources_.count(key) != 0) return;  // the same name twice
  auto kept = old.extract(key);
  if (!kept.empty() && kept.mapped()->settings == settings) {
    sources_.insert(std::move(kept));
    return;
  }
  SourceState state(key.second, remembered_.count(key) != 0);
  if (!kept.empty()) state = kept.mapped()->state;
  auto made = std::make_unique<Running>(Running{settings, std::move(state), nullptr});
  Running& running = *made;
  sources_[key] = std::move(made);
  running.source = start([this, key](Result<List> read) { on_read(key, std::move(read)); });
}

void Discovery::on_read(const Key& key, Result<List> read) {
  const auto found = sources_.find(key);
  if (found == sources_.end()) return;
  const News news = found->second->state.on_read(std::move(read), around_.now());
  if (!news.text.empty()) {
    around_.log(news.is_trouble ? core::LogLevel::warning : core::LogLevel::info,
                fmt::format("pool {}: {}", key.first, news.text));
  }
  if (!news.is_changed || is_configuring_) return;
  remember();
  around_.changed();
}

// Of sources that have not answered in this life, what an earlier one saw stands.
void Discovery::remember() {
  Remembered now;
  for (const auto& [key, running] : sources_) {
    if (running->state.did_list()) now.insert(key);
  }
  if (now == remembered_) return;
  remembered_ = std::move(now);
  if (Status stored = store(around_.memory_path, remembered_); !stored) {
    around_.log(core::LogLevel::warning, stored.error().message);
  }
}

core::WantedPool Discovery::wanted(const config::PoolConfig& pool) const {
  core::WantedPool made;
  made.name = pool.name;
  made.options = pool.options;
  made.timing = pool.timing;
  add(made, pool.backends, "configuration");
  add(made, pool.discovery.announce, "announce");
  for (const auto& [key, running] : sources_) {
    if (key.first != pool.name) continue;
    const std::optional<List>& list = running->state.list();
    if (list.has_value()) {
      add(made, *list, key.second);
    } else {
      made.is_partial = true;
    }
  }
  return made;
}

std::vector<SourceReport> Discovery::report() const {
  std::vector<SourceReport> made;
  for (const auto& [key, running] : sources_) {
    const SourceState& state = running->state;
    SourceReport report;
    report.pool = key.first;
    report.name = key.second;
    report.has_listed = state.list().has_value();
    report.count = report.has_listed ? state.list()->size() : 0;
    report.trouble = state.trouble();
    report.trouble_since = state.trouble_since();
    report.read_at = state.read_at().value_or(core::Instant{});
    made.push_back(std::move(report));
  }
  return made;
}

void Discovery::close() {
  sources_.clear();
}

}  // namespace ringfence::agent::discovery
