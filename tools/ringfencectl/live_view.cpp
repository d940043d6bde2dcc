#include "tools/ringfencectl/live_view.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "tools/ringfencectl/control_client.hpp"
#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/text.hpp"

namespace ringfence::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds ask_interval{250};
constexpr std::chrono::seconds line_interval{1};
constexpr std::chrono::milliseconds rate_window{750};  // shorter, and rates flicker

// Requests of each backend at a moment; two of them make rates.
struct Sample {
  Clock::time_point at;
  std::map<std::string, std::int64_t> requests;
};

Sample sample_of(const Json& status) {
  Sample sample{Clock::now(), {}};
  for (const Json& pool : part_of(status, "pools")) {
    for (const Json& backend : part_of(pool, "backends")) {
      sample.requests[rate_key(text_of(pool, "name"), text_of(backend, "address"))] =
          number_of(backend, "requests");
    }
  }
  return sample;
}

Rates rates_between(const Sample& before, const Sample& after) {
  const double elapsed_s = std::chrono::duration<double>(after.at - before.at).count();
  Rates rates;
  for (const auto& [key, requests] : after.requests) {
    const auto earlier = before.requests.find(key);
    if (earlier != before.requests.end() && requests >= earlier->second && elapsed_s > 0) {
      rates[key] = static_cast<double>(requests - earlier->second) / elapsed_s;
    }
  }
  return rates;
}

// What a line is written for when it changes: the epoch, who leads and who is here, and each
// backend's state.
std::string key_points(const Json& status) {
  std::string points = text_of(status, "epoch") + "|" + text_of(status, "leader");
  for (const Json& agent : part_of(status, "agents")) {
    points += "|" + text_of(agent, "name") + (flag_of(agent, "is_connected") ? " here" : " gone");
  }
  for (const Json& pool : part_of(status, "pools")) {
    for (const Json& backend : part_of(pool, "backends")) {
      points += "|" + text_of(backend, "address") + " " + text_of(backend, "state");
    }
  }
  return points;
}

class LiveView {
 public:
  explicit LiveView(const LiveSettings& settings) : settings_(settings) {}

  // One reply, or why there is none; keeps the connection while it works.
  [[nodiscard]] Result<Json> ask() {
    if (!client_) {
      Result<ControlClient> connected = ControlClient::connect(settings_.control_path);
      if (!connected) {
        return connected.error();
      }
      client_.emplace(std::move(connected).value());
    }
    const Result<std::string> reply = client_->ask(R"({"command":"status"})");
    if (!reply) {
      client_.reset();
      return reply.error();
    }
    Json status = Json::parse(reply.value(), nullptr, false);
    if (status.is_discarded() || !flag_of(status, "ok")) {
      return Error{"the agent refused: " + text_of(status, "error")};
    }
    return status;
  }

  [[nodiscard]] bool show(const Json& status) {
    Sample now = sample_of(status);
    if (!window_start_) {
      window_start_ = now;
    } else if (now.at - window_start_->at >= rate_window) {
      rates_ = rates_between(*window_start_, now);
      window_start_ = std::move(now);
    }
    last_answer_ = Clock::now();
    if (settings_.is_json) {
      return write(status.dump() + "\n");
    }
    if (settings_.is_terminal) {
      return redraw(show_status(status, rates_, settings_.style) + note());
    }
    return show_line_if_due(key_points(status), show_line(status, rates_));
  }

  [[nodiscard]] bool show_silence(const Error& error) {
    const auto silence = std::chrono::duration_cast<std::chrono::milliseconds>(
        Clock::now() - last_answer_.value_or(Clock::now()));
    const std::string text = fmt::format("no answer from the agent for {}: {}\n",
                                         age_text(silence.count()), error.message);
    if (settings_.is_terminal && !settings_.is_json) {
      return redraw(text + note());
    }
    return show_line_if_due("silent", text);
  }

 private:
  [[nodiscard]] std::string note() const {
    return settings_.note.empty() ? "" : "\n" + settings_.note + "\n";
  }

  [[nodiscard]] bool show_line_if_due(const std::string& points, const std::string& line) {
    if (points == points_ && Clock::now() - line_at_ < line_interval) {
      return true;
    }
    points_ = points;
    line_at_ = Clock::now();
    return write(line);
  }

  // Home, each line cleared behind its text, and everything below: no flicker.
  [[nodiscard]] static bool redraw(const std::string& text) {
    std::string screen = "\x1b[H";
    for (const char c : text) {
      screen += c == '\n' ? "\x1b[K\n" : std::string(1, c);
    }
    return write(screen + "\x1b[J");
  }

  [[nodiscard]] static bool write(const std::string& text) {
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
           std::fflush(stdout) == 0;
  }

  const LiveSettings& settings_;
  std::optional<ControlClient> client_;
  std::optional<Sample> window_start_;
  Rates rates_;
  std::optional<Clock::time_point> last_answer_;
  std::string points_;
  Clock::time_point line_at_{};
};

}  // namespace

Status run_live_view(const LiveSettings& settings) {
  LiveView view{settings};
  bool was_reached = false;
  while (true) {
    const Result<Json> status = view.ask();
    if (!status && !was_reached) {
      return status.error();
    }
    if (!was_reached && settings.is_terminal && !settings.is_json) {
      (void)std::fputs("\x1b[2J", stdout);  // once; later frames overwrite
    }
    was_reached = true;
    const bool is_written = status ? view.show(status.value()) : view.show_silence(status.error());
    if (!is_written) {
      return Done{};
    }
    std::this_thread::sleep_for(ask_interval);
  }
}

}  // namespace ringfence::tools
