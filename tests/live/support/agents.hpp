// Several agents of one fleet on this machine, each as on a host of its own: its own directories,
// ports and mesh address, over the same memcacheds, with one cluster key. One thread uses it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/live/support/fleet.hpp"

namespace ringfence::live {

// A change that waits for leases that were granted to others, on a machine with much else to do.
inline constexpr Milliseconds fleet_patience{60'000};

class Agents {
 public:
  // Starts `backend_count` memcacheds and an agent at each of `count` mesh addresses, each with
  // all of them as seeds; does not wait.
  explicit Agents(std::size_t count, std::size_t backend_count = 2);
  // The same without starting an agent; start() starts each. `timing_lines`: keys of
  // [[pool]] in place of those that tests are impatient with.
  [[nodiscard]] static std::unique_ptr<Agents> not_started(
      std::size_t count, std::size_t backend_count = 2,
      const std::string& timing_lines = impatient_pool);

  void start(std::size_t i);
  // With other lines in [mesh] than all agents as seeds; a line each.
  void start_with(std::size_t i, const std::string& mesh_lines);
  void set_mesh_lines(std::size_t i, const std::string& mesh_lines);      // for the next start
  void set_pool_lines(const std::string& lines) { pool_lines_ = lines; }  // of all, from now on
  // In each file from now on, in place of all memcacheds.
  void set_backends(std::vector<std::string> backends) { backends_ = std::move(backends); }
  void kill(std::size_t i);
  void expect_ended(std::size_t i);  // by itself
  int terminate(std::size_t i);

  [[nodiscard]] Agent& operator[](std::size_t i) { return *agents_.at(i); }
  [[nodiscard]] std::size_t size() const { return mesh_addresses_.size(); }
  [[nodiscard]] const std::string& mesh_address(std::size_t i) const { return mesh_addresses_[i]; }
  [[nodiscard]] std::string seed_line() const;  // seeds = [all]
  [[nodiscard]] std::vector<Memcached>& memcacheds() { return memcacheds_; }
  [[nodiscard]] const std::set<std::size_t>& running() const { return running_; }

  // Every running agent says that all that live agree, in a view of `agent_count` agents and
  // `backend_count` serving backends, holds a lease, and follows one leader, and as many vote as
  // should; or throws with what each says. Returns that epoch.
  std::uint64_t wait_agreed(std::size_t agent_count, std::size_t backend_count);
  std::uint64_t wait_agreed() { return wait_agreed(size(), memcacheds_.size()); }
  // Of the running agents: who leads, waited for.
  [[nodiscard]] std::size_t leader();
  [[nodiscard]] std::size_t follower();             // a running agent that does not lead
  [[nodiscard]] std::uint64_t flush_count() const;  // asked of all memcacheds together

 private:
  struct NotStarted {};
  Agents(NotStarted, std::size_t count, std::size_t backend_count);
  [[nodiscard]] AgentSettings settings(std::size_t i, const std::string& mesh_lines) const;
  [[nodiscard]] bool is_agreed(std::size_t i, std::size_t agent_count,
                               std::size_t backend_count) const;
  [[nodiscard]] std::string what_each_says() const;

  TempDir dir_;
  std::string timing_lines_ = impatient_pool;
  std::vector<Memcached> memcacheds_;
  std::vector<std::string> mesh_addresses_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::set<std::size_t> running_;
  std::string pool_lines_;
  std::optional<std::vector<std::string>> backends_;
};

// Sets through one agent and gets through each one that runs.
void expect_one_cache(Agents& agents, const std::string& key);

}  // namespace ringfence::live
