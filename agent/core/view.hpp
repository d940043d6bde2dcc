// The view: everything that the fleet agrees on. Copied as a value, compared by digest.
// Memory: 512 KiB a pool for the slots, of which successive views share what did not change.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/slot_table.hpp"
#include "agent/core/types.hpp"

namespace ringfence::agent::core {

inline constexpr std::uint32_t weight_max = 1000;

// The backend of an unowned slot that nobody is expected back for. (An unowned slot that names a
// lost backend is kept for its return.)
inline constexpr std::uint16_t no_backend = 0xffff;

enum class OnLeaseLoss : std::uint8_t { miss, serve };

// What every host of a fleet must hold alike about a pool.
struct PoolOptions {
  bool has_tags = true;
  char hash_tag_open = 0;  // 0: no hash tags
  char hash_tag_close = 0;
  bool allows_flush_all = true;
  bool admits_unflushed = false;
  OnLeaseLoss on_lease_loss = OnLeaseLoss::miss;
  friend bool operator==(const PoolOptions&, const PoolOptions&) = default;
};

enum class BackendStatus : std::uint8_t {
  serving,  // owns slots, or will
  lost,     // owns none that are served; a return needs an admission
};

struct Backend {
  std::uint16_t index = 0;  // in the segment; stable while the backend is in the view
  std::string address;  // canonical: "10.0.0.5:11211", "[::1]:11211", "name:11211", "/run/m.sock"
  std::uint32_t weight = 1;
  BackendStatus status = BackendStatus::serving;
  std::uint64_t incarnation = 0;  // grows with each admission
};

struct Pool {
  std::string name;
  PoolOptions options;
  std::vector<Backend> backends;  // by index, ascending
  SlotTable slots;                // slot_count of them, never fenced here
  std::uint64_t next_backend_incarnation = 1;
  std::uint16_t next_backend_index =
      0;  // indexes are handed out in a circle, so that a freed one rests

  [[nodiscard]] const Backend* find(std::string_view address) const;
};

struct Agent {
  AgentId id;
  std::string name;         // of its host
  Incarnation incarnation;  // in which it joined
  std::string address;      // of its mesh; empty: a fleet of one without a mesh
  std::string zone;         // voters are spread over zones; empty: none named
  bool is_witness = false;  // votes, and routes nothing: no change waits for its fence
  Epoch joined;             // the elder of two votes alone
};

struct View {
  ClusterId cluster_id{};
  Epoch epoch;
  std::vector<Agent> agents;  // by id
  std::vector<Pool> pools;    // by name

  [[nodiscard]] const Pool* find(std::string_view pool) const;
  [[nodiscard]] const Agent* find(AgentId id) const;
};
using ViewPtr = std::shared_ptr<const View>;

// XXH3-64 over a canonical encoding of the whole view (slots by their blocks' digests). Two agents
// that publish the same epoch publish the same digest (G1).
[[nodiscard]] std::uint64_t digest_of(const View& view);

}  // namespace ringfence::agent::core
