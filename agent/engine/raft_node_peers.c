/* Messages between servers: libraft's go out as bytes through a callback, and bytes that come in
 * are checked, first by themselves (raft_wire.h), then against what this server knows, since
 * libraft's own checks are assertions that the distributions compile out. Loss, delay, repetition
 * and reordering are all fine. Runs on the engine's loop thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/engine/raft_node_parts.h"
#include "agent/engine/raft_wire.h"

/* --- out -------------------------------------------------------------------------------------- */

/* The term of an entry that this server holds or has in its snapshot; 0: unknown. */
static raft_term term_at(const struct raft* raft, raft_index index) {
  const struct raft_trail* trail = &raft->trail;
  if (index == trail->snapshot.index) return trail->snapshot.term;
  if (index <= trail->offset) return 0;
  for (unsigned i = trail->front; i != trail->back; i = (i + 1) % trail->size) {
    if (index <= trail->records[i].index) return trail->records[i].term;
  }
  return 0;
}

static void hand_over(struct raft_node* node, const struct raft_message* message) {
  const unsigned entries =
      message->type == RAFT_APPEND_ENTRIES ? message->append_entries.n_entries : 0;
  unsigned first = 0;
  do {
    const unsigned count = raft_wire_slice(message, first);
    char* bytes = NULL;
    size_t length = 0;
    /* What cannot be encoded is lost, as on a network: libraft sends it again. */
    if (raft_wire_encode(message, first, count, &bytes, &length) != 0) return;
    node->callbacks.send(node->callbacks.data, message->server_id, bytes, length);
    free(bytes);
    first += count;
  } while (first < entries);
}

/* While a snapshot was read from disk, a newer one may have taken its place: libraft then corrects
 * the index in its message, but leaves the old one's term, which the receiver could never mend. */
static void hand_over_snapshot(struct raft_node* node, const struct raft_message* message) {
  struct raft_message correct = *message;
  const raft_term term = term_at(&node->raft, message->install_snapshot.last_index);
  if (term == 0) return; /* sent again at the next heartbeat's rejection */
  correct.install_snapshot.last_term = term;
  hand_over(node, &correct);
}

/* An error from here would end libraft's work on the event half-way: the rest of its messages, and
 * entries that are committed, would wait for another event. So it gets none, and a message that
 * has no way is simply lost. The answer waits for the turn's end: raft_io's contract is that a
 * callback does not come from within the call. */
int raft_node_send(struct raft_io* io, struct raft_io_send* request,
                   const struct raft_message* message, raft_io_send_cb cb) {
  struct raft_node* node = (struct raft_node*)io;
  /* Only a snapshot that was still being read: libraft frees it on an error. */
  if (node->is_closing) return RAFT_CANCELED;
  if (node->sent_count == node->sent_room) {
    const size_t room = node->sent_room * 2 + 16;
    struct raft_io_send** grown = realloc(node->sent, room * sizeof(struct raft_io_send*));
    if (grown == NULL) return RAFT_NOMEM;
    node->sent = grown;
    node->sent_room = room;
  }
  request->cb = cb;
  node->sent[node->sent_count++] = request;
  if (message->type == RAFT_INSTALL_SNAPSHOT) {
    hand_over_snapshot(node, message);
  } else {
    hand_over(node, message);
  }
  return 0;
}

void raft_node_finish_sends(struct raft_node* node) {
  for (size_t i = 0; i < node->sent_count; i++) node->sent[i]->cb(node->sent[i], 0);
  node->sent_count = 0;
}

struct snapshot_read {
  struct raft_io_snapshot_get get; /* ours; the disk answers here */
  struct raft_io_snapshot_get* asked;
  struct raft_node* node;
};

static void on_snapshot_read(struct raft_io_snapshot_get* get, struct raft_snapshot* snapshot,
                             int status) {
  struct snapshot_read* read = get->data;
  struct raft_io_snapshot_get* asked = read->asked;
  struct raft_node* node = read->node;
  free(read);
  if (status == 0) {
    asked->cb(asked, snapshot, 0);
    return;
  }
  /* Told of a failure, libraft 0.22.1 frees voters that it never filled in. So it is not told; its
   * request, some 200 bytes, stays behind. */
  raft_node_fail(node, "a snapshot cannot be read");
}

int raft_node_snapshot_get(struct raft_io* io, struct raft_io_snapshot_get* asked,
                           raft_io_snapshot_get_cb cb) {
  struct raft_node* node = (struct raft_node*)io;
  struct snapshot_read* read = calloc(1, sizeof *read);
  if (read == NULL) return RAFT_NOMEM;
  read->asked = asked;
  read->node = node;
  read->get.data = read;
  asked->cb = cb;
  int rv = node->disk.snapshot_get(io, &read->get, on_snapshot_read);
  if (rv != 0) free(read);
  return rv;
}

/* --- in --------------------------------------------------------------------------------------- */

/* What is committed here and differs there. libraft answers that with an error and frees the
 * entries twice; it cannot happen among servers that keep their logs. */
static bool contradicts(const struct raft* raft, raft_index index, raft_term term) {
  if (index == 0 || index > raft->commit_index) return false;
  const raft_term ours = term_at(raft, index);
  return ours != 0 && ours != term;
}

static bool may_append(const struct raft* raft, const struct raft_append_entries* append) {
  if (contradicts(raft, append->prev_log_index, append->prev_log_term)) return false;
  for (unsigned i = 0; i < append->n_entries; i++) {
    if (contradicts(raft, append->prev_log_index + 1 + i, append->entries[i].term)) return false;
  }
  return true;
}

/* libraft 0.22.1 loses the memory of a snapshot that comes while another is installed, and follows
 * a null pointer when one comes while it takes its own. The leader sends it again. */
static bool may_install(const struct raft* raft, const struct raft_install_snapshot* install) {
  if (raft->snapshot.installing || raft->legacy.snapshot_taking) return false;
  return !contradicts(raft, install->last_index, install->last_term);
}

static bool may_lead(const struct raft* raft, raft_term term) {
  return raft->state != RAFT_LEADER || term != raft->current_term;
}

/* A rejection of what was accepted is an old message: libraft would step back behind the match and
 * stay there. */
static bool is_rejection_stale(const struct raft* raft, raft_id from,
                               const struct raft_append_entries_result* result) {
  raft_index match = 0;
  if (result->rejected == 0 || raft_match_index(raft, from, &match) != 0) return false;
  return result->rejected <= match;
}

static bool is_welcome(const struct raft* raft, const struct raft_message* message) {
  switch (message->type) {
    case RAFT_APPEND_ENTRIES:
      return may_lead(raft, message->append_entries.term) &&
             may_append(raft, &message->append_entries);
    case RAFT_INSTALL_SNAPSHOT:
      return may_lead(raft, message->install_snapshot.term) &&
             may_install(raft, &message->install_snapshot);
    case RAFT_REQUEST_VOTE_RESULT:
      /* To others a late answer to a pre-vote looks like a higher term, and deposes a leader. */
      return raft->state == RAFT_CANDIDATE;
    case RAFT_APPEND_ENTRIES_RESULT:
      return raft->state == RAFT_LEADER &&
             !is_rejection_stale(raft, message->server_id, &message->append_entries_result);
    default:
      return true;
  }
}

void raft_node_receive(struct raft_node* node, uint64_t from, const char* bytes, size_t length) {
  struct raft_wire_reader reader;
  struct raft_message message;
  char name[RAFT_NODE_NAME_BYTES];
  if (node->is_closing || node->has_failed || from == 0 || from == node->raft.id) return;
  if (!raft_wire_open(&reader, bytes, length)) return;
  raft_node_name_address(name, sizeof name, from, "");
  while (!node->has_failed && raft_wire_next(&reader, &message) == 1) {
    message.server_id = from;
    message.server_address = name; /* libraft copies it, or sends it back to us */
    if (message.type == RAFT_REQUEST_VOTE) message.request_vote.candidate_id = from;
    if (!is_welcome(&node->raft, &message)) {
      raft_wire_drop(&message);
      continue;
    }
    if (message.type == RAFT_APPEND_ENTRIES_RESULT) raft_node_note_heard(node, from);
    node->receive(&node->io, &message);
  }
}
