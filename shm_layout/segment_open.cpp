// How a writer comes by its segment: take over what a former agent left, or make a new file and
// retire the old one. Runs once, on the writer's thread, under the segment's lock.
#include <stdlib.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <utility>

#include "shm_layout/boot_id.hpp"
#include "shm_layout/clock.hpp"
#include "shm_layout/segment_file.hpp"
#include "shm_layout/segment_writer.hpp"

namespace ringfence::shm_layout {
namespace {

using BootId = std::array<std::uint8_t, 16>;

void copy_name(char (&to)[name_bytes], const std::string& from) noexcept {
  std::memcpy(to, from.c_str(), from.size() + 1);
}

Status check_names(const SegmentIdentity& identity) {
  for (const std::string* name : {&identity.cluster, &identity.instance, &identity.pool}) {
    if (name->size() >= name_bytes || name->find('\0') != std::string::npos) {
      return Error{"the name '" + *name + "' is longer than " + std::to_string(name_bytes - 1) +
                       " bytes: cluster, instance and pool must be shorter",
                   ENAMETOOLONG};
    }
  }
  return Done{};
}

// The parts stand where this code's Segment has them, so that the writer may use the struct.
bool has_own_layout(const Identity& identity, std::size_t file_bytes) noexcept {
  return identity.major == layout_major && identity.segment_bytes == sizeof(Segment) &&
         file_bytes == sizeof(Segment) && identity.control_offset == offsetof(Segment, control) &&
         identity.intercept_offset == offsetof(Segment, intercepts) &&
         identity.intercept_count == intercept_count_max &&
         identity.backend_offset == offsetof(Segment, backends) &&
         identity.backend_count == backend_count_max &&
         identity.slot_offset == offsetof(Segment, slots);
}

bool names_match(const Identity& identity, const SegmentIdentity& wanted) noexcept {
  return wanted.cluster == identity.cluster && wanted.instance == identity.instance &&
         wanted.pool == identity.pool &&
         std::memcmp(identity.cluster_id, wanted.cluster_id.data(), wanted.cluster_id.size()) == 0;
}

bool are_slots_sound(const Segment& segment) noexcept {
  for (const auto& slot : segment.slots) {
    const SlotWord word{slot.load(std::memory_order_relaxed)};
    const SlotWord whole(word.state(), word.backend(), word.generation());
    if (word.backend() >= backend_count_max || word.state() > SlotState::served ||
        word.unfenced() != whole) {
      return false;
    }
  }
  return true;
}

bool can_take_over(const SegmentFile& file, const SegmentIdentity& wanted, const BootId& boot_id) {
  SegmentExtents extents{};
  if (check_segment(file.bytes(), extents) != SegmentCheck::ok) {
    return false;
  }
  const auto& segment = *reinterpret_cast<const Segment*>(file.bytes().data());
  const Identity& identity = segment.identity;
  return has_own_layout(identity, file.bytes().size()) && names_match(identity, wanted) &&
         std::memcmp(identity.boot_id, boot_id.data(), boot_id.size()) == 0 &&
         segment.control.state.load(std::memory_order_relaxed) !=
             static_cast<std::uint32_t>(SegmentState::replaced) &&
         are_slots_sound(segment);
}

// Where the deadlines of a file are that may be of another version or damaged: rule 5 of
// layout.hpp keeps `control_offset` and the deadlines in place across versions.
std::size_t control_offset_of(std::span<const std::byte> bytes) noexcept {
  std::uint32_t offset = 0;
  std::memcpy(&offset, bytes.data() + offsetof(Identity, control_offset), sizeof(offset));
  const bool is_usable = offset % alignof(Control) == 0 && offset >= sizeof(Identity) &&
                         std::size_t{offset} + sizeof(Control) <= bytes.size();
  return is_usable ? offset : offsetof(Segment, control);
}

// Ends the lease of whoever still maps `file`. A file too short to hold deadlines was never
// attached by a reader.
void retire(const SegmentFile& file) noexcept {
  const std::span<std::byte> bytes = file.bytes();
  if (bytes.size() < offsetof(Segment, control) + sizeof(Control)) {
    return;
  }
  auto& control = *reinterpret_cast<Control*>(bytes.data() + control_offset_of(bytes));
  // seq_cst: nothing that the agent does next overtakes the end of the old leases.
  control.deadline_coarse_ns.store(0, std::memory_order_seq_cst);
  control.deadline_boottime_ns.store(0, std::memory_order_seq_cst);
  std::uint32_t major = 0;
  std::memcpy(&major, bytes.data() + offsetof(Identity, major), sizeof(major));
  if (major == layout_major) {
    control.state.store(static_cast<std::uint32_t>(SegmentState::replaced),
                        std::memory_order_release);
  }
}

void write_identity(Identity& identity, const SegmentIdentity& wanted, const BootId& boot_id) {
  identity.magic = segment_magic;
  identity.major = layout_major;
  identity.minor = layout_minor;
  identity.oldest_reader = layout_oldest_reader;
  identity.segment_bytes = sizeof(Segment);
  identity.control_offset = offsetof(Segment, control);
  identity.intercept_offset = offsetof(Segment, intercepts);
  identity.intercept_count = intercept_count_max;
  identity.intercept_bytes = sizeof(InterceptRecord);
  identity.backend_offset = offsetof(Segment, backends);
  identity.backend_count = backend_count_max;
  identity.backend_bytes = sizeof(BackendRecord);
  identity.slot_offset = offsetof(Segment, slots);
  identity.slot_count = slot_count;
  std::memcpy(identity.cluster_id, wanted.cluster_id.data(), wanted.cluster_id.size());
  std::memcpy(identity.boot_id, boot_id.data(), boot_id.size());
  identity.created_unix_ns = static_cast<std::uint64_t>(read_clock_ns(CLOCK_REALTIME));
  copy_name(identity.cluster, wanted.cluster);
  copy_name(identity.instance, wanted.instance);
  copy_name(identity.pool, wanted.pool);
}

// In the same directory, so that the rename stays within one file system; the leading dot keeps it
// out of list_segments. One name suffices: the lock is held.
std::string temporary_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, name) + "." + path.substr(name) + ".new";
}

Result<SegmentFile> make_segment(const std::string& path, const SegmentIdentity& wanted,
                                 const BootId& boot_id) {
  auto file = SegmentFile::make(temporary_name(path), sizeof(Segment), wanted.group);
  if (!file) {
    return file;
  }
  auto& segment = *new (file.value().bytes().data()) Segment{};
  write_identity(segment.identity, wanted, boot_id);
  segment.control.state.store(static_cast<std::uint32_t>(SegmentState::open),
                              std::memory_order_relaxed);
  // Release: pairs with the acquire in check_segment and publishes all of the above.
  segment.identity.ready.store(ready_word, std::memory_order_release);
  return file;
}

}  // namespace

void SegmentWriter::adopt(SegmentFile&& file) {
  file_ = std::make_unique<SegmentFile>(std::move(file));
  segment_ = reinterpret_cast<Segment*>(file_->bytes().data());
}

void SegmentWriter::settle_interrupted_publish() noexcept {
  Control& control = segment_->control;
  // Relaxed loads: no other writer lives. The count is raised first, so that a crash in between
  // counts twice rather than never.
  control.takeover_count.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t sequence = control.publish_sequence.load(std::memory_order_relaxed);
  if (sequence % 2 != 0) {
    control.publish_interrupted_count.fetch_add(1, std::memory_order_relaxed);
    control.publish_sequence.store(sequence + 1, std::memory_order_release);
  }
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::open(const std::string& path,
                                                           const SegmentIdentity& identity) {
  const auto boot_id = read_boot_id();
  if (!boot_id) {
    return Error{"read /proc/sys/kernel/random/boot_id: is /proc mounted?", ENOENT};
  }
  Status prepared = check_names(identity);
  if (prepared) {
    prepared = make_directory_of(path);
  }
  if (!prepared) {
    return prepared.error();
  }
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter);
  writer->path_ = path;
  auto lock = SegmentLock::take(path);
  if (!lock) {
    return lock.error();
  }
  writer->lock_ = std::move(lock).value();

  auto old = SegmentFile::map(path);
  const bool is_absent = !old && old.error().os_errno == ENOENT;
  if (old && can_take_over(old.value(), identity, *boot_id)) {
    if (Status secured = old.value().secure(identity.group); !secured) {
      return secured.error();
    }
    writer->adopt(std::move(old).value());
    writer->opened_as_ = OpenedAs::taken_over;
    writer->is_old_retired_ = true;
    writer->settle_interrupted_publish();
  } else {
    auto made = make_segment(path, identity, *boot_id);
    if (!made) {
      return made.error();
    }
    if (old) {
      retire(old.value());
    }
    if (rename(temporary_name(path).c_str(), path.c_str()) != 0) {
      return os_error("rename " + temporary_name(path) + " to " + path);
    }
    writer->adopt(std::move(made).value());
    writer->opened_as_ = is_absent ? OpenedAs::created : OpenedAs::replaced;
    writer->is_old_retired_ = old.is_ok();
  }
  if (const SegmentCheck check = writer->reader_.open(writer->file_->bytes());
      check != SegmentCheck::ok) {
    return Error{"segment " + path + " is " + describe(check), 0};
  }
  return writer;
}

}  // namespace ringfence::shm_layout
