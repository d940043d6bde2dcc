// ringfenced: reads the command line and the configuration, then runs the daemon.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/daemon/run.hpp"
#include "agent/daemon/version.hpp"
#include "agent/mesh/settings.hpp"

namespace ringfence::agent {
namespace {

constexpr const char* default_path = "/etc/ringfence/ringfenced.toml";
constexpr int exit_usage = 64;   // EX_USAGE of sysexits.h
constexpr int exit_config = 78;  // EX_CONFIG

constexpr const char* description =
    "The agent of one host: it watches the memcacheds, agrees on the ring, publishes it in shared\n"
    "memory, and serves memcached's protocol on a local port.";

constexpr const char* examples =
    "Examples:\n"
    "  ringfenced                                  the default file, or 127.0.0.1:11210 in front "
    "of\n"
    "                                              one memcached on 127.0.0.1:11211\n"
    "  ringfenced --config FILE --check-config     is this file right?\n"
    "  ringfenced --config FILE --state-dir ./state --segment-dir ./segments --control ./c.sock\n"
    "                                              without root\n"
    "  ringfenced --instance b --config b.toml     a second agent on this host\n"
    "\n"
    "kill -HUP reloads the configuration (so does saving the file); kill -TERM lets open requests\n"
    "finish. `ringfencectl status` shows what the agent sees.";

struct Options {
  std::string config_path, cluster, instance, state_dir, segment_dir, control, log_level;
  bool is_check = false, has_instance = false;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--config", options.config_path,
                 fmt::format("the configuration (TOML); without it {} if that exists, else the "
                             "built-in default",
                             default_path));
  app.add_option("--cluster", options.cluster, "the fleet's name");
  app.add_option("--instance", options.instance, "tells several agents on one host apart");
  app.add_option("--state-dir", options.state_dir, "identity and the engine's log");
  app.add_option("--segment-dir", options.segment_dir, "where the shared memory's files are");
  app.add_option("--control", options.control, "the control socket");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  app.add_flag("--check-config", options.is_check, "check the configuration, say so, and end");
  app.set_version_flag("--version", std::string("ringfenced ") + daemon::version);
  app.footer(examples);
}

// The command line wins over the file, also after a reload.
void apply_options(const Options& options, config::Config& config) {
  const auto override_with = [](const std::string& given, std::string& field) {
    if (!given.empty()) field = given;
  };
  override_with(options.cluster, config.cluster);
  if (options.has_instance) config.instance = options.instance;
  override_with(options.state_dir, config.state_dir);
  override_with(options.segment_dir, config.segment_dir);
  override_with(options.control, config.control.listen);
  override_with(options.log_level, config.log.level);
}

Result<config::Config> read_config(const Options& options) {
  if (!options.config_path.empty()) return config::load_config(options.config_path);
  if (access(default_path, F_OK) == 0) return config::load_config(default_path);
  return config::default_config();
}

std::string count_text(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// What only a start would find, besides what the file's reader checks.
int check(const config::Config& config) {
  const bool has_mesh = !config.mesh.listen.empty() || !config.mesh.seeds.empty();
  if (has_mesh) {
    const Result<mesh::MeshSettings> settings = mesh::mesh_settings(config);
    if (!settings) {
      fmt::print(stderr, "ringfenced: {}\n", settings.error().message);
      return exit_config;
    }
  }
  std::size_t backend_count = 0;
  for (const config::PoolConfig& pool : config.pools) backend_count += pool.backends.size();
  fmt::print("ok: {}, {}\n", count_text(config.pools.size(), "pool"),
             count_text(backend_count, "backend"));
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{description, "ringfenced"};
  Options options;
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  options.has_instance = app.count("--instance") != 0;
  Result<config::Config> config = read_config(options);
  if (!config) {
    fmt::print(stderr, "ringfenced: {}\n", config.error().message);
    return exit_config;
  }
  const daemon::Overrides overrides = [&options](config::Config& loaded) {
    apply_options(options, loaded);
  };
  overrides(config.value());
  if (options.is_check) return check(config.value());
  return daemon::run(config.value(), overrides);
}

}  // namespace
}  // namespace ringfence::agent

int main(int argc, char** argv) {
  // Where everything on the host is preloaded: nothing may stand between the agent and its own
  // port.
  setenv("RINGFENCE_PRELOAD", "off", 1);
  return ringfence::agent::run(argc, argv);
}
