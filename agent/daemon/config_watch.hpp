// Says when the configuration file may have changed. It watches the file's directory, because
// editors replace a file rather than write into it. The daemon's loop thread.
#pragma once

#include <uv.h>

#include <functional>
#include <string>

namespace ringfence::agent::daemon {

class ConfigWatch {
 public:
  // `changed` is called once the file has been quiet for a moment. An empty `path` watches nothing.
  ConfigWatch(uv_loop_t* loop, const std::string& path, std::function<void()> changed);
  ConfigWatch(const ConfigWatch&) = delete;
  ConfigWatch& operator=(const ConfigWatch&) = delete;
  // The object must outlive the loop's next turn.
  void close();

  // Why the file is not watched (a reload then needs SIGHUP); empty when it is.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  void on_event(const char* name);

  std::string file_name_;
  std::function<void()> changed_;
  std::string trouble_;
  uv_fs_event_t events_{};
  uv_timer_t quiet_{};
};

}  // namespace ringfence::agent::daemon
