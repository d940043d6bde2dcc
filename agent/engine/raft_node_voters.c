/* Who votes: what is committed is told, what is wanted is made so one change at a time, and
 * leadership is handed over. Runs on the engine's loop thread, once a turn; everything here is
 * looked at anew each time, so a wanted set that changes meanwhile, a change that fails and a
 * leader that falls need no clean-up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/raft_node_parts.h"

/* After a change or a hand-over that failed, so that a cause that lasts costs little. */
static const uint64_t retry_ms = 200;
/* A server may miss this many of the newest entries and be promoted: it gets them in one message.
 */
static const raft_index lag_max = 16;

/* --- who answers ------------------------------------------------------------------------------ */

void raft_node_note_heard(struct raft_node* node, raft_id id) {
  struct heard* oldest = &node->heard[0];
  for (unsigned i = 0; i < RAFT_NODE_SERVERS_MAX; i++) {
    struct heard* heard = &node->heard[i];
    if (heard->id == id) {
      heard->at_ms = uv_now(node->loop);
      return;
    }
    if (heard->at_ms < oldest->at_ms) oldest = heard;
  }
  oldest->id = id;
  oldest->at_ms = uv_now(node->loop);
}

static uint64_t heard_at_ms(const struct raft_node* node, raft_id id) {
  for (unsigned i = 0; i < RAFT_NODE_SERVERS_MAX; i++) {
    if (node->heard[i].id == id) return node->heard[i].at_ms;
  }
  return 0;
}

static bool answers(const struct raft_node* node, raft_id id) {
  return id == node->raft.id || heard_at_ms(node, id) + 2 * node->election_ms > uv_now(node->loop);
}

/* Not the opposite of answers(): a new leader has heard nobody yet. */
static bool is_silent(const struct raft_node* node, raft_id id) {
  return !answers(node, id) && node->led_since_ms + 2 * node->election_ms < uv_now(node->loop);
}

/* --- what is told ----------------------------------------------------------------------------- */

static void tell_voters(struct raft_node* node) {
  const struct raft_configuration* committed = &node->raft.configuration_committed;
  const raft_index index = node->raft.configuration_committed_index;
  uint64_t ids[RAFT_NODE_SERVERS_MAX];
  size_t count = 0;
  if (node->are_voters_told && index == node->told_voters_index) return;
  node->are_voters_told = true;
  node->told_voters_index = index;
  for (unsigned i = 0; i < committed->n && count < RAFT_NODE_SERVERS_MAX; i++) {
    if (committed->servers[i].role == RAFT_VOTER) ids[count++] = committed->servers[i].id;
  }
  node->callbacks.voters(node->callbacks.data, ids, count);
}

/* --- handing over ----------------------------------------------------------------------------- */

static const struct raft_node_voter* find_wanted(const struct raft_node* node, raft_id id) {
  for (size_t i = 0; i < node->wanted_count; i++) {
    if (node->wanted[i].id == id) return &node->wanted[i];
  }
  return NULL;
}

static raft_index match_of(const struct raft_node* node, raft_id id) {
  raft_index match = 0;
  return raft_match_index(&node->raft, id, &match) == 0 ? match : 0;
}

/* Most of the log, among voters that answer; those who shall stay voters go before all others. */
static raft_id best_successor(const struct raft_node* node) {
  const struct raft_configuration* servers = &node->raft.configuration;
  const struct raft_server* best = NULL;
  for (unsigned i = 0; i < servers->n; i++) {
    const struct raft_server* server = &servers->servers[i];
    if (server->id == node->raft.id || server->role != RAFT_VOTER) continue;
    if (!answers(node, server->id)) continue;
    if (best != NULL && node->wanted_count != 0) {
      const bool is_wanted = find_wanted(node, server->id) != NULL;
      const bool is_best_wanted = find_wanted(node, best->id) != NULL;
      if (is_best_wanted && !is_wanted) continue;
      if (is_wanted && !is_best_wanted) best = NULL;
    }
    if (best == NULL || match_of(node, server->id) > match_of(node, best->id)) best = server;
  }
  return best != NULL ? best->id : 0;
}

static void on_transferred(struct raft_transfer* transfer) {
  struct raft_node* node = transfer->data;
  node->is_transfer_open = false;
  node->transfer_after_ms = uv_now(node->loop) + retry_ms;
}

void raft_node_transfer(struct raft_node* node) {
  if (node->is_closing || node->has_failed || node->is_transfer_open) return;
  if (raft_state(&node->raft) != RAFT_LEADER) return;
  const raft_id to = best_successor(node);
  if (to == 0) return;
  node->transfer.data = node;
  node->is_transfer_open = true;
  if (raft_transfer(&node->raft, &node->transfer, to, on_transferred) == 0) return;
  node->is_transfer_open = false;
  node->transfer_after_ms = uv_now(node->loop) + retry_ms;
}

static void transfer_unhurried(struct raft_node* node) {
  if (uv_now(node->loop) >= node->transfer_after_ms) raft_node_transfer(node);
}

/* --- what is wanted --------------------------------------------------------------------------- */

void raft_node_forget_wanted(struct raft_node* node) {
  for (size_t i = 0; i < node->wanted_count; i++) free((char*)node->wanted[i].address);
  node->wanted_count = 0;
}

void raft_node_set_voters(struct raft_node* node, const struct raft_node_voter* voters,
                          size_t count) {
  if (node->is_closing || node->led_term == 0 || count == 0) return;
  raft_node_forget_wanted(node);
  for (size_t i = 0; i < count && node->wanted_count < RAFT_NODE_VOTERS_MAX; i++) {
    if (voters[i].id == 0 || find_wanted(node, voters[i].id) != NULL) continue;
    char* address = strdup(voters[i].address);
    if (address == NULL) return;
    node->wanted[node->wanted_count].id = voters[i].id;
    node->wanted[node->wanted_count++].address = address;
  }
}

static void on_changed(struct raft_change* change, int status) {
  struct raft_node* node = change->data;
  node->is_change_open = false;
  if (status != 0) node->change_after_ms = uv_now(node->loop) + retry_ms;
}

/* Around raft_add, raft_assign and raft_remove, which share one request. */
static void begin_change(struct raft_node* node) {
  node->change.data = node;
  node->is_change_open = true;
}
static void end_change(struct raft_node* node, int rv) {
  if (rv == 0) return;
  /* raft_assign keeps the pointer to a request that it refused. */
  if (node->raft.legacy.change == &node->change) node->raft.legacy.change = NULL;
  node->is_change_open = false;
  node->change_after_ms = uv_now(node->loop) + retry_ms;
}

static void add(struct raft_node* node, const struct raft_node_voter* voter) {
  char name[RAFT_NODE_NAME_BYTES];
  begin_change(node);
  int rv = raft_node_name_address(name, sizeof name, voter->id, voter->address);
  if (rv == 0) rv = raft_add(&node->raft, &node->change, voter->id, name, on_changed);
  end_change(node, rv);
}

static void assign(struct raft_node* node, raft_id id, int role) {
  begin_change(node);
  end_change(node, raft_assign(&node->raft, &node->change, id, role, on_changed));
}

static void drop(struct raft_node* node, raft_id id) {
  begin_change(node);
  end_change(node, raft_remove(&node->raft, &node->change, id, on_changed));
}

/* Whether most of the voters would answer with `more` among them and without `less`. */
static bool would_hold(const struct raft_node* node, raft_id more, raft_id less) {
  const struct raft_configuration* servers = &node->raft.configuration;
  unsigned voters = 0;
  unsigned answering = 0;
  for (unsigned i = 0; i < servers->n; i++) {
    const struct raft_server* server = &servers->servers[i];
    if (server->id == less || (server->role != RAFT_VOTER && server->id != more)) continue;
    voters++;
    if (answers(node, server->id)) answering++;
  }
  return answering > voters / 2;
}

/* --- one step --------------------------------------------------------------------------------- */

/* Who is not wanted and either does not vote or does not answer costs nothing to lose, and a dead
 * voter costs the quorum until it is gone. */
static bool drop_useless(struct raft_node* node) {
  const struct raft_configuration* servers = &node->raft.configuration;
  for (unsigned i = 0; i < servers->n; i++) {
    const struct raft_server* server = &servers->servers[i];
    if (server->id == node->raft.id || find_wanted(node, server->id) != NULL) continue;
    if (server->role == RAFT_VOTER && !is_silent(node, server->id)) continue;
    if (!would_hold(node, 0, server->id)) continue;
    drop(node, server->id);
    return true;
  }
  return false;
}

static const struct raft_server* find_server(const struct raft_node* node, raft_id id) {
  const struct raft_configuration* servers = &node->raft.configuration;
  for (unsigned i = 0; i < servers->n; i++) {
    if (servers->servers[i].id == id) return &servers->servers[i];
  }
  return NULL;
}

/* Spare, then standby, which is sent the log, and voter only once it has answered and holds nearly
 * all: promoting a server that is dead would block every change for seconds. */
static bool promote(struct raft_node* node, const struct raft_node_voter* voter) {
  const struct raft_server* server = find_server(node, voter->id);
  if (server == NULL) {
    if (node->raft.configuration.n >= RAFT_NODE_SERVERS_MAX) return false;
    add(node, voter);
    return true;
  }
  if (server->role == RAFT_SPARE) {
    assign(node, voter->id, RAFT_STANDBY);
    return true;
  }
  if (server->role == RAFT_VOTER || !answers(node, voter->id)) return false;
  if (match_of(node, voter->id) + lag_max < raft_last_index(&node->raft)) return false;
  if (!would_hold(node, voter->id, 0)) return false;
  assign(node, voter->id, RAFT_VOTER);
  return true;
}

static bool are_wanted_voting(const struct raft_node* node) {
  for (size_t i = 0; i < node->wanted_count; i++) {
    const struct raft_server* server = find_server(node, node->wanted[i].id);
    if (server == NULL || server->role != RAFT_VOTER) return false;
  }
  return true;
}

static void take_step(struct raft_node* node) {
  const struct raft_configuration* servers = &node->raft.configuration;
  if (drop_useless(node)) return;
  for (size_t i = 0; i < node->wanted_count; i++) {
    if (promote(node, &node->wanted[i])) return;
  }
  if (!are_wanted_voting(node)) return; /* those who go make room only for those who came */
  for (unsigned i = 0; i < servers->n; i++) {
    const raft_id id = servers->servers[i].id;
    if (id == node->raft.id || find_wanted(node, id) != NULL) continue;
    if (!would_hold(node, 0, id)) continue;
    drop(node, id);
    return;
  }
  /* The next leader takes this one out. */
  if (find_wanted(node, node->raft.id) == NULL) transfer_unhurried(node);
}

/* A change that is applied and still booked as uncommitted: every other one would be refused for
 * ever with RAFT_CANTCHANGE. raft_wire_next keeps followers from getting there; should one lead in
 * that state all the same, another one does it better. */
static bool is_wedged(const struct raft* raft) {
  return raft->configuration_uncommitted_index != 0 &&
         raft->configuration_uncommitted_index <= raft->last_applied;
}

void raft_node_follow_voters(struct raft_node* node) {
  struct raft* raft = &node->raft;
  tell_voters(node);
  if (node->led_term == 0 || node->has_failed || raft_state(raft) != RAFT_LEADER) return;
  if (raft_transferee(raft) != 0) return;
  if (is_wedged(raft)) {
    transfer_unhurried(node);
    return;
  }
  if (node->wanted_count == 0 || node->is_change_open) return;
  if (raft->configuration_uncommitted_index != 0 || raft->leader_state.promotee_id != 0) return;
  if (uv_now(node->loop) >= node->change_after_ms) take_step(node);
}
