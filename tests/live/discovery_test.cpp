// Backends that come and go by what files, commands, DNS and other hosts say, under load.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "tests/live/support/agents.hpp"
#include "tests/live/support/dns_server.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/witness.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

std::string lines_of(const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) text += address + "\n";
  return text;
}

void write_beside_and_rename(const std::string& path, const std::string& text) {
  write_file(path + ".tmp", text);
  ASSERT_EQ(std::rename((path + ".tmp").c_str(), path.c_str()), 0);
}

json source_of(const Agent& agent) {
  const json pools = agent.ask("status").value("pools", json::array());
  if (pools.empty() || pools[0].value("sources", json::array()).empty()) return json::object();
  return pools[0].at("sources")[0];
}

void wait_trouble(const Agent& agent, const std::string& part) {
  EXPECT_TRUE(wait_until([&] {
    return source_of(agent).value("trouble", "").find(part) != std::string::npos;
  })) << source_of(agent);
}

// Of the newest change that says this.
json change_with(const Agent& agent, const std::string& what) {
  const json history = agent.ask("history").value("changes", json::array());
  json found = json::object();
  for (const json& change : history) {
    if (change.value("what", "").find(what) == std::string::npos) continue;
    if (change.value("epoch", 0) > found.value("epoch", 0)) found = change;
  }
  return found;
}

// An agent whose backends come from elsewhere: of `memcacheds`, none stands in its file.
AgentSettings without_list(const std::string& pool_lines) {
  AgentSettings settings = impatient({});
  settings.pool_lines += pool_lines;
  return settings;
}

class DiscoveryFile : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("backends"); }
  void start(const std::vector<std::string>& listed) {
    write_file(path(), lines_of(listed));
    agent_.emplace(without_list("backends_file = \"" + path() + "\"\n"));
    agent_->wait_serving(listed.size());
  }
  TempDir dir_;
  std::vector<Memcached> memcacheds_ = start_memcacheds(3);
  std::vector<std::string> all_ = addresses_of(memcacheds_);
  std::optional<Agent> agent_;
};

TEST_F(DiscoveryFile, RewrittenAndRenamedOverUnderLoadThenBackendsComeAndGo) {
  start({all_[0], all_[1]});
  Witness witness{agent_->port_address()};

  write_beside_and_rename(path(), "# three\n" + lines_of(all_));
  agent_->wait_serving(3);
  EXPECT_NE(change_with(*agent_, "admitted " + all_[2]).value("why", "").find("file " + path()),
            std::string::npos);

  write_file(path(), lines_of({all_[0], all_[2]}));  // in place
  agent_->wait_serving(2);
  EXPECT_EQ(agent_->backend(all_[1]).value("slots", 0), 0);
  EXPECT_EQ(change_with(*agent_, "removed " + all_[1]).value("why", ""),
            "no source lists it any more");

  EXPECT_EQ(witness.stop(), "");
  EXPECT_GT(witness.request_count(), 100U);
}

TEST_F(DiscoveryFile, WrongLineEmptyOrGoneThenNothingIsTakenAwayAndStatusSaysSinceWhen) {
  start({all_[0], all_[1]});
  const std::uint64_t epoch = agent_->epoch();

  write_beside_and_rename(path(), all_[0] + "\nnonsense\n");
  wait_trouble(*agent_, path() + ":2: ");
  write_beside_and_rename(path(), "");
  wait_trouble(*agent_, "lists nothing any more");
  ASSERT_EQ(std::remove(path().c_str()), 0);
  wait_trouble(*agent_, "No such file");

  EXPECT_GE(source_of(*agent_).value("trouble_age_ms", -1), 0);
  EXPECT_EQ(agent_->epoch(), epoch);
  EXPECT_EQ(agent_->backend(all_[1]).value("state", ""), "serving");

  write_beside_and_rename(path(), lines_of({all_[0]}));
  agent_->wait_serving(1);
  EXPECT_EQ(source_of(*agent_).value("trouble", "none"), "");
}

TEST_F(DiscoveryFile, EmptyWhenTheAgentStartsAgainThenItsBackendsStay) {
  start({all_[0], all_[1]});
  EXPECT_EQ(agent_->terminate(), 0);
  write_file(path(), "");

  agent_->start();

  agent_->wait_serving(2);
  wait_trouble(*agent_, "lists nothing any more");
  EXPECT_FALSE(source_of(*agent_).value("has_listed", true));
}

TEST_F(DiscoveryFile, RemovedByACommandThenItStaysOutWhateverTheFileSaysUntilAnAdd) {
  start(all_);
  const json request{{"command", "backend_remove"}, {"address", all_[0]}};
  ASSERT_TRUE(agent_->ask_json(request).value("ok", false));
  agent_->wait_serving(2);

  write_beside_and_rename(path(), "# again\n" + lines_of(all_));
  write_beside_and_rename(path(),
                          lines_of({all_[0] + " weight=2", all_[1], all_[2] + " weight=2"}));
  EXPECT_TRUE(wait_until([&] { return agent_->backend(all_[2]).value("weight", 0) == 2; }));
  EXPECT_EQ(agent_->backend(all_[0]), json::object());
  EXPECT_EQ(change_with(*agent_, "removed " + all_[0]).value("why", ""), "`backend remove`");
  EXPECT_NE(change_with(*agent_, "removed " + all_[0]).value("who", "").find("uid "),
            std::string::npos);

  const json add{{"command", "backend_add"}, {"address", all_[0]}, {"weight", 1}};
  ASSERT_TRUE(agent_->ask_json(add).value("ok", false));
  agent_->wait_serving(3);
}

class DiscoveryExec : public testing::Test {
 protected:
  void write_script(const std::string& text) {
    write_beside_and_rename(script(), "#!/bin/sh\n" + text);
    ASSERT_EQ(chmod(script().c_str(), S_IRWXU), 0);
  }
  [[nodiscard]] std::string script() const { return dir_.file("list"); }
  [[nodiscard]] std::string lines() const {
    return "backends_exec = [\"" + script() + "\", \"" + dir_.file("printed") +
           "\"]\nexec_interval = \"200ms\"\nexec_timeout = \"1s\"\n";
  }
  TempDir dir_;
  std::vector<Memcached> memcacheds_ = start_memcacheds(2);
  std::vector<std::string> all_ = addresses_of(memcacheds_);
};

TEST_F(DiscoveryExec, WhatItPrintsThenBackendsComeAndGoAndFailuresTakeNothingAway) {
  write_file(dir_.file("printed"), all_[0] + "\n" + all_[1]);
  write_script("cat \"$1\"\n");
  Agent agent{without_list(lines())};
  agent.wait_serving(2);
  Witness witness{agent.port_address()};

  write_script("cat \"$1\"; echo 'no credentials' >&2; exit 3\n");
  wait_trouble(agent, "exit code 3: no credentials");
  write_script("sleep 600 & echo $! >\"$1.pid\"; wait\n");
  wait_trouble(agent, "did not end within 1s");
  write_script("sleep 600 & echo $! >\"$1.left\"\n");
  wait_trouble(agent, "left a process that kept its output");
  write_script("yes 10.0.0.1:11211\n");
  wait_trouble(agent, "printed more than");
  write_script("kill -SEGV $$\n");
  wait_trouble(agent, "ended by signal");
  agent.wait_serving(2);

  write_file(dir_.file("printed"), all_[1] + "\n");
  write_script("cat \"$1\"\n");
  agent.wait_serving(1);
  EXPECT_EQ(agent.backend(all_[1]).value("state", ""), "serving");
  EXPECT_EQ(witness.stop(), "");
  for (const char* name : {"printed.pid", "printed.left"}) {
    // The command was killed with what it had started.
    const pid_t left = std::stoi(read_file(dir_.file(name)));
    EXPECT_TRUE(wait_until([&] { return is_gone(left); })) << name;
  }
}

TEST_F(DiscoveryExec, CannotBeStartedThenStatusSaysWhyAndTheAgentGoesOn) {
  Agent agent{[&] {
    AgentSettings settings = without_list(lines());
    settings.backends = {all_[0]};
    return settings;
  }()};
  agent.wait_serving(1);
  wait_trouble(agent, "could not be started: no such file");
}

TEST(DiscoveryDns, RecordsChangeUnderLoadThenBackendsFollowAndFailuresTakeNothingAway) {
  const std::string port = std::to_string(free_port());
  std::vector<Memcached> memcacheds;
  std::vector<std::string> all;
  for (const char* ip : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {
    memcacheds.push_back(Memcached::at(std::string(ip) + ":" + port));
    all.push_back(memcacheds.back().address());
  }
  DnsServer server({"127.0.0.1", "127.0.0.2"});
  Agent agent{without_list("backends_dns = [\"cache.test.example:" + port +
                           "\"]\ndns_servers = [\"" + server.address() +
                           "\"]\ndns_ttl_min = \"200ms\"\n")};
  agent.wait_serving(2);
  Witness witness{agent.port_address()};

  server.set({"127.0.0.2", "127.0.0.3"});
  EXPECT_TRUE(wait_until([&] {
    return agent.backend(all[2]).value("state", "") == "serving" && agent.backend(all[0]).empty();
  })) << agent.ask("status");
  EXPECT_NE(
      change_with(agent, "admitted " + all[2]).value("why", "").find("dns cache.test.example"),
      std::string::npos);

  server.set(DnsServer::Mood::fails);
  wait_trouble(agent, "cache.test.example: ");
  server.set(std::vector<std::string>{});
  server.set(DnsServer::Mood::answers);
  wait_trouble(agent, "lists nothing any more");
  server.set(DnsServer::Mood::is_silent);
  wait_trouble(agent, "Timeout");
  agent.wait_serving(2);

  server.set({"127.0.0.1", "127.0.0.2", "127.0.0.3"});
  server.set(DnsServer::Mood::answers);
  agent.wait_serving(3);
  EXPECT_EQ(witness.stop(), "");
}

TEST(DiscoveryDns, AnswersForOneKindOfAddressAloneThenTheOtherOneIsWaitedFor) {
  DnsServer server({"127.0.0.1"});
  server.set(DnsServer::Mood::answers_ip4_alone);
  Agent agent{without_list("backends_dns = [\"cache.test.example:1\"]\ndns_servers = [\"" +
                           server.address() + "\"]\ndns_ttl_min = \"100ms\"\n")};
  wait_trouble(agent, "cache.test.example: ");
  EXPECT_FALSE(source_of(agent).value("has_listed", true));

  server.set(DnsServer::Mood::answers);
  EXPECT_TRUE(wait_until([&] { return source_of(agent).value("backends", 0) == 1; }));
}

TEST(DiscoveryDns, TtlThenItIsAskedAgainNoSoonerThanThat) {
  DnsServer server({"127.0.0.1"}, 3600);
  Agent agent{without_list("backends_dns = [\"cache.test.example:1\"]\ndns_servers = [\"" +
                           server.address() + "\"]\ndns_ttl_min = \"100ms\"\n")};
  EXPECT_TRUE(wait_until([&] { return source_of(agent).value("backends", 0) == 1; }));
  const std::uint64_t count = server.question_count();

  pass(Milliseconds{1000});

  EXPECT_EQ(server.question_count(), count);
}

TEST(DiscoveryAnnounce, EachOfThreeHostsOffersItsOwnThenAllServeOnAllAndOneThatIsAwayKeepsIts) {
  auto agents = Agents::not_started(3, 3);
  const std::vector<std::string> all = addresses_of(agents->memcacheds());
  agents->set_backends({});
  for (std::size_t i = 0; i < 3; ++i) {
    agents->set_pool_lines("announce = [\"" + all[i] + "\"]\n");
    agents->start(i);
  }
  agents->wait_agreed();
  expect_one_cache(*agents, "announced");
  const std::size_t leads = agents->leader();
  bool is_named = false;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string by = (*agents)[leads].backend(all[i]).value("asked_by", "");
    is_named = is_named || by.find("listed by announce on ") == 0;
  }
  EXPECT_TRUE(is_named);

  const std::size_t away = agents->follower();
  EXPECT_EQ(agents->terminate(away), 0);
  (*agents)[leads].wait_serving(3);
  agents->start(away);
  agents->wait_agreed();
}

}  // namespace
}  // namespace ringfence::live
