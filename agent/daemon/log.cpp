#include "agent/daemon/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace ringfence::agent::daemon {
namespace {

bool is_under_journald() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  return stream != nullptr && *stream != '\0';
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// sd-daemon(3): the level before each line.
int journal_priority(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return LOG_DEBUG;
    case LogLevel::info:
      return LOG_INFO;
    case LogLevel::warning:
      return LOG_WARNING;
    case LogLevel::error:
      return LOG_ERR;
  }
  return LOG_INFO;
}

spdlog::level::level_enum level_named(const std::string& name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "warning") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return spdlog::level::info;
}

}  // namespace

void start_log(const std::string& level) {
  if (!spdlog::get("ringfenced")) {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>("ringfenced", std::move(sink));
    logger->flush_on(spdlog::level::debug);
    logger->set_pattern(is_under_journald() ? "%v" : "%Y-%m-%d %H:%M:%S.%e %l: %v");
    spdlog::set_default_logger(std::move(logger));
  }
  spdlog::set_level(level_named(level));
}

void log_line(LogLevel level, std::string_view text) {
  static const bool has_priorities = is_under_journald();
  if (has_priorities) {
    spdlog::log(spdlog_level(level), "<{}>{}", journal_priority(level), text);
  } else {
    spdlog::log(spdlog_level(level), "{}", text);
  }
}

}  // namespace ringfence::agent::daemon
