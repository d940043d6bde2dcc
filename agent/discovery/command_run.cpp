#include "agent/discovery/command_run.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <cstring>
#include <utility>

#include "agent/config/values.hpp"

namespace ringfence::agent::discovery {
namespace {

// Of what it says on stderr the end is shown.
constexpr std::size_t complaint_bytes_max = 300;

// Its last line, printable.
std::string complaint_of(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  text.erase(0, text.rfind('\n') + 1);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text.empty() ? "" : ": " + text;
}

class CommandRun final : public LoopOwned {
 public:
  CommandRun(uv_loop_t* loop, std::string name, core::Duration timeout,
             std::function<void(Result<std::string>)> done)
      : loop_(loop), name_(std::move(name)), timeout_(timeout), done_(std::move(done)) {
    uv_timer_init(loop, &limit_);
    uv_pipe_init(loop, &output_, 0);
    uv_pipe_init(loop, &complaints_, 0);
    own(limit_);
    own(output_);
    own(complaints_);
    own(process_);
  }

  void start(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    uv_stdio_container_t streams[3] = {};
    streams[0].flags = UV_IGNORE;
    for (int i = 1; i < 3; ++i) {
      streams[i].flags = static_cast<uv_stdio_flags>(UV_CREATE_PIPE | UV_WRITABLE_PIPE);
      streams[i].data.stream = reinterpret_cast<uv_stream_t*>(i == 1 ? &output_ : &complaints_);
    }
    uv_process_options_t options{};
    options.file = arguments[0];
    options.args = arguments.data();
    options.flags = UV_PROCESS_DETACHED;  // a group of its own
    options.stdio_count = 3;
    options.stdio = streams;
    options.exit_cb = [](uv_process_t* process, std::int64_t code, int signal_number) {
      static_cast<CommandRun*>(process->data)->on_exit(code, signal_number);
    };
    const int status = uv_spawn(loop_, &process_, &options);
    if (status != 0) {
      return fail_soon(fmt::format("{}: could not be started: {}", name_, uv_strerror(status)));
    }
    is_running_ = true;
    group_ = process_.pid;
    read(output_);
    read(complaints_);
    start_limit(timeout_);
  }

  void end() override {
    kill_group();
    done_ = nullptr;
    close(limit_);
    close(output_);
    close(complaints_);
    close(process_);
  }

 private:
  void read(uv_pipe_t& pipe) {
    ++open_stream_count_;
    (void)uv_read_start(
        reinterpret_cast<uv_stream_t*>(&pipe),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto* run = static_cast<CommandRun*>(handle->data);
          *buffer = uv_buf_init(run->piece_, sizeof run->piece_);
        },
        [](uv_stream_t* stream, ssize_t size, const uv_buf_t*) {
          static_cast<CommandRun*>(stream->data)->on_read(stream, size);
        });
  }

  void on_read(uv_stream_t* stream, ssize_t size) {
    if (size == 0) return;
    if (size < 0) {
      (void)uv_read_stop(stream);
      --open_stream_count_;
      return settle();
    }
    const std::string_view got(piece_, static_cast<std::size_t>(size));
    if (stream == reinterpret_cast<uv_stream_t*>(&output_)) {
      text_ += got;
      if (text_.size() > list_bytes_max) {
        finish(Error{fmt::format("{}: it printed more than {} bytes", name_, list_bytes_max)});
      }
      return;
    }
    complaint_ += got;
    if (complaint_.size() > complaint_bytes_max) {
      complaint_.erase(0, complaint_.size() - complaint_bytes_max);
    }
  }

  void on_exit(std::int64_t code, int signal_number) {
    is_running_ = false;
    if (signal_number != 0) {
      failure_ = fmt::format("{}: ended by signal {}", name_, signal_number);
    } else if (code != 0) {
      failure_ = fmt::format("{}: exit code {}", name_, code);
    }
    settle();
  }

  // It ended, and nobody holds its output any more.
  void settle() {
    if (is_running_ || open_stream_count_ != 0) return;
    if (failure_.empty()) return finish(std::move(text_));
    finish(Error{failure_ + complaint_of(complaint_)});
  }

  void on_limit() {
    if (!failure_.empty() && group_ == 0) return finish(Error{failure_});
    const char* what =
        is_running_ ? "did not end within" : "left a process that kept its output for";
    finish(Error{fmt::format("{}: it {} {}{}", name_, what, config::show_duration(timeout_),
                             complaint_of(complaint_))});
  }

  void fail_soon(std::string why) {
    failure_ = std::move(why);
    start_limit({});
  }

  void start_limit(core::Duration after) {
    uv_timer_start(
        &limit_, [](uv_timer_t* timer) { static_cast<CommandRun*>(timer->data)->on_limit(); },
        static_cast<std::uint64_t>(after.ns / 1'000'000), 0);
  }

  void finish(Result<std::string> outcome) {
    kill_group();
    if (!done_) return;
    const auto done = std::exchange(done_, nullptr);
    done(std::move(outcome));  // may end this run
  }

  // A number is not given to another group while any process of this one lives, and is asked for no
  // more once all that held its output are gone.
  void kill_group() {
    if (group_ == 0) return;
    const bool is_over = !is_running_ && open_stream_count_ == 0;
    if (!is_over) (void)kill(-group_, SIGKILL);
    group_ = 0;
  }

  uv_loop_t* loop_;
  std::string name_;
  core::Duration timeout_;
  std::function<void(Result<std::string>)> done_;
  std::string text_, complaint_, failure_;
  bool is_running_ = false;
  int open_stream_count_ = 0;
  pid_t group_ = 0;
  char piece_[16384] = {};
  uv_timer_t limit_{};
  uv_pipe_t output_{}, complaints_{};
  uv_process_t process_{};
};

}  // namespace

Source start_run(uv_loop_t* loop, const std::vector<std::string>& command, core::Duration timeout,
                 std::function<void(Result<std::string>)> done) {
  auto* run = new CommandRun(loop, command.front(), timeout, std::move(done));
  run->start(command);
  return Source(run);
}

}  // namespace ringfence::agent::discovery
