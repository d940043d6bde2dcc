#include "agent/discovery/file_source.hpp"

#include <sys/stat.h>

#include <string_view>
#include <utility>

#include "agent/discovery/text_file.hpp"

namespace ringfence::agent::discovery {
namespace {

// A save is several events within a few milliseconds; half a file should not be read.
constexpr std::uint64_t quiet_ms = 100;
// What no event tells is noticed after this; one fstat a time.
constexpr std::uint64_t poll_ms = 2000;

struct Place {
  std::string directory, name;
};

Place place_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Which file this is, and which state of it.
struct Look {
  bool is_there = false;
  dev_t device = 0;
  ino_t number = 0;
  off_t size = 0;
  std::int64_t changed_s = 0, changed_ns = 0;
  friend bool operator==(const Look&, const Look&) = default;
};

Look look_at(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return {};
  return {true,          found.st_dev,         found.st_ino,
          found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

class FileSource final : public LoopOwned {
 public:
  FileSource(uv_loop_t* loop, const std::string& path, const ListRules& rules, Told told)
      : path_(path), place_(place_of(path)), rules_(rules), told_(std::move(told)) {
    uv_fs_event_init(loop, &events_);
    uv_timer_init(loop, &quiet_);
    uv_timer_init(loop, &poll_);
    own(events_);
    own(quiet_);
    own(poll_);
  }

  void start() {
    read();
    watch();
    uv_timer_start(
        &poll_, [](uv_timer_t* timer) { static_cast<FileSource*>(timer->data)->poll(); }, poll_ms,
        poll_ms);
  }

  void end() override {
    told_ = nullptr;
    close(events_);
    close(quiet_);
    close(poll_);
  }

 private:
  void watch() {
    uv_fs_event_stop(&events_);
    // A failure is made good by the poll, and the read says why there is no file.
    (void)uv_fs_event_start(
        &events_,
        [](uv_fs_event_t* handle, const char* name, int, int) {
          static_cast<FileSource*>(handle->data)->on_event(name);
        },
        place_.directory.c_str(), 0);
    directory_ = look_at(place_.directory).number;
  }

  void on_event(const char* name) {
    if (name != nullptr && place_.name != name) return;
    uv_timer_start(
        &quiet_, [](uv_timer_t* timer) { static_cast<FileSource*>(timer->data)->read(); }, quiet_ms,
        0);
  }

  void poll() {
    if (look_at(place_.directory).number != directory_) watch();
    const bool is_under_way = uv_is_active(reinterpret_cast<uv_handle_t*>(&quiet_)) != 0;
    if (is_under_way || look_at(path_) == looked_at_) return;
    on_event(nullptr);
  }

  void read() {
    looked_at_ = look_at(path_);
    const Result<std::string> text = read_text(path_, list_bytes_max);
    told_(text ? parse_list(text.value(), path_, rules_) : Result<List>(text.error()));
  }

  std::string path_;
  Place place_;
  ListRules rules_;
  Told told_;
  Look looked_at_;
  ino_t directory_ = 0;  // the one that is watched
  uv_fs_event_t events_{};
  uv_timer_t quiet_{}, poll_{};
};

}  // namespace

Source watch_file(uv_loop_t* loop, const std::string& path, const ListRules& rules, Told told) {
  auto* source = new FileSource(loop, path, rules, std::move(told));
  source->start();
  return Source(source);
}

}  // namespace ringfence::agent::discovery
