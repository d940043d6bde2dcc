// Node: commands and questions of people. The leader carries a command out, wherever it was given;
// the answer goes back the same way.
#include <algorithm>

#include "agent/core/node_parts.hpp"

namespace ringfence::agent::core {
namespace {

// An agent that is well answers within milliseconds.
constexpr Duration question_limit = 1_s;

constexpr const char* no_leader =
    "no quorum, or no agent leads the fleet at this moment: see `ringfencectl peers`, and ask "
    "again";

}  // namespace

void Node::Impl::on(const FlushAllAsked& event) {
  command({event.id, CommandKind::flush_all, event.pool, {}, event.who, 1});
}

void Node::Impl::on(const BackendAddAsked& event) {
  command({event.id, CommandKind::add_backend, event.pool, event.address, event.who, event.weight});
}

void Node::Impl::on(const BackendRemoveAsked& event) {
  command({event.id, CommandKind::remove_backend, event.pool, event.address, event.who, 1});
}

void Node::Impl::on(const BackendDrainAsked& event) {
  command({event.id, CommandKind::drain_backend, event.pool, event.address, event.who, 1});
}

void Node::Impl::command(CommandAsked asked) {
  asked.who = cut_text(asked.who);
  const bool is_elsewhere = !leader.is_leader() && member.leader().value != 0;
  if (!is_elsewhere) return carry_out(asked);
  asked.who = std::string(cut_text(asked.who + " on " + desk.settings.name));
  asked_of[asked.id] = member.leader();
  desk.send(member.leader(), asked);
}

void Node::Impl::carry_out(const CommandAsked& asked) {
  if (!leader.is_leader() && desk.replica.view()->agents.size() > 1) {
    desk.emit(Answer{asked.id, false, no_leader});
    return;
  }
  switch (asked.kind) {
    case CommandKind::flush_all:
      leader.on_flush_all({asked.id, asked.pool, asked.who});
      break;
    case CommandKind::add_backend:
      leader.on_backend_command(asked.id,
                                {asked.pool, asked.address, asked.weight, true, asked.who, false});
      break;
    case CommandKind::remove_backend:
    case CommandKind::drain_backend:
      leader.on_backend_command(asked.id, {asked.pool, asked.address, 1, false, asked.who,
                                           asked.kind == CommandKind::drain_backend});
      break;
  }
}

void Node::Impl::take(AgentId from, CommandAsked& message) {
  const RequestId id = desk.next_foreign_id();
  asked_by[id] = {from, message.id};
  message.id = id;
  carry_out(message);
}

void Node::Impl::take(AgentId from, CommandAnswered& message) {
  const auto found = asked_of.find(message.id);
  if (found == asked_of.end() || found->second != from) return;
  asked_of.erase(found);
  desk.emit(Answer{message.id, message.is_ok, std::string(cut_text(message.text))});
}

// The leader that was asked is gone or leads no more; what it did, nobody here knows.
void Node::Impl::answer_lost_commands() {
  for (auto place = asked_of.begin(); place != asked_of.end();) {
    if (peers.is_connected(place->second)) {
      ++place;
      continue;
    }
    desk.emit(Answer{place->first, false,
                     "the leader went away before it answered: see status, and ask again"});
    place = asked_of.erase(place);
  }
}

void Node::Impl::route_answers() {
  if (asked_by.empty()) return;
  for (Effect& effect : desk.effects) {
    const auto* answer = std::get_if<Answer>(&effect);
    if (answer == nullptr) continue;
    const auto found = asked_by.find(answer->id);
    if (found == asked_by.end()) continue;
    const auto [agent, id] = found->second;
    asked_by.erase(found);
    effect = SendMessage{
        agent, encode(CommandAnswered{id, answer->is_ok, std::string(cut_text(answer->text))})};
  }
}

StateTold Node::Impl::own_state(RequestId id) const {
  const ViewPtr view = desk.replica.view();
  const bool is_current = member.published() == view->epoch && view->epoch.value != 0;
  return {id, member.published(), is_current ? desk.replica.digest() : 0,
          desk.now - member.published_at(), member.lease_until() > desk.now};
}

void Node::Impl::on(const AgreeAsked& event) {
  Question& question = questions[event.id];
  question.due_at = desk.now + question_limit;
  question.told[desk.settings.id] = own_state(event.id);
  for (const Agent& agent : desk.replica.view()->agents) {
    if (agent.id != desk.settings.id && peers.is_connected(agent.id)) {
      desk.send(agent.id, StateAsked{event.id});
    }
  }
}

void Node::Impl::take(AgentId from, StateAsked& message) {
  desk.send(from, own_state(message.id));
}

void Node::Impl::take(AgentId from, StateTold& message) {
  const auto found = questions.find(message.id);
  if (found != questions.end()) found->second.told[from] = message;
}

bool Node::Impl::is_answered(const Question& question) const {
  const auto& agents = desk.replica.view()->agents;
  return std::all_of(agents.begin(), agents.end(), [&](const Agent& agent) {
    return question.told.count(agent.id) > 0 || !peers.is_connected(agent.id);
  });
}

AgreeTold Node::Impl::conclude(RequestId id, const Question& question) const {
  AgreeTold made{id, {}};
  for (const Agent& agent : desk.replica.view()->agents) {
    AgentState state;
    state.id = agent.id;
    state.name = agent.name;
    state.address = agent.address;
    state.is_witness = agent.is_witness;
    state.is_connected = peers.is_connected(agent.id);
    const auto told = question.told.find(agent.id);
    if (told != question.told.end()) {
      state.is_live = true;
      state.epoch = told->second.epoch;
      state.digest = told->second.digest;
      state.age = told->second.age;
      state.has_lease = told->second.has_lease;
    }
    made.agents.push_back(std::move(state));
  }
  return made;
}

void Node::Impl::review_questions() {
  for (auto place = questions.begin(); place != questions.end();) {
    if (!is_answered(place->second) && desk.now < place->second.due_at) {
      ++place;
      continue;
    }
    desk.emit(conclude(place->first, place->second));
    place = questions.erase(place);
  }
}

}  // namespace ringfence::agent::core
