// The counters that the processes of this host keep, read as what they are: files that anybody on
// the host may write. Nothing of them is mapped, followed, waited for or believed; how many are
// looked at and shown is bounded. Files whose owner is gone are removed.
//
// Owns the directory `<segment_dir>/shims`, no descriptor and no state. One thread at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "shm_layout/result.hpp"
#include "shm_layout/shim_counters.hpp"

namespace ringfence::agent::shims {

// Processes shown at once: more than a page of anything, and some 100 ms of the loop's time at the
// very most (every page of every file in use).
inline constexpr std::size_t shown_max = 256;
// Directory entries looked at in one pass, at some 5 us each. A host of more processes than this
// is served in part; one that is flooded by somebody does not hold up the agent.
inline constexpr std::size_t looked_at_max = 4096;

// A process that lives and counts for one of this agent's segments.
struct Shim {
  uid_t uid = 0;  // who made the file; all else is what the process says about itself
  shm_layout::ShimHead head;
  std::vector<shm_layout::ShimBackendCounts> backends;
};

struct ShimListing {
  std::vector<Shim> shims;              // by segment, then pid
  std::size_t left_out_count = 0;       // of this agent's, beyond shown_max
  std::size_t unreadable_count = 0;     // live, and not a file of counters, or not ours to read
  std::size_t other_version_count = 0;  // live, and of a library of another version
  bool is_cut = false;                  // the directory held more than looked_at_max entries
};

class ShimFiles {
 public:
  explicit ShimFiles(const std::string& segment_dir);

  // Makes the directory where everybody may make files and nobody may touch another's. The error
  // says why processes will not be shown; nothing else depends on it.
  [[nodiscard]] Status make_directory() const;

  // The live processes that count for one of `segments` (file names); removes dead ones' files.
  [[nodiscard]] ShimListing list(const std::set<std::string>& segments) const;

  // Removes the files whose owner is gone, of whichever agent's segments: the lock tells it for
  // certain. How many those were.
  std::size_t sweep() const;

  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

}  // namespace ringfence::agent::shims
