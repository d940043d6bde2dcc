// Writer half of publishing; the reader half is segment_reader.hpp.
// One process writes a segment at a time: it holds the lock file `<segment>.lock` (an open file
// description lock, so it ends with the process). One thread calls a writer.
//
// A crash between any two stores leaves a segment that readers can use: each slot word is whole by
// itself, records carry sequences, and `publish_sequence` stays odd, which the next takeover
// counts.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "shm_layout/layout.hpp"
#include "shm_layout/result.hpp"
#include "shm_layout/segment_lock.hpp"
#include "shm_layout/segment_reader.hpp"

namespace ringfence::shm_layout {

struct SegmentIdentity {
  std::string cluster;
  std::string instance;
  std::string pool;
  std::array<std::uint8_t, 16> cluster_id{};
  std::optional<gid_t> group;  // who may read the segment; empty: the agent's own group
};

class SegmentFile;

enum class OpenedAs : std::uint8_t {
  created,     // there was none
  taken_over,  // an earlier agent's, whole and of this boot and cluster: epoch, fences, term
               // continue
  replaced,    // there was one that could not be continued: retired (deadlines 0, `replaced`), new
               // file
};

class SegmentWriter {
 public:
  // Locks, then takes over, creates or replaces the file at `path`. The directory is created when
  // missing (0755); the file is readable by its group (0640). Errors name path, errno and, where
  // another agent holds the lock, its pid.
  [[nodiscard]] static Result<std::unique_ptr<SegmentWriter>> open(const std::string& path,
                                                                   const SegmentIdentity& identity);
  ~SegmentWriter();  // unlocks; leaves the segment as it is
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  [[nodiscard]] OpenedAs opened_as() const noexcept { return opened_as_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const Segment& segment() const noexcept { return *segment_; }
  // Over this writer's own mapping; valid as long as the writer.
  [[nodiscard]] const SegmentReader& reader() const noexcept { return reader_; }
  // False only after `replaced`, when the old file could not be mapped: who holds a lease under it
  // must then be waited for. Also false after `created`: a removed file may still be mapped.
  [[nodiscard]] bool is_old_retired() const noexcept { return is_old_retired_; }

  // Brackets a publication: makes publish_sequence odd, then even; the second also stores epoch
  // and digest. Between them store_slot and store_backend may be called in any order.
  void begin_publish() noexcept;
  void end_publish(std::uint64_t epoch, std::uint64_t digest) noexcept;

  // Release: who loads this word also sees the backend record it names (stored before it).
  void store_slot(std::uint32_t index, SlotWord word) noexcept;
  // seq_cst read-modify-write: once it returns, no reader that loads the word later routes by it,
  // and the acknowledgement that follows cannot overtake it.
  void fence_slot(std::uint32_t index) noexcept;
  [[nodiscard]] SlotWord slot(std::uint32_t index) const noexcept;

  void store_backend(std::uint32_t index, const BackendInfo& info) noexcept;
  void store_intercept(std::uint32_t index, const InterceptInfo& info) noexcept;
  void store_pool(PoolWord pool) noexcept;
  void store_connection_budget(std::uint64_t connections) noexcept;
  void store_answers(AnswerWord answers) noexcept;
  void store_agent(std::uint64_t incarnation, std::uint64_t term, std::uint32_t pid) noexcept;

  // `until_boottime_ns` 0 ends the lease at once. Writes both deadlines; the coarse one less a
  // tick.
  void store_deadline(std::int64_t until_boottime_ns) noexcept;
  void beat() noexcept;                     // heartbeat
  void store_state(SegmentState) noexcept;  // closed: also ends the lease

 private:
  SegmentWriter();
  void adopt(SegmentFile&& file);
  void settle_interrupted_publish() noexcept;

  SegmentLock lock_;
  std::unique_ptr<SegmentFile> file_;
  std::string path_;
  Segment* segment_ = nullptr;
  SegmentReader reader_;
  OpenedAs opened_as_ = OpenedAs::created;
  bool is_old_retired_ = false;
};

}  // namespace ringfence::shm_layout
