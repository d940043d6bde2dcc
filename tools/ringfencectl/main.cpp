// ringfencectl: asks an agent about the view and the fleet, and tells it to change them.
// Exit codes: 0 done; 1 the agent said no, or agents differ; 2 the agent cannot be reached; 64
// usage.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "tools/ringfencectl/control_client.hpp"
#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/live_view.hpp"
#include "tools/ringfencectl/show.hpp"

namespace ringfence::tools {
namespace {

constexpr int exit_done = 0;
constexpr int exit_no = 1;
constexpr int exit_unreachable = 2;
constexpr int exit_usage = 64;  // EX_USAGE of sysexits.h

constexpr const char* agree_help =
    "Asks each agent of the view which epoch it publishes, the digest of that view, and since "
    "when.\n"
    "One digest on all is the proof that every host routes alike. An agent that is gone shows as\n"
    "gone and fails nothing: its lease is over, so its host misses.\n"
    "Exit: 0 all that are connected agree; 1 one differs or does not answer within a second, or\n"
    "there is no fleet yet.";
constexpr const char* peers_help =
    "Every agent of the view, and who else is connected: its place in the fleet, since when it is\n"
    "connected or gone, the last round trip and the bytes of this connection. Below that, the\n"
    "addresses (mesh.seeds and the agents' own) where nobody answers, with the last error. A key\n"
    "that differs, a firewall and a wrong address show here.";
constexpr const char* history_help =
    "Each change of the view has an epoch. propose: until the change was committed; fence: until\n"
    "each agent had fenced the slots that move, or its lease had ended; activate: until the new\n"
    "view was committed. The leader of a change measures; \"-\" is what this agent cannot know.";
constexpr const char* where_help =
    "The slot comes from the key alone and never changes. The slot's generation grows with each\n"
    "change of its owner and is part of the key on the wire, so an old value is never found again.";
constexpr const char* plan_help =
    "Computed by the same function as the real change, from the view as this agent holds it; "
    "other\n"
    "changes that come meanwhile, or in the same step, are not in it. Each slot is 1/65536 of the\n"
    "keys. Keys that move miss once; all others stay where they are, and are not paused.";
constexpr const char* bootstrap_help =
    "At a first start the fleet forms by itself once a majority of this agent and its seeds see\n"
    "each other. Where that cannot be (most of them do not exist yet), run this on ONE host: it\n"
    "forms the fleet alone, and the others join it. Run on two hosts that cannot see each other "
    "it\n"
    "makes two fleets, so it refuses an agent that belongs to one already.";

struct Options {
  std::string control = "/run/ringfence/control.sock";
  bool is_json = false;
  bool is_watched = false;
  std::string note;
  std::string command;
  std::string key;
  std::string pool;
  std::string address;
  std::string change;  // of plan
  unsigned weight = 1;
};

Style style_of_output() {
  Style style;
  style.has_colour = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  std::string locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (const char* value = std::getenv(name); locale.empty() && value != nullptr) {
      locale = value;
    }
  }
  style.is_ascii = isatty(STDOUT_FILENO) == 1 && locale.find("UTF-8") == std::string::npos &&
                   locale.find("utf8") == std::string::npos;
  return style;
}

void add_commands(CLI::App& app, Options& options) {
  const auto add = [&](CLI::App& parent, const char* name, const std::string& command,
                       const char* text) {
    CLI::App* added = parent.add_subcommand(name, text)->fallthrough();
    added->callback([&options, command] { options.command = command; });
    return added;
  };
  CLI::App* status = add(app, "status", "status", "this agent, its pools and their backends");
  status->add_flag("--watch", options.is_watched, "show it live until Ctrl-C");
  status->add_option("--note", options.note, "with --watch on a terminal: text below the view");
  add(app, "view", "view", "everything the fleet agrees on, as this agent holds it");
  add(app, "history", "history", "the last changes of the view: what, why, who, how long")
      ->footer(history_help);
  add(app, "shims", "shims", "what the processes on this host count about their own requests");
  add(app, "agree", "agree", "whether all live agents hold the same epoch and digest")
      ->footer(agree_help);
  add(app, "peers", "peers", "the fleet's agents, and the connections to them")->footer(peers_help);
  add(app, "bootstrap", "bootstrap", "form a fleet of this agent without waiting for its seeds")
      ->footer(bootstrap_help);
  CLI::App* where = add(app, "where", "where", "where a key goes, and how it is sent");
  where->footer(where_help);
  where->add_option("KEY", options.key, "the key as the application writes it")->required();
  where->add_option("--pool", options.pool, "the pool, where there are several");
  CLI::App* backend = app.add_subcommand("backend", "change the backends")->fallthrough();
  backend->require_subcommand(1);
  CLI::App* add_backend =
      add(*backend, "add", "backend_add", "let a memcached serve, flushed first");
  add_backend->add_option("--weight", options.weight, "its part of the ring, 1 to 1000")
      ->check(CLI::Range(1, 1000));
  CLI::App* remove = add(*backend, "remove", "backend_remove", "take a memcached out");
  CLI::App* drain =
      add(*backend, "drain", "backend_drain", "move its slots away, then take it out");
  for (CLI::App* each : {add_backend, remove, drain}) {
    each->add_option("ADDRESS", options.address, "host:port, [v6]:port or a unix path")->required();
    each->add_option("--pool", options.pool, "the pool, where there are several");
  }
}

void add_plans(CLI::App& app, Options& options) {
  CLI::App* plan = app.add_subcommand("plan", "what a change would move, without doing it");
  plan->fallthrough()->require_subcommand(1)->footer(plan_help);
  const auto add = [&](const char* change, const char* text) {
    CLI::App* added = plan->add_subcommand(change, text)->fallthrough();
    added->callback([&options, change] {
      options.command = "plan";
      options.change = change;
    });
    added->add_option("ADDRESS", options.address, "host:port, [v6]:port or a unix path")
        ->required();
    added->add_option("--pool", options.pool, "the pool, where there are several");
    return added;
  };
  add("add", "let a memcached serve")
      ->add_option("N", options.weight, "its weight, 1 to 1000")
      ->check(CLI::Range(1, 1000));
  add("remove", "take a memcached out");
  add("weight", "give a memcached another part of the ring")
      ->add_option("N", options.weight, "its weight, 1 to 1000")
      ->check(CLI::Range(1, 1000))
      ->required();
}

std::string request_of(const Options& options) {
  Json request{{"command", options.command}};
  if (!options.key.empty()) {
    request["key"] = options.key;
  }
  if (!options.pool.empty()) {
    request["pool"] = options.pool;
  }
  if (!options.address.empty()) {
    request["address"] = options.address;
  }
  if (options.command == "backend_add" || options.command == "plan") {
    request["weight"] = options.weight;
  }
  if (!options.change.empty()) {
    request["change"] = options.change;
  }
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_for_people(const Options& options, const Json& reply) {
  const Style style = style_of_output();
  if (options.command == "status") {
    return show_status(reply, {}, style);
  }
  if (options.command == "view") {
    return show_view(reply, style);
  }
  if (options.command == "where") {
    return show_where(reply, options.key);
  }
  if (options.command == "history") {
    return show_history(reply, style);
  }
  if (options.command == "plan") {
    return show_plan(reply, style);
  }
  if (options.command == "shims") {
    return show_shims(reply, style);
  }
  if (options.command == "agree") {
    return show_agree(reply, style);
  }
  if (options.command == "peers") {
    return show_peers(reply, style);
  }
  const std::string text = text_of(reply, "text");
  return (text.empty() ? "done" : text) + "\n";
}

int report_unreachable(const Error& error) {
  fmt::print(stderr, "ringfencectl: {}\n", error.message);
  return exit_unreachable;
}

std::string reason_of(const Options& options, const Json& reply) {
  const std::string error = text_of(reply, "error");
  const bool is_unknown = error.find("unknown command") != std::string::npos;
  return options.command == "backend_drain" && is_unknown
             ? "this agent's version cannot drain; `backend remove` takes the instance out at once"
             : error;
}

int ask_once(const Options& options) {
  Result<ControlClient> client = ControlClient::connect(options.control);
  if (!client) {
    return report_unreachable(client.error());
  }
  const Result<std::string> line = client.value().ask(request_of(options));
  if (!line) {
    return report_unreachable(line.error());
  }
  const Json reply = Json::parse(line.value(), nullptr, false);
  if (reply.is_discarded() || !reply.is_object()) {
    return report_unreachable({options.control + " does not speak an agent's language: is another "
                                                 "program behind this socket?"});
  }
  const bool is_ok = flag_of(reply, "ok");
  if (options.is_json) {
    fmt::print("{}\n", reply.dump(2));
  } else if (is_ok) {
    fmt::print("{}", text_for_people(options, reply));
  }
  if (!is_ok) {
    fmt::print(stderr, "ringfencectl: {} refused: {}\n", options.command,
               reason_of(options, reply));
    return exit_no;
  }
  const bool do_differ = options.command == "agree" && !flag_of(reply, "agrees");
  return do_differ ? exit_no : exit_done;
}

int watch(const Options& options) {
  const Style style = style_of_output();
  const Status outcome = run_live_view(
      {options.control, options.is_json, isatty(STDOUT_FILENO) == 1, options.note, style});
  return outcome ? exit_done : report_unreachable(outcome.error());
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Asks a ringfence agent about the view and the fleet, and tells it to change them.\n"
      "Exit: 0 done, 1 refused or agents differ, 2 agent not reached, 64 usage."};
  app.set_version_flag("--version", RINGFENCE_VERSION);
  app.add_option("--control", options.control, "the agent's control socket")->capture_default_str();
  app.add_flag("--json", options.is_json, "the agent's answer as JSON");
  app.require_subcommand(1);
  add_commands(app, options);
  add_plans(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }
  return options.is_watched ? watch(options) : ask_once(options);
}

}  // namespace
}  // namespace ringfence::tools

int main(int argc, char** argv) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // a closed pager is not an error to die of
  return ringfence::tools::run(argc, argv);
}
