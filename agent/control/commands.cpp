#include "agent/control/commands.hpp"

#include <fmt/format.h>

#include "agent/config/config.hpp"
#include "agent/control/plan.hpp"
#include "agent/control/show.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::control {
namespace {

constexpr const char* known_commands =
    "status, view, agree, peers, where, history, shims, plan, bootstrap, backend_add, "
    "backend_remove, backend_drain";

// Replies hold keys and addresses as sent; bytes that are no UTF-8 must not stop the reply.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Json& request, const char* field) {
  const auto found = request.find(field);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The pool that a request means: the one it names, or the only one.
const core::Pool* pool_of(const Json& request, const core::NodeReport& report, std::string& error) {
  if (!report.view) {
    error = "there is no view yet; ask again in a moment";
    return nullptr;
  }
  const std::string name = text_of(request, "pool");
  if (name.empty() && report.view->pools.size() == 1) return &report.view->pools.front();
  const core::Pool* pool = name.empty() ? nullptr : report.view->find(name);
  if (pool != nullptr) return pool;
  std::string names;
  for (const core::Pool& known : report.view->pools) {
    names += (names.empty() ? "" : ", ") + known.name;
  }
  error = name.empty() ? "there are several pools; name one of: " + names
                       : "there is no pool '" + name + "'; the pools are: " + names;
  return nullptr;
}

std::string where(const CommandSource& source, const Json& request) {
  const std::string key = text_of(request, "key");
  if (key.empty() || key.size() > shim::key_bytes_max) {
    return error_reply("where needs a key of 1 to 250 bytes");
  }
  std::string error;
  const core::NodeReport report = source.report();
  const core::Pool* pool = pool_of(request, report, error);
  return pool == nullptr ? error_reply(error) : dump(where_json(source, *pool, key));
}

std::string who_is(const Peer& peer) {
  return fmt::format("uid {} (pid {})", peer.uid, peer.pid);
}

// The backend that a request names, with its weight.
Result<core::WantedBackend> backend_of(const Json& request) {
  Result<core::WantedBackend> backend = config::parse_backend(text_of(request, "address"));
  const auto weight = request.find("weight");
  if (!backend || weight == request.end() || weight->is_null()) return backend;
  if (!weight->is_number_unsigned() || weight->get<std::uint64_t>() < 1 ||
      weight->get<std::uint64_t>() > core::weight_max) {
    return Error{fmt::format("weight: a number from 1 to {}", core::weight_max)};
  }
  backend.value().weight = weight->get<std::uint32_t>();
  return backend;
}

std::string plan(const CommandSource& source, const Json& request) {
  std::string error;
  const core::NodeReport report = source.report();
  const core::Pool* pool = pool_of(request, report, error);
  if (pool == nullptr) return error_reply(error);
  const Result<core::WantedBackend> backend = backend_of(request);
  if (!backend) return error_reply(backend.error().message);
  const std::string change = text_of(request, "change");
  PlanAsked asked{PlanKind::add, backend.value().address, backend.value().weight};
  if (change == "remove") {
    asked.kind = PlanKind::remove;
  } else if (change == "weight") {
    asked.kind = PlanKind::weight;
  } else if (change != "add") {
    return error_reply("plan: change is one of add, remove, weight");
  }
  return dump(plan_json(*report.view, *pool, asked));
}

enum class BackendChange : std::uint8_t { add, remove, drain };

void change_backend(CommandSource& source, const Peer& peer, const Json& request,
                    BackendChange change, const ControlServer::Reply& reply) {
  if (!peer.may_change) {
    return reply(error_reply("only root and the agent's own user may change the fleet"));
  }
  std::string error;
  const core::NodeReport report = source.report();
  const core::Pool* pool = pool_of(request, report, error);
  if (pool == nullptr) return reply(error_reply(error));
  const Result<core::WantedBackend> parsed = backend_of(request);
  if (!parsed) return reply(error_reply(parsed.error().message));
  core::WantedBackend backend = parsed.value();
  backend.named_by = core::NamedBy::command;
  const auto done = [reply](bool is_ok, const std::string& text) {
    reply(is_ok ? dump({{"ok", true}, {"text", text}}) : error_reply(text));
  };
  switch (change) {
    case BackendChange::add:
      return source.add_backend(pool->name, backend, who_is(peer), done);
    case BackendChange::remove:
      return source.remove_backend(pool->name, backend.address, who_is(peer), done);
    case BackendChange::drain:
      return source.drain_backend(pool->name, backend.address, who_is(peer), done);
  }
}

void bootstrap(CommandSource& source, const Peer& peer, const ControlServer::Reply& reply) {
  if (!peer.may_change) {
    return reply(error_reply("only root and the agent's own user may change the fleet"));
  }
  source.bootstrap([reply](bool is_ok, const std::string& text) {
    reply(is_ok ? dump({{"ok", true}, {"text", text}}) : error_reply(text));
  });
}

}  // namespace

bool is_json_object(std::string_view line) {
  return Json::parse(line, nullptr, false).is_object();
}

std::string error_reply(const std::string& error) {
  return dump({{"ok", false}, {"error", error}});
}

void handle_command(CommandSource& source, const Peer& peer, const std::string& request_text,
                    const ControlServer::Reply& reply) {
  const Json request = Json::parse(request_text, nullptr, false);
  const std::string command = text_of(request, "command");
  if (command == "status") return reply(dump(status_json(source)));
  if (command == "view") return reply(dump(view_json(source)));
  if (command == "agree") {
    return source.agree([reply](const core::AgreeTold& told) { reply(dump(agree_json(told))); });
  }
  if (command == "bootstrap") return bootstrap(source, peer, reply);
  if (command == "peers")
    return reply(dump(peers_json(source.report(), source.connections(), source.now())));
  if (command == "history") return reply(dump(history_json(source)));
  if (command == "shims") return reply(dump(shims_json(source)));
  if (command == "plan") return reply(plan(source, request));
  if (command == "where") return reply(where(source, request));
  if (command == "backend_add") {
    return change_backend(source, peer, request, BackendChange::add, reply);
  }
  if (command == "backend_remove") {
    return change_backend(source, peer, request, BackendChange::remove, reply);
  }
  if (command == "backend_drain") {
    return change_backend(source, peer, request, BackendChange::drain, reply);
  }
  reply(error_reply("unknown command '" + command + "'; known: " + known_commands));
}

}  // namespace ringfence::agent::control
