/* One libraft server: opens its log, applies, commits, and closes. See raft_node.h; the disk's side
 * is in raft_node_io.c. Runs on the engine's loop thread. */
#include "agent/engine/raft_node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/raft_node_parts.h"

/* Longer than any stall between the poll and our check of a failed write (see on_trace); a segment
 * that could not be made is tried again after it. */
static const unsigned disk_retry_ms = 1000;
/* A leader that is alone has no heartbeat to send: it wakes this often instead of every 50 ms. */
static const uint64_t alone_tick_ms = 1000;

char* raft_node_alloc(size_t length) {
  char* base = raft_malloc(sizeof(struct frame) + length);
  return base != NULL ? base + sizeof(struct frame) : NULL;
}

/* --- applying --------------------------------------------------------------------------------- */

static int apply(struct raft_fsm* fsm, const struct raft_buffer* buffer, void** result) {
  struct raft_node* node = fsm->data;
  struct frame frame;
  *result = NULL;
  if (buffer->len < sizeof frame) return RAFT_MALFORMED;
  memcpy(&frame, buffer->base, sizeof frame);
  if (frame.mark != FRAME_ENTRY || frame.length > buffer->len - sizeof frame) {
    raft_node_fail(node, "an entry of the log is not ours");
    return RAFT_MALFORMED;
  }
  /* libraft raises last_applied after this call, also for barriers and changes of voters. */
  node->callbacks.apply(node->callbacks.data, raft_last_applied(&node->raft) + 1, frame.where,
                        (const char*)buffer->base + sizeof frame, frame.length);
  return 0;
}

static int take_snapshot(struct raft_fsm* fsm, struct raft_buffer** buffers, unsigned* count) {
  struct raft_node* node = fsm->data;
  char* bytes = NULL;
  size_t length = 0;
  *buffers = raft_malloc(sizeof **buffers);
  if (*buffers == NULL) return RAFT_NOMEM;
  if (node->callbacks.snapshot(node->callbacks.data, &bytes, &length) != 0) {
    raft_free(*buffers);
    return RAFT_NOMEM;
  }
  const struct frame frame = {FRAME_SNAPSHOT, raft_last_applied(&node->raft), length};
  bytes -= sizeof frame; /* raft_node_alloc left room */
  memcpy(bytes, &frame, sizeof frame);
  (*buffers)[0].base = bytes;
  (*buffers)[0].len = sizeof frame + length;
  *count = 1;
  return 0;
}

static int restore(struct raft_fsm* fsm, struct raft_buffer* buffer) {
  struct raft_node* node = fsm->data;
  struct frame frame;
  if (buffer->len < sizeof frame) return RAFT_MALFORMED;
  memcpy(&frame, buffer->base, sizeof frame);
  if (frame.mark != FRAME_SNAPSHOT || frame.length > buffer->len - sizeof frame) {
    return RAFT_MALFORMED;
  }
  int rv = node->callbacks.restore(node->callbacks.data, frame.where,
                                   (const char*)buffer->base + sizeof frame, frame.length);
  if (rv != 0) {
    raft_node_fail(node, "a snapshot makes no sense");
    return RAFT_MALFORMED;
  }
  raft_free(buffer->base);
  return 0;
}

/* --- leading ---------------------------------------------------------------------------------- */

static unsigned voters_in(const struct raft_configuration* configuration) {
  unsigned count = 0;
  for (unsigned i = 0; i < configuration->n; i++) {
    if (configuration->servers[i].role == RAFT_VOTER) count++;
  }
  return count;
}

/* The newest configuration and the last committed one: between them a change may be under way. */
int raft_node_is_alone(const struct raft_node* node) {
  const struct raft* raft = &node->raft;
  return raft_role((struct raft*)raft) == RAFT_VOTER && voters_in(&raft->configuration) == 1 &&
         voters_in(&raft->configuration_committed) <= 1;
}

static void on_own_barrier(struct raft_barrier* barrier, int status) {
  struct raft_node* node = barrier->data;
  node->is_barrier_open = false;
  if (status != 0 || node->is_closing) return;
  node->led_term = node->barrier_term;
  node->led_since_ms = uv_now(node->loop);
  node->callbacks.leadership(node->callbacks.data, 1, node->led_term);
}

/* Everything of earlier terms is applied once a barrier of the own term is. (A lone voter commits
 * its whole log at start, but libraft submits no barrier then.) */
static void follow_leadership(struct raft_node* node) {
  const bool is_leader = raft_state(&node->raft) == RAFT_LEADER;
  const uint64_t term = raft_current_term(&node->raft);
  if (node->led_term != 0 && (!is_leader || term != node->led_term)) {
    node->led_term = 0;
    raft_node_forget_wanted(node);
    node->callbacks.leadership(node->callbacks.data, 0, term);
  }
  if (!is_leader || node->is_barrier_open || node->barrier_term == term || node->has_failed) return;
  node->own_barrier.data = node;
  if (raft_barrier(&node->raft, &node->own_barrier, on_own_barrier) != 0) return;
  node->is_barrier_open = true;
  node->barrier_term = term;
}

struct quorum_question {
  struct raft_barrier barrier; /* first: libraft's callback gets its address */
  struct raft_node* node;
  int64_t submitted_ns;
};

static void on_quorum_barrier(struct raft_barrier* barrier, int status) {
  struct quorum_question* question = (struct quorum_question*)barrier;
  struct raft_node* node = question->node;
  node->callbacks.quorum(node->callbacks.data, question->submitted_ns, status == 0);
  free(question);
}

void raft_node_confirm_quorum(struct raft_node* node, int64_t submitted_ns) {
  struct quorum_question* question = NULL;
  const bool is_leader = raft_state(&node->raft) == RAFT_LEADER && node->led_term != 0;
  /* Nobody else can be elected while this server is the only one that votes, so it needs no proof
   * and the disk no write four times a lease. */
  if (is_leader && raft_node_is_alone(node)) {
    node->callbacks.quorum(node->callbacks.data, submitted_ns, 1);
    return;
  }
  if (is_leader) question = calloc(1, sizeof *question);
  if (question != NULL) {
    question->node = node;
    question->submitted_ns = submitted_ns;
    if (raft_barrier(&node->raft, &question->barrier, on_quorum_barrier) == 0) return;
    free(question);
  }
  node->callbacks.quorum(node->callbacks.data, submitted_ns, 0);
}

/* --- committing ------------------------------------------------------------------------------- */

static void answer(struct commit* commit, bool is_ok, const char* why, bool is_disk) {
  struct raft_node* node = commit->node;
  if (commit->is_answered) return;
  commit->is_answered = true;
  node->callbacks.committed(node->callbacks.data, commit->id, is_ok, why, is_disk);
}

static void unlink_commit(struct commit* commit) {
  struct raft_node* node = commit->node;
  *(commit->previous != NULL ? &commit->previous->next : &node->oldest) = commit->next;
  *(commit->next != NULL ? &commit->next->previous : &node->newest) = commit->previous;
}

static void on_applied(struct raft_apply* request, int status, void* result) {
  (void)result;
  struct commit* commit = (struct commit*)request;
  unlink_commit(commit);
  answer(commit, status == 0, status == 0 ? "" : raft_strerror(status), false);
  free(commit);
}

/* Told late rather than never: on a full disk libraft waits for space without a word. */
static void on_commit_timer(uv_timer_t* timer) {
  struct raft_node* node = timer->data;
  const uint64_t now_ms = uv_now(node->loop);
  for (struct commit* commit = node->oldest; commit != NULL; commit = commit->next) {
    if (commit->due_ms > now_ms) {
      uv_timer_start(timer, on_commit_timer, commit->due_ms - now_ms, 0);
      return;
    }
    answer(commit, false, "the disk did not take it in time", true);
  }
}

static void follow_commit(struct raft_node* node, struct commit* commit) {
  commit->previous = node->newest;
  commit->next = NULL;
  *(node->newest != NULL ? &node->newest->next : &node->oldest) = commit;
  node->newest = commit;
  commit->due_ms = uv_now(node->loop) + node->commit_timeout_ms;
  if (uv_is_active((uv_handle_t*)&node->commit_timer)) return;
  uv_timer_start(&node->commit_timer, on_commit_timer, node->commit_timeout_ms, 0);
}

void raft_node_commit(struct raft_node* node, uint64_t id, const char* bytes, size_t length) {
  const struct frame frame = {FRAME_ENTRY, raft_current_term(&node->raft), length};
  const size_t padded = (sizeof frame + length + 7) / 8 * 8;
  struct commit* commit = calloc(1, sizeof *commit);
  struct raft_buffer buffer = {raft_malloc(padded), padded};
  if (commit == NULL || buffer.base == NULL || node->has_failed) {
    node->callbacks.committed(node->callbacks.data, id, 0,
                              node->has_failed ? node->failure : "out of memory", node->has_failed);
    free(commit);
    raft_free(buffer.base);
    return;
  }
  memset((char*)buffer.base + padded - 8, 0, 8);
  memcpy(buffer.base, &frame, sizeof frame);
  memcpy((char*)buffer.base + sizeof frame, bytes, length);
  commit->node = node;
  commit->id = id;
  int rv = raft_apply(&node->raft, &commit->request, &buffer, 1, on_applied);
  if (rv == 0) {
    follow_commit(node, commit);
    return;
  }
  node->callbacks.committed(node->callbacks.data, id, 0, raft_strerror(rv), rv != RAFT_NOTLEADER);
  free(commit);
  /* libraft took the buffer over unless it refused before it looked at the entry. */
  if (rv == RAFT_NOTLEADER || rv == RAFT_NOSPACE) raft_free(buffer.base);
}

/* --- time ------------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t* timer) {
  struct raft_node* node = timer->data;
  node->ticked_at_ms = node->tick_at_ms;
  node->tick_at_ms = 0;
  node->tick(&node->io);
}

/* libraft names a time that stays in the past when a server that it once sent to is a spare now. */
static uint64_t next_tick_ms(const struct raft_node* node, uint64_t now_ms) {
  const uint64_t at_ms = raft_timeout(&node->raft);
  if (at_ms <= now_ms && at_ms == node->ticked_at_ms) return now_ms + node->heartbeat_ms;
  return at_ms;
}

static void on_turn(uv_prepare_t* prepare) {
  struct raft_node* node = prepare->data;
  if (node->is_closing) return;
  raft_node_finish_sends(node);
  follow_leadership(node);
  raft_node_follow_voters(node);
  raft_node_watch_disk(node);
  const uint64_t now_ms = uv_now(node->loop);
  uint64_t at_ms = next_tick_ms(node, now_ms);
  const bool has_nobody = node->raft.configuration.n == 1;
  if (raft_state(&node->raft) == RAFT_LEADER && has_nobody && raft_node_is_alone(node)) {
    if (node->tick_at_ms > now_ms) return;
    at_ms = now_ms + alone_tick_ms;
  }
  if (at_ms == node->tick_at_ms) return;
  node->tick_at_ms = at_ms;
  uv_timer_start(&node->tick_timer, on_tick, at_ms > now_ms ? at_ms - now_ms : 1, 0);
}

static void on_polled(uv_check_t* check) {
  struct raft_node* node = check->data;
  if (!node->has_failed || node->is_failure_told || node->is_closing) return;
  node->is_failure_told = true;
  node->callbacks.failed(node->callbacks.data, node->failure);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void finish_close(struct raft_node* node) {
  if (node->open_handles != 0 || !node->is_raft_closed) return;
  raft_uv_close(&node->io);
  const struct raft_node_callbacks callbacks = node->callbacks;
  raft_node_forget_wanted(node);
  free(node->sent);
  free(node);
  callbacks.closed(callbacks.data);
}

static void on_handle_closed(uv_handle_t* handle) {
  struct raft_node* node = handle->data;
  node->open_handles--;
  finish_close(node);
}

static void on_raft_closed(struct raft* raft) {
  struct raft_node* node = raft->data;
  node->is_raft_closed = true;
  finish_close(node);
}

void raft_node_close(struct raft_node* node, const char* why) {
  node->is_closing = true;
  for (struct commit* commit = node->oldest; commit != NULL; commit = commit->next) {
    answer(commit, false, why, node->has_failed);
  }
  uv_close((uv_handle_t*)&node->tick_timer, on_handle_closed);
  uv_close((uv_handle_t*)&node->commit_timer, on_handle_closed);
  uv_close((uv_handle_t*)&node->after_turn, on_handle_closed);
  uv_close((uv_handle_t*)&node->after_poll, on_handle_closed);
  /* Before raft_close: the answers release entries of a log that is gone afterwards. */
  raft_node_finish_sends(node);
  raft_close(&node->raft, on_raft_closed);
  raft_node_release_held(node);
}

static void open_handles(struct raft_node* node) {
  uv_timer_init(node->loop, &node->tick_timer);
  uv_timer_init(node->loop, &node->commit_timer);
  uv_prepare_init(node->loop, &node->after_turn);
  uv_check_init(node->loop, &node->after_poll);
  node->tick_timer.data = node->commit_timer.data = node;
  node->after_turn.data = node->after_poll.data = node;
  node->open_handles = 4;
}

static void set_up(struct raft_node* node, const struct raft_node_settings* settings) {
  struct raft* raft = &node->raft;
  raft->data = node;
  raft->tracer = NULL; /* its default writes to stderr when the environment says so */
  /* Neither counts for a lone voter. Exactly 150/15 would be tripled by libraft. */
  raft_set_election_timeout(raft, settings->election_ms);
  raft_set_heartbeat_timeout(raft, settings->heartbeat_ms);
  raft_set_pre_vote(raft, true); /* off by default: a server that returns would depose the leader */
  /* Promoting a server that then dies blocks all changes for this long; the default is 5 s. */
  raft_set_max_catch_up_round_duration(raft, 2 * settings->election_ms);
  raft_set_snapshot_threshold(raft, settings->snapshot_threshold);
  raft_set_snapshot_trailing(raft, settings->snapshot_trailing);
}

/* libraft wants addresses to differ, but an agent that lost its state returns with a new id and its
 * old address, while the old id still votes: so the id is part of what libraft knows. */
int raft_node_name_address(char* text, size_t bytes, uint64_t id, const char* address) {
  if (strlen(address) > RAFT_NODE_ADDRESS_BYTES_MAX) return RAFT_NAMETOOLONG;
  snprintf(text, bytes, "%016" PRIx64 "@%s", id, address);
  return 0;
}

/* At most 9 x 282 bytes: libraft writes the first entry into one block of 4 KiB. */
static int bootstrap(struct raft_node* node, const struct raft_node_settings* settings) {
  struct raft_configuration configuration;
  char name[RAFT_NODE_NAME_BYTES];
  if (settings->bootstrap_count == 0) return 0;
  if (settings->bootstrap_count > RAFT_NODE_VOTERS_MAX) return RAFT_TOOMANY;
  if (settings->term_min != 0) return 0; /* this agent has led before: there must be a log */
  raft_configuration_init(&configuration);
  int rv = 0;
  for (size_t i = 0; rv == 0 && i < settings->bootstrap_count; i++) {
    const struct raft_node_voter* voter = &settings->bootstrap[i];
    rv = raft_node_name_address(name, sizeof name, voter->id, voter->address);
    if (rv == 0) rv = raft_configuration_add(&configuration, voter->id, name, RAFT_VOTER);
  }
  if (rv == 0) rv = raft_bootstrap(&node->raft, &configuration);
  raft_configuration_close(&configuration);
  return rv == RAFT_CANTBOOTSTRAP ? 0 : rv; /* there is a log already */
}

/* raft_uv calls a length that points past a file's end an I/O error. */
static bool is_damage(int rv, const char* why) {
  return rv == RAFT_CORRUPT || rv == RAFT_MALFORMED || strstr(why, "short read") != NULL;
}

static int start_raft(struct raft_node* node, const struct raft_node_settings* settings,
                      char* why) {
  int rv = bootstrap(node, settings);
  if (rv == 0) rv = raft_start(&node->raft);
  node->is_started = rv == 0;
  if (rv == 0 && node->has_failed) {
    snprintf(why, RAFT_NODE_TEXT_BYTES, "%s", node->failure);
    return RAFT_IOERR;
  }
  if (rv != 0) {
    const char* said = node->io.errmsg[0] != '\0' ? node->io.errmsg : raft_errmsg(&node->raft);
    snprintf(why, RAFT_NODE_TEXT_BYTES, "%s (%s)", said, raft_strerror(rv));
  }
  return rv;
}

static void ignore_closed(void* data) {
  *(bool*)data = true;
}

/* Waits for the close: the caller has no node to wait for. */
static void close_now(struct raft_node* node, const char* why) {
  uv_loop_t* loop = node->loop;
  bool is_closed = false;
  node->callbacks.data = &is_closed;
  node->callbacks.closed = ignore_closed;
  raft_node_close(node, why);
  while (!is_closed) uv_run(loop, UV_RUN_ONCE);
}

struct raft_node* raft_node_open(struct uv_loop_s* loop, const struct raft_node_settings* settings,
                                 const struct raft_node_callbacks* callbacks,
                                 char why[RAFT_NODE_TEXT_BYTES], int* is_damaged) {
  char name[RAFT_NODE_NAME_BYTES];
  struct raft_node* node = calloc(1, sizeof *node);
  *is_damaged = 0;
  snprintf(why, RAFT_NODE_TEXT_BYTES, "out of memory");
  if (node == NULL) return NULL;
  node->loop = loop;
  node->callbacks = *callbacks;
  node->term_min = settings->term_min;
  node->commit_timeout_ms = settings->commit_timeout_ms;
  node->election_ms = settings->election_ms;
  node->heartbeat_ms = settings->heartbeat_ms;
  node->has_begun = settings->has_begun != 0;
  node->expects_entries = settings->bootstrap_count != 0;
  node->fsm.version = 1;
  node->fsm.data = node;
  node->fsm.apply = apply;
  node->fsm.snapshot = take_snapshot;
  node->fsm.restore = restore;
  raft_node_make_transport(&node->transport);
  /* Seeds the process's rand(), which nothing else here may use. The segment size stays at its
   * default of 8 MiB: below 4 MiB every apply fails. */
  int rv = raft_uv_init(&node->io, loop, settings->dir, &node->transport);
  if (rv != 0) {
    snprintf(why, RAFT_NODE_TEXT_BYTES, "%s (%s)", node->io.errmsg, raft_strerror(rv));
    free(node);
    return NULL;
  }
  /* Its recovery deletes what it cannot read, acknowledged entries with it. */
  raft_uv_set_auto_recovery(&node->io, false);
  raft_uv_set_disk_retry(&node->io, disk_retry_ms);
  raft_node_take_io(node);
  raft_node_name_address(name, sizeof name, settings->id, "");
  rv = raft_init(&node->raft, &node->io, &node->fsm, settings->id, name);
  if (rv != 0) {
    snprintf(why, RAFT_NODE_TEXT_BYTES, "%s (%s)", node->io.errmsg, raft_strerror(rv));
    *is_damaged = is_damage(rv, why);
    raft_uv_close(&node->io);
    free(node);
    return NULL;
  }
  set_up(node, settings);
  open_handles(node);
  rv = start_raft(node, settings, why);
  if (rv != 0) {
    *is_damaged = is_damage(rv, why);
    close_now(node, why);
    return NULL;
  }
  uv_prepare_start(&node->after_turn, on_turn);
  uv_check_start(&node->after_poll, on_polled);
  return node;
}
