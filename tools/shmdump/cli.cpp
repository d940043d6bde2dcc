#include "tools/shmdump/cli.hpp"

#include <CLI/CLI.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "shm_layout/segment_list.hpp"
#include "tools/shmdump/print.hpp"
#include "tools/shmdump/snapshot.hpp"
#include "tools/shmdump/source.hpp"

namespace ringfence::shmdump {
namespace {

constexpr int exit_usage = 64;              // sysexits.h EX_USAGE
constexpr std::size_t key_bytes_max = 250;  // memcached, protocol.txt "Keys"
constexpr const char* home_and_clear = "\x1b[H\x1b[J";

struct Options {
  std::string segment;
  std::vector<std::string> keys;
  bool is_json = false;
  bool is_watching = false;
  bool is_layout = false;
};

void describe_options(CLI::App& app, Options& options) {
  app.add_option("segment", options.segment,
                 "name, path or copy of a segment; by default $RINGFENCE_SEGMENT, else the only "
                 "one on this host");
  app.add_flag("--json", options.is_json, "for scripts: the same facts as JSON");
  app.add_option("--key", options.keys, "show where this key goes; may be given again")
      ->allow_extra_args(false)
      ->check([](const std::string& key) {
        return key.empty() || key.size() > key_bytes_max ? "a key has 1 to 250 bytes"
                                                         : std::string{};
      });
  app.add_flag("--watch", options.is_watching, "refresh every 500 ms");
  app.add_flag("--layout", options.is_layout, "print offset and size of every field");
  app.footer(
      "exit: 0 fresh, 1 stale, 2 absent or not readable, 3 other version, 4 damaged, 64 usage");
}

Snapshot look(const std::string& path, const std::vector<std::string>& keys) {
  const auto copy = SegmentCopy::read(path);
  Snapshot snapshot;
  if (copy) {
    snapshot = take_snapshot(copy.value().bytes(), moment_now(), keys);
    if (!copy.value().is_steady()) {
      snapshot.doubts.push_back("it changed all the while it was read: parts may not fit together");
    }
  } else {
    const bool is_irregular = copy.error().os_errno == EINVAL || copy.error().os_errno == EISDIR;
    snapshot.freshness = is_irregular ? Freshness::damaged : Freshness::absent;
    snapshot.reason = copy.error().message;
  }
  snapshot.path = path;
  return snapshot;
}

void show(const Snapshot& snapshot, const Options& options, const Surroundings& surroundings) {
  if (options.is_json) {
    surroundings.out << json_of(snapshot, options.is_watching ? -1 : 2) << '\n';
  } else if (options.is_watching && !surroundings.is_terminal) {
    surroundings.out << line_of(snapshot) << '\n';
  } else {
    const std::string text = text_of(snapshot, surroundings.is_terminal);
    surroundings.out << (options.is_watching ? home_and_clear : "") << text;
  }
  surroundings.out.flush();
  for (const std::string& doubt : snapshot.doubts) {
    surroundings.err << "shmdump: doubt: " << doubt << '\n';
  }
  if (!snapshot.is_whole && !options.is_watching) {
    surroundings.err << "shmdump: " << snapshot.reason << '\n';
  }
  surroundings.err.flush();
}

// The path of the segment that is meant; or empty, and `exit_code` says how to end.
std::string choose(const Options& options, const Surroundings& surroundings, int& exit_code) {
  const std::string& named =
      options.segment.empty() ? surroundings.named_by_environment : options.segment;
  if (!named.empty()) {
    return path_of(named, surroundings.directory);
  }
  const auto listed = shm_layout::list_segments(surroundings.directory);
  exit_code = static_cast<int>(Freshness::absent);
  if (!listed) {
    surroundings.err << "shmdump: " << listed.error().message << '\n';
    return {};
  }
  if (listed.value().size() == 1) {
    return listed.value().front();
  }
  if (listed.value().empty()) {
    surroundings.err << "shmdump: no segment in " << surroundings.directory
                     << ": is ringfenced running?\n";
    return {};
  }
  exit_code = exit_usage;
  surroundings.err << "shmdump: several segments: name one of them\n";
  for (const std::string& path : listed.value()) {
    surroundings.out << path << '\n';
  }
  return {};
}

}  // namespace

int run(int argument_count, const char* const* arguments, const Surroundings& surroundings) {
  CLI::App app("Shows what a ringfence segment says: live, a copy, or a file.", "shmdump");
  Options options;
  describe_options(app, options);
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure, surroundings.out, surroundings.err) == 0 ? 0 : exit_usage;
  }
  if (options.is_layout) {
    surroundings.out << layout_text();
    return 0;
  }
  int exit_code = 0;
  const std::string path = choose(options, surroundings, exit_code);
  if (path.empty()) {
    return exit_code;
  }
  do {
    const Snapshot snapshot = look(path, options.keys);
    show(snapshot, options, surroundings);
    exit_code = static_cast<int>(snapshot.freshness);
  } while (options.is_watching && surroundings.out.good() && surroundings.wait_a_turn());
  return exit_code;
}

}  // namespace ringfence::shmdump
