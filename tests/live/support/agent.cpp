#include "tests/live/support/agent.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "shm_layout/layout.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

constexpr std::size_t log_bytes_shown = 8000;

std::string quoted_list(const std::vector<std::string>& items) {
  return json(items).dump();  // a list of JSON strings is a list of TOML strings
}

// All backends of all pools in a status.
std::vector<json> backends_in(const json& status) {
  std::vector<json> backends;
  for (const json& pool : status.value("pools", json::array())) {
    for (const json& backend : pool.value("backends", json::array())) {
      backends.push_back(backend);
    }
  }
  return backends;
}

}  // namespace

json ask_control(const std::string& path, const json& request) {
  try {
    TextClient client{path};
    client.send(request.dump() + "\n");
    std::string line;
    for (std::string byte = client.read_bytes(1); byte != "\n"; byte = client.read_bytes(1)) {
      line += byte;
    }
    return json::parse(line);
  } catch (const std::exception& error) {
    return json{{"ok", false}, {"error", error.what()}};
  }
}

Agent::Agent(AgentSettings settings)
    : segment_dir_(TempDir::on_tmpfs()), port_(free_port()), settings_(std::move(settings)) {
  write_file(config_path(), config_text());
  start();
}

Agent::~Agent() {
  if (testing::Test::HasFailure()) {
    const std::string text = log();
    const std::size_t from = text.size() > log_bytes_shown ? text.size() - log_bytes_shown : 0;
    std::cerr << "--- end of the agent's log\n" << text.substr(from) << "---\n";
  }
}

std::string Agent::config_text() const {
  std::string text;
  text += "cluster = \"test\"\ninstance = \"" + settings_.instance + "\"\n";
  text += "state_dir = \"" + state_dir() + "\"\n";
  text += "segment_dir = \"" + segment_dir_.path() + "\"\n";
  text += settings_.top_lines + "\n";
  text += "[control]\nlisten = \"" + control() + "\"\n";
  text += settings_.table_lines + "\n";
  text += "[[pool]]\nname = \"default\"\n";
  text += "listen = " + quoted_list({port_address(), unix_address()}) + "\n";
  text += "backends = " + quoted_list(settings_.backends) + "\n";
  text += std::string("tags = ") + (settings_.has_tags ? "true" : "false") + "\n";
  text += settings_.pool_lines + "\n";
  return text;
}

void Agent::start() {
  child_.emplace(std::vector<std::string>{program("ringfenced"), "--config", config_path()},
                 log_path());
}

void Agent::kill() {
  child_->kill_and_wait();
}

int Agent::terminate() {
  child_->signal(SIGTERM);
  const std::optional<int> status = child_->wait();
  if (!status) {
    throw std::runtime_error("the agent did not end within the limit after SIGTERM");
  }
  return WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
}

void Agent::reload() {
  child_->signal(SIGHUP);
}

void Agent::reconfigure(AgentSettings settings) {
  settings_ = std::move(settings);
  write_file(config_path(), config_text());
}

json Agent::ask(const std::string& command) const {
  return ask_json(json{{"command", command}});
}

json Agent::ask_json(const json& request) const {
  return ask_control(control(), request);
}

json Agent::backend(const std::string& address) const {
  for (json& backend : backends_in(ask("status"))) {
    if (backend.value("address", "") == address) {
      return backend;
    }
  }
  return json::object();
}

std::uint64_t Agent::epoch() const {
  return ask("status").value("epoch", std::uint64_t{0});
}

std::string Agent::owner_of(const std::string& key) const {
  return ask_json(json{{"command", "where"}, {"key", key}}).value("backend", "");
}

void Agent::wait_ready() {
  wait_serving(settings_.backends.size());
}

void Agent::wait_serving(std::size_t count) {
  const auto is_serving = [this, count] {
    if (!child_->is_running()) {
      throw std::runtime_error("the agent ended; log: " + log());
    }
    const json status = ask("status");
    std::size_t serving = 0;
    std::int64_t slots = 0;
    for (const json& backend : backends_in(status)) {
      const bool is_one = backend.value("state", "") == "serving" && backend.value("slots", 0) > 0;
      serving += is_one ? 1 : 0;
      slots += is_one ? backend.value("slots", 0) : 0;
    }
    // A backend that is lost keeps its slots until the change is activated.
    const bool are_whole = slots > 0 && slots % shm_layout::slot_count == 0;
    return status.value("ok", false) && serving == count && are_whole &&
           !status.value("is_changing", false);
  };
  if (!wait_until(is_serving, patience, Milliseconds{10})) {
    throw std::runtime_error(std::to_string(count) + " backends should serve; status: " +
                             ask("status").dump() + "\nlog: " + log());
  }
}

void Agent::wait_backend(const std::string& address, const std::string& state) {
  const auto is_there = [&] { return backend(address).value("state", "") == state; };
  if (!wait_until(is_there, patience, Milliseconds{5})) {
    throw std::runtime_error(address + " should be " + state + "; it is " +
                             backend(address).dump());
  }
}

std::string Agent::segment() const {
  return segment_dir_.file(settings_.instance.empty() ? "test.default"
                                                      : "test-" + settings_.instance + ".default");
}

}  // namespace ringfence::live
