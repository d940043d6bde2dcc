#include "agent/daemon/config_watch.hpp"

#include <utility>

namespace ringfence::agent::daemon {
namespace {

// An editor's save is several events within a few milliseconds; half a file must not be read.
constexpr std::uint64_t quiet_ms = 100;

std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

ConfigWatch::ConfigWatch(uv_loop_t* loop, const std::string& path, std::function<void()> changed)
    : changed_(std::move(changed)) {
  uv_fs_event_init(loop, &events_);
  uv_timer_init(loop, &quiet_);
  events_.data = quiet_.data = this;
  if (path.empty()) return;
  const auto [directory, file_name] = split_path(path);
  file_name_ = file_name;
  const int status = uv_fs_event_start(
      &events_,
      [](uv_fs_event_t* handle, const char* name, int, int) {
        static_cast<ConfigWatch*>(handle->data)->on_event(name);
      },
      directory.c_str(), 0);
  if (status != 0) trouble_ = "watch " + directory + ": " + uv_strerror(status);
}

void ConfigWatch::on_event(const char* name) {
  if (name != nullptr && file_name_ != name) return;
  uv_timer_start(
      &quiet_, [](uv_timer_t* timer) { static_cast<ConfigWatch*>(timer->data)->changed_(); },
      quiet_ms, 0);
}

void ConfigWatch::close() {
  uv_close(reinterpret_cast<uv_handle_t*>(&events_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&quiet_), nullptr);
}

}  // namespace ringfence::agent::daemon
