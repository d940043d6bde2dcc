#include "agent/discovery/exec_source.hpp"

#include <utility>

#include "agent/discovery/command_run.hpp"

namespace ringfence::agent::discovery {
namespace {

class ExecSource final : public LoopOwned {
 public:
  ExecSource(uv_loop_t* loop, ExecSettings settings, const ListRules& rules, Told told)
      : loop_(loop), settings_(std::move(settings)), rules_(rules), told_(std::move(told)) {
    rules_.must_end = false;
    uv_timer_init(loop, &next_);
    own(next_);
  }

  void run() {
    run_ = start_run(loop_, settings_.command, settings_.timeout,
                     [this](Result<std::string> printed) { on_done(std::move(printed)); });
  }

  void end() override {
    run_.reset();
    told_ = nullptr;
    close(next_);
  }

 private:
  void on_done(Result<std::string> printed) {
    uv_timer_start(
        &next_, [](uv_timer_t* timer) { static_cast<ExecSource*>(timer->data)->run(); },
        static_cast<std::uint64_t>(settings_.interval.ns / 1'000'000), 0);
    told_(printed ? parse_list(printed.value(), settings_.command.front(), rules_)
                  : Result<List>(printed.error()));
    run_.reset();
  }

  uv_loop_t* loop_;
  ExecSettings settings_;
  ListRules rules_;
  Told told_;
  Source run_;
  uv_timer_t next_{};
};

}  // namespace

Source run_command(uv_loop_t* loop, const ExecSettings& settings, const ListRules& rules,
                   Told told) {
  auto* source = new ExecSource(loop, settings, rules, std::move(told));
  source->run();
  return Source(source);
}

}  // namespace ringfence::agent::discovery
