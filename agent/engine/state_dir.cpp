// See state_dir.hpp; the system calls are in state_files.cpp.
#include "agent/engine/state_dir.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "agent/engine/marker.hpp"
#include "agent/engine/state_files.hpp"

namespace ringfence::agent::engine {
namespace {

std::string marker_path(const std::string& path) {
  return path + "/marker";
}
std::string engine_path(const std::string& path) {
  return path + "/engine";
}

// What is on disk, before anything is changed.
struct Found {
  StateFound state{};
  std::string why;
  Marker marker;  // of `continued`; of `lost` only the incarnation, where it could be read
};

Result<Found> look(const std::string& path) {
  const Result<FileBytes> file = read_small_file(marker_path(path), marker_bytes + 1);
  if (!file) return file.error();
  const Result<bool> has_log = has_entries(engine_path(path));
  if (!has_log) return has_log.error();
  if (!file.value().exists) {
    if (!has_log.value()) return Found{StateFound::none, "", {}};
    return Found{StateFound::lost, "the marker is gone, but there is a log", {}};
  }
  const std::optional<Marker> marker = decode_marker(file.value().bytes);
  if (!marker) return Found{StateFound::lost, "the marker is damaged", {}};
  // A marker without a term belongs to a first start that ended before its first leadership.
  if (marker->term_max.value != 0 && !has_log.value()) {
    return Found{StateFound::lost, "the engine's log is gone", *marker};
  }
  return Found{StateFound::continued, "", *marker};
}

Result<Marker> new_identity(core::Incarnation incarnation) {
  Marker marker;
  marker.incarnation = incarnation;
  if (Status status = fill_random(marker.cluster_id.data(), marker.cluster_id.size()); !status) {
    return status.error();
  }
  while (marker.agent_id.value == 0) {
    Status status = fill_random(&marker.agent_id.value, sizeof marker.agent_id.value);
    if (!status) return status.error();
  }
  return marker;
}

}  // namespace

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

StateDir& StateDir::operator=(StateDir&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_fd_, other.lock_fd_);
  return *this;
}

StateDir::~StateDir() {
  if (lock_fd_ >= 0) ::close(lock_fd_);  // and with it goes the lock
}

Status StateDir::begin_anew(core::Incarnation after, OpenedState& opened) {
  // Larger than in any earlier life, even where that one's marker could not be read.
  const core::Incarnation incarnation{std::max(after.value + 1, unix_time_us())};
  Result<Marker> marker = new_identity(incarnation);
  if (!marker) return marker.error();
  opened.marker = marker.value();
  opened.marker.was_state_lost = opened.found == StateFound::lost;
  if (Status status = make_dir(engine_path(path_)); !status) return status;
  return store(opened.marker);
}

Result<StateDir> StateDir::open(const std::string& path, OpenedState& opened) {
  if (Status status = make_dir(path); !status) return status.error();
  StateDir dir;
  dir.path_ = path;
  Result<int> lock = lock_file(path + "/lock");
  if (!lock) return lock.error();
  dir.lock_fd_ = lock.value();

  Result<Found> found = look(path);
  if (!found) return found.error();
  opened = OpenedState{};
  opened.engine_dir = engine_path(path);
  opened.marker = found.value().marker;
  Status status = Done{};
  switch (found.value().state) {
    case StateFound::none:
      status = dir.begin_anew({}, opened);
      break;
    case StateFound::lost:
      status = dir.set_aside(found.value().why, opened);
      break;
    case StateFound::continued:
      opened.found = StateFound::continued;
      opened.marker.incarnation.value =
          std::max(opened.marker.incarnation.value + 1, unix_time_us());
      status = make_dir(opened.engine_dir);
      if (status) status = dir.store(opened.marker);
      break;
  }
  if (!status) return status.error();
  return dir;
}

Status StateDir::store(const Marker& marker) {
  return replace_file(path_, "marker", encode_marker(marker));
}

Status StateDir::delete_log(const std::string& engine_dir) {
  std::error_code failure;
  std::filesystem::remove_all(engine_dir, failure);
  if (failure) return os_error("delete " + engine_dir, failure.value());
  return make_dir(engine_dir);
}

Status StateDir::set_aside(const std::string& why, OpenedState& opened) {
  Result<std::string> aside = make_aside_dir(path_);
  if (!aside) return aside.error();
  // The log first: a marker without its log reads as lost again after a crash between the two.
  for (const char* name : {"engine", "marker"}) {
    Status moved = move_into(path_, name, aside.value());
    if (!moved) return moved;
  }
  opened.found = StateFound::lost;
  opened.why = fmt::format("{}; what there was is now in {}", why, aside.value());
  opened.engine_dir = engine_path(path_);
  return begin_anew(opened.marker.incarnation, opened);
}

}  // namespace ringfence::agent::engine
