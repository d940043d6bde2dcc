// state_dir: who this agent is, and the checksummed marker that tells a whole state from a damaged
// one. libraft's metadata files carry no checksum, so the marker {cluster id, agent id, highest
// term and epoch seen, incarnation} is kept beside them, written to a new file, fsynced and
// renamed. One thread; every call may block on the disk.
//
//   <state_dir>/lock             held while an agent lives
//   <state_dir>/marker           96 bytes, see marker.hpp
//   <state_dir>/engine/          libraft's log
//   <state_dir>/damaged-<time>/  what was set aside, for people; never read again
#pragma once

#include <string>

#include "agent/core/types.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::engine {

struct Marker {
  core::ClusterId cluster_id{};
  core::AgentId agent_id;
  core::Incarnation incarnation;  // of this start
  core::Term term_max;       // that this agent's own engine told: a log behind it lost something
  core::Term term_followed;  // of a leader, whoever voted for it: an older leader is rejected
  core::Epoch epoch_max;
  core::ClusterId promised{};   // to form this fleet and no other; zeros: none
  bool was_state_lost = false;  // in this life or an earlier one; never cleared
  bool has_fleet = false;       // `cluster_id` is the id of a fleet that this agent belongs to
  bool is_voter = false;        // it runs an engine
  bool is_founder = false;      // an empty log begins with this agent as its only voter
};

enum class StateFound : std::uint8_t {
  none,       // first start: a new cluster id and agent id were made
  continued,  // the marker is whole and the log is there
  lost,       // there was a state, and it is damaged or in part gone: it was moved to
              // `<state_dir>/damaged-<time>`, and a new cluster id and agent id were made
};

struct OpenedState {
  Marker marker;  // already on disk, with the new incarnation
  StateFound found{};
  std::string why;         // for `lost`: what was wrong, and where it was moved
  std::string engine_dir;  // where the engine keeps its log
};

class StateDir {
 public:
  // Creates `path` if missing, locks it (one agent a directory; the error names the other's pid),
  // reads or makes the marker and counts the incarnation up.
  [[nodiscard]] static Result<StateDir> open(const std::string& path, OpenedState& opened);
  StateDir(StateDir&&) noexcept;
  StateDir& operator=(StateDir&&) noexcept;
  ~StateDir();

  [[nodiscard]] Status store(const Marker& marker);  // durable when it returns

  // After the agent stopped to vote: the log is deleted. The engine must be stopped.
  [[nodiscard]] Status delete_log(const std::string& engine_dir);

  // For a log that turned out to be damaged, or that ends before the marker's epoch or term after
  // its replay: moves it aside with the marker and begins anew, as `lost` with a larger
  // incarnation. The engine must be stopped.
  [[nodiscard]] Status set_aside(const std::string& why, OpenedState& opened);

 private:
  StateDir() = default;
  [[nodiscard]] Status begin_anew(core::Incarnation after, OpenedState& opened);
  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace ringfence::agent::engine
