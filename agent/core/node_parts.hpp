// Node's inside: its roles, and which event goes to whom. Only for node*.cpp.
//
//   node.cpp           events of the engine, of configuration, of backends, of time
//   node_fleet.cpp     events of the mesh: peers, messages, who leads
//   node_commands.cpp  commands and questions of people, here or by way of another agent
//   node_report.cpp    what status, view, history and peers print
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/admission.hpp"
#include "agent/core/desk.hpp"
#include "agent/core/feed.hpp"
#include "agent/core/forming.hpp"
#include "agent/core/leader.hpp"
#include "agent/core/member.hpp"
#include "agent/core/node.hpp"
#include "agent/core/peers.hpp"
#include "agent/core/quarantine.hpp"
#include "agent/core/reach.hpp"
#include "agent/core/reports.hpp"
#include "agent/core/voting.hpp"
#include "agent/core/wanted.hpp"

namespace ringfence::agent::core {

struct Node::Impl {
  explicit Impl(NodeSettings settings) : desk(std::move(settings)) {}

  Desk desk;
  Peers peers{desk};
  Forming forming{desk, peers};
  Voting voting{desk, peers, forming};
  Wanted wanted{desk};
  FeedWriter feed{desk, peers};
  FeedReader feed_reader{desk};
  Admissions admissions{desk};
  Reach reach{desk, peers};
  Quarantine quarantine{desk, peers, reach};
  Reports reports{desk, peers, reach, quarantine, admissions};
  Leader leader{desk, admissions, peers, forming, quarantine};
  Member member{desk};
  // What this host saw last of each backend: told to each new leader.
  std::map<Admissions::Key, BackendTold> seen;
  Instant timer_at = far_future;

  // node.cpp
  void on(const SnapshotRestored& event);
  void on(const EntryApplied& event);
  void on(const LeadershipChanged& event);
  void on(const CommitFinished& event) { leader.on_commit_finished(event); }
  void on(const QuorumConfirmed& event);
  void on(const VotersChanged& event);
  void on(const ConfigurationLoaded& event);
  void on(const BackendAnswered& event);
  void on(const BackendUnreachable& event);
  void on(const BackendContentsLost& event);
  void on(const BackendProbed& event);
  void on(const FlushFinished& event);
  void on(const TimerFired& event);
  void on(const ClockJumped& event);
  void on(const ShutdownAsked& event);
  void on(const SegmentsClosed& /*event*/) { member.on_segments_closed(); }
  void follow_leadership(bool is_leader);
  void begin_to_act();
  void tell(BackendTold told);
  void renew_wanted();
  void settle();
  void weigh();
  void review_stop();
  void finish();
  bool is_wanted_stale = false;
  std::string wanted_sent;  // the newest FleetWanted, encoded
  bool has_led = false;     // when it was asked to stop
  std::optional<Instant> stopping_since;
  bool may_stop = false;
  Instant hand_over_from;  // the earliest next try to give the lead away

  // node_fleet.cpp
  void on(const PeerUp& event);
  void on(const PeerAddresses& event);
  void on(const PeerDown& event);
  void on(const SelfDialled& event);
  void on(const MessageReceived& event) { deliver(event.from, event.bytes); }
  void deliver(AgentId from, const std::string& bytes);
  void deliver_to_myself();
  void take(AgentId from, LeaseRequest& message) { leader.on_lease_request(from, message); }
  void take(AgentId from, LeaseReply& message);
  void take(AgentId from, FenceAck& message) { leader.on_fence_ack(from, message); }
  void take(AgentId from, LeaseEnded& message) { leader.on_lease_ended(from, message); }
  void take(AgentId from, BackendTold& message);
  void take(AgentId from, WantedTold& message);
  void take(AgentId from, FleetWanted& message);
  void take(AgentId from, Feed& message);
  void take(AgentId from, FeedAsked& message);
  void take(AgentId from, SnapshotPart& message);
  void take(AgentId from, Introduction& message);
  void take(AgentId from, Lead& message);
  void take(AgentId from, VoteAsked& message);
  void take(AgentId from, Leaving& message) { voting.on_leaving(from, message); }
  void take(AgentId from, FormAsked& message) { forming.on_asked(from, message); }
  void take(AgentId from, FormPromised& message) { forming.on_promised(from, message); }
  void take(AgentId from, Formed& message);
  void take(AgentId from, CommandAsked& message);
  void take(AgentId from, CommandAnswered& message);
  void take(AgentId from, StateAsked& message);
  void take(AgentId from, StateTold& message);
  void take(AgentId from, ProbeAsked& message);
  void take(AgentId from, ProbeTold& message);
  void take(AgentId from, PeersTold& message);
  void take(AgentId from, LeaseRefused& message);
  void tell_peers_if_changed();
  void introduce_if_changed();
  void dial_if_changed();
  [[nodiscard]] Lead lead() const;
  [[nodiscard]] Introduction introduction() const;
  std::string introduced;  // as last told to all, encoded
  std::vector<std::string> dialled;
  bool is_dialled_stale = true;
  bool are_peers_stale = true;
  AgentId peers_told_to;
  Instant tell_peers_from;       // not before: connections come and go in bursts
  std::vector<AgentId> missing;  // as last told to it

  // node_commands.cpp
  void on(const FlushAllAsked& event);
  void on(const BackendAddAsked& event);
  void on(const BackendRemoveAsked& event);
  void on(const BackendDrainAsked& event);
  void on(const BootstrapAsked& event) { forming.on_bootstrap(event.id); }
  void on(const AgreeAsked& event);
  void command(CommandAsked asked);
  void carry_out(const CommandAsked& asked);
  void route_answers();
  void review_questions();
  void answer_lost_commands();
  struct Question {  // of `agree`
    Instant due_at;
    std::map<AgentId, StateTold> told;
  };
  [[nodiscard]] bool is_answered(const Question& question) const;
  [[nodiscard]] AgreeTold conclude(RequestId id, const Question& question) const;
  [[nodiscard]] StateTold own_state(RequestId id) const;
  std::map<RequestId, Question> questions;
  // Commands of other agents that are carried out here: own id -> who asked, and its id.
  std::map<RequestId, std::pair<AgentId, RequestId>> asked_by;
  // Commands of this agent that another carries out.
  std::map<RequestId, AgentId> asked_of;

  // node_report.cpp
  [[nodiscard]] std::vector<BackendReport> report_backends() const;
  [[nodiscard]] std::vector<PeerReport> report_peers() const;
};

}  // namespace ringfence::agent::core
