#include "tests/live/support/agents.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "agent/core/voters.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

constexpr std::size_t key_characters = 64;  // 256 bits in hexadecimal digits

// Not secret, but as long as one that is.
std::string key_text() {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < key_characters; ++i) text += digits[(i * 7 + i / 5) % 16];
  return text + "\n";
}

std::size_t count_serving(const json& status) {
  std::size_t count = 0;
  for (const json& pool : status.value("pools", json::array())) {
    for (const json& backend : pool.value("backends", json::array())) {
      count += backend.value("state", "") == "serving" && backend.value("slots", 0) > 0 ? 1 : 0;
    }
  }
  return count;
}

std::size_t count_in_view(const json& status) {
  const json agents = status.value("agents", json::array());
  return static_cast<std::size_t>(std::count_if(
      agents.begin(), agents.end(), [](const json& one) { return one.value("in_view", false); }));
}

}  // namespace

Agents::Agents(NotStarted /*tag*/, std::size_t count, std::size_t backend_count)
    : memcacheds_(start_memcacheds(backend_count)), agents_(count) {
  for (std::size_t i = 0; i < count; ++i) {
    mesh_addresses_.push_back("127.0.0.1:" + std::to_string(free_port()));
  }
  write_file(dir_.file("key"), key_text());
  chmod(dir_.file("key").c_str(), S_IRUSR | S_IWUSR);
}

Agents::Agents(std::size_t count, std::size_t backend_count)
    : Agents(NotStarted{}, count, backend_count) {
  for (std::size_t i = 0; i < count; ++i) start(i);
}

std::unique_ptr<Agents> Agents::not_started(std::size_t count, std::size_t backend_count,
                                            const std::string& timing_lines) {
  std::unique_ptr<Agents> made(new Agents(NotStarted{}, count, backend_count));
  made->timing_lines_ = timing_lines;
  return made;
}

std::string Agents::seed_line() const {
  return "seeds = " + json(mesh_addresses_).dump() + "\n";
}

AgentSettings Agents::settings(std::size_t i, const std::string& mesh_lines) const {
  AgentSettings settings = impatient(memcacheds_);
  if (backends_) settings.backends = *backends_;
  settings.pool_lines = timing_lines_ + pool_lines_;
  settings.instance = "a" + std::to_string(i);
  settings.table_lines = "[mesh]\nlisten = \"" + mesh_addresses_[i] + "\"\nkey_file = \"" +
                         dir_.file("key") + "\"\n" + mesh_lines;
  return settings;
}

void Agents::start(std::size_t i) {
  if (agents_.at(i) == nullptr) return start_with(i, seed_line());
  agents_[i]->start();
  running_.insert(i);
}

void Agents::start_with(std::size_t i, const std::string& mesh_lines) {
  agents_.at(i) = std::make_unique<Agent>(settings(i, mesh_lines));
  running_.insert(i);
}

void Agents::set_mesh_lines(std::size_t i, const std::string& mesh_lines) {
  agents_.at(i)->reconfigure(settings(i, mesh_lines));
}

void Agents::kill(std::size_t i) {
  running_.erase(i);
  agents_.at(i)->kill();
}

void Agents::expect_ended(std::size_t i) {
  running_.erase(i);
  EXPECT_TRUE(wait_until([&] { return !agents_.at(i)->child().is_running(); }, fleet_patience));
}

int Agents::terminate(std::size_t i) {
  running_.erase(i);
  return agents_.at(i)->terminate();
}

bool Agents::is_agreed(std::size_t i, std::size_t agent_count, std::size_t backend_count) const {
  const json agree = agents_[i]->ask("agree");
  if (!agree.value("agrees", false) || agree.at("agents").size() != agent_count) return false;
  const auto live = std::count_if(agree.at("agents").begin(), agree.at("agents").end(),
                                  [](const json& one) { return one.value("is_live", false); });
  const json status = agents_[i]->ask("status");
  return static_cast<std::size_t>(live) == running_.size() &&
         count_serving(status) == backend_count && count_in_view(status) == agent_count &&
         !status.value("is_changing", true) && !status.value("leader", "").empty() &&
         status.value("lease_left_ms", 0) > 0;
}

std::uint64_t Agents::wait_agreed(std::size_t agent_count, std::size_t backend_count) {
  // Votes are handed out one after the other: until then a dead leader may take the quorum along.
  const auto do_all_vote = [&] {
    const json status = agents_[leader()]->ask("status");
    const json agents = status.value("agents", json::array());
    const auto voters = std::count_if(agents.begin(), agents.end(),
                                      [](const json& one) { return one.value("is_voter", false); });
    return static_cast<std::size_t>(voters) == agent::core::voter_count_for(agent_count);
  };
  // All in one round, at one epoch: another round begins where the last one found a difference.
  const auto do_all = [&] {
    std::set<std::uint64_t> epochs;
    std::set<std::string> digests;
    for (const std::size_t i : running_) {
      if (agents_[i]->child().is_running()) continue;
      throw std::runtime_error("agent " + std::to_string(i) +
                               " ended; its log: " + agents_[i]->log());
    }
    for (const std::size_t i : running_) {
      if (!is_agreed(i, agent_count, backend_count)) return false;
      const json status = agents_[i]->ask("status");
      epochs.insert(status.value("epoch", std::uint64_t{0}));
      digests.insert(status.value("digest", ""));
    }
    return epochs.size() == 1 && digests.size() == 1 && do_all_vote();
  };
  if (!wait_until(do_all, fleet_patience, Milliseconds{20})) {
    throw std::runtime_error(std::to_string(agent_count) + " agents and " +
                             std::to_string(backend_count) + " backends should agree; " +
                             what_each_says());
  }
  return agents_[*running_.begin()]->epoch();
}

std::string Agents::what_each_says() const {
  std::string text;
  for (const std::size_t i : running_) {
    text += "\nagent " + std::to_string(i) + " agree: " + agents_[i]->ask("agree").dump() +
            "\n  status: " + agents_[i]->ask("status").dump();
  }
  return text;
}

std::size_t Agents::leader() {
  std::size_t found = 0;
  const auto is_found = [&] {
    for (const std::size_t i : running_) {
      if (!agents_[i]->ask("status").value("is_leader", false)) continue;
      found = i;
      return true;
    }
    return false;
  };
  if (!wait_until(is_found, fleet_patience)) {
    throw std::runtime_error("somebody should lead; " + what_each_says());
  }
  return found;
}

std::size_t Agents::follower() {
  const std::size_t leads = leader();
  return *std::find_if(running_.begin(), running_.end(),
                       [leads](std::size_t i) { return i != leads; });
}

std::uint64_t Agents::flush_count() const {
  std::uint64_t count = 0;
  for (const Memcached& memcached : memcacheds_) count += memcached.flush_count();
  return count;
}

void expect_one_cache(Agents& agents, const std::string& key) {
  const std::size_t first = *agents.running().begin();
  TextClient writer = agents[first].client();
  set_until_stored(writer, key, "of " + key);
  for (const std::size_t i : agents.running()) {
    EXPECT_EQ(agents[i].client().get(key), "of " + key) << "through agent " << i;
  }
}

}  // namespace ringfence::live
