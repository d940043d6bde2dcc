/* Stands between libraft's core and its disk: checks what is loaded, notices what fails, and keeps
 * the stock transport out (it has no authentication and allocates lengths that a peer sends).
 * Runs on the engine's loop thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/raft_node_parts.h"

static struct raft_node* node_of(struct raft_io* io) {
  return (struct raft_node*)io;
}

void raft_node_fail(struct raft_node* node, const char* what) {
  if (node->has_failed) return;
  node->has_failed = true;
  snprintf(node->failure, sizeof node->failure, "%s", what);
}

static const char* mistake_in_empty(const struct raft_node* node) {
  if (node->has_begun) return "its entries are gone";
  return node->expects_entries ? "it is empty" : NULL;
}

/* libraft's core asserts these, or with its assertions compiled out believes them. A log that
 * fails here was damaged without raft_uv noticing: its metadata files carry no checksum. */
static const char* mistake_in(const struct raft_node* node, raft_term term,
                              const struct raft_snapshot* snapshot, raft_index start_index,
                              const struct raft_entry* entries, size_t count) {
  /* Who waits to be added has no entries, and a term at most. */
  if (snapshot == NULL && count == 0) return mistake_in_empty(node);
  if (term < node->term_min) return "its term is lower than one that this agent has seen";
  if (snapshot == NULL && start_index != 1) return "its beginning is gone";
  if (snapshot == NULL && entries[0].type != RAFT_CHANGE) return "it does not begin with voters";
  if (snapshot != NULL && snapshot->term > term) return "its snapshot is newer than its term";
  for (size_t i = 0; i < count; i++) {
    if (entries[i].term > term) return "an entry is newer than its term";
    if (i > 0 && entries[i].term < entries[i - 1].term) return "its terms go backwards";
  }
  return NULL;
}

static void drop_loaded(struct raft_snapshot* snapshot, struct raft_entry* entries, size_t count) {
  /* Entries that were read together share one batch and stand side by side. */
  for (size_t i = 0; i < count; i++) {
    if (i == 0 || entries[i].batch != entries[i - 1].batch) raft_free(entries[i].batch);
  }
  raft_free(entries);
  if (snapshot == NULL) return;
  for (unsigned i = 0; i < snapshot->n_bufs; i++) raft_free(snapshot->bufs[i].base);
  raft_free(snapshot->bufs);
  raft_configuration_close(&snapshot->configuration);
  raft_free(snapshot);
}

static bool note_beginning(struct raft_node* node) {
  if (node->has_begun) return true;
  if (node->callbacks.begins(node->callbacks.data) != 0) {
    raft_node_fail(node, "the log's beginning could not be noted");
    return false;
  }
  node->has_begun = true;
  return true;
}

static int load(struct raft_io* io, raft_term* term, raft_id* voted_for,
                struct raft_snapshot** snapshot, raft_index* start_index,
                struct raft_entry** entries, size_t* count) {
  struct raft_node* node = node_of(io);
  int rv = node->disk.load(io, term, voted_for, snapshot, start_index, entries, count);
  if (rv != 0) return rv;
  const char* mistake = mistake_in(node, *term, *snapshot, *start_index, *entries, *count);
  if (mistake == NULL && (*snapshot == NULL && *count == 0)) return 0;
  if (mistake == NULL && note_beginning(node)) return 0;
  if (mistake == NULL) mistake = "it cannot be noted that it has begun";
  drop_loaded(*snapshot, *entries, *count);
  *snapshot = NULL;
  *entries = NULL;
  *count = 0;
  snprintf(io->errmsg, sizeof io->errmsg, "%s", mistake);
  return RAFT_CORRUPT;
}

/* raft_start ignores a term that could not be stored and then neither leads nor applies. */
static int set_term(struct raft_io* io, raft_term term) {
  int rv = node_of(io)->disk.set_term(io, term);
  if (rv != 0) raft_node_fail(node_of(io), io->errmsg);
  return rv;
}
static int set_vote(struct raft_io* io, raft_id id) {
  int rv = node_of(io)->disk.set_vote(io, id);
  if (rv != 0) raft_node_fail(node_of(io), io->errmsg);
  return rv;
}

static void hold(struct disk_call* call) {
  call->next = call->node->held;
  call->node->held = call;
}

static void on_appended(struct raft_io_append* append, int status) {
  struct disk_call* call = append->data;
  call->node->open_appends--;
  call->node->append_progress_ms = uv_now(call->node->loop);
  if (status != 0 && !call->node->is_closing) {
    raft_node_fail(call->node, call->node->io.errmsg);
    hold(call);
    return;
  }
  /* After the entries and before anybody hears of them: who is killed in between has an empty log
   * that begins again, or a whole one. */
  if (status == 0 && !note_beginning(call->node)) {
    hold(call);
    return;
  }
  struct raft_io_append* asked = call->asked_append;
  free(call);
  asked->cb(asked, status);
}

static int append(struct raft_io* io, struct raft_io_append* asked,
                  const struct raft_entry entries[], unsigned count, raft_io_append_cb cb) {
  struct disk_call* call = calloc(1, sizeof *call);
  if (call == NULL) return RAFT_NOMEM;
  call->node = node_of(io);
  call->asked_append = asked;
  call->append.data = call;
  asked->cb = cb;
  int rv = call->node->disk.append(io, &call->append, entries, count, on_appended);
  if (rv == 0 && call->node->open_appends++ == 0) {
    call->node->append_progress_ms = uv_now(call->node->loop);
  }
  if (rv == 0) return 0;
  raft_node_fail(call->node, io->errmsg);
  /* The core's book now holds an entry that the disk does not: only a new start mends that. Told
   * late, since raft_barrier and a received append free their entries twice when told at once. */
  hold(call);
  return 0;
}

/* On a full disk raft_uv waits for space without a word. With others who vote, entries are
 * committed without this server's disk, and a leader would go on for ever with a log that only
 * memory holds. (Alone, every commit is answered when it is late, and there is nobody to make room
 * for.) */
void raft_node_watch_disk(struct raft_node* node) {
  if (node->open_appends == 0 || node->has_failed || raft_node_is_alone(node)) return;
  if (uv_now(node->loop) - node->append_progress_ms < node->commit_timeout_ms) return;
  raft_node_fail(node, "the disk did not take an entry in time");
}

static void on_snapshot_put(struct raft_io_snapshot_put* put, int status) {
  struct disk_call* call = put->data;
  if (status != 0 && !call->node->is_closing) {
    raft_node_fail(call->node, "a snapshot could not be stored");
    hold(call);
    return;
  }
  if (status == 0 && !note_beginning(call->node)) {
    hold(call);
    return;
  }
  struct raft_io_snapshot_put* asked = call->asked_put;
  free(call);
  asked->cb(asked, status);
}

static int snapshot_put(struct raft_io* io, unsigned trailing, struct raft_io_snapshot_put* asked,
                        const struct raft_snapshot* snapshot, raft_io_snapshot_put_cb cb) {
  struct disk_call* call = calloc(1, sizeof *call);
  if (call == NULL) return RAFT_NOMEM;
  call->node = node_of(io);
  call->asked_put = asked;
  call->put.data = call;
  asked->cb = cb;
  int rv = call->node->disk.snapshot_put(io, trailing, &call->put, snapshot, on_snapshot_put);
  if (rv != 0) free(call);
  return rv;
}

void raft_node_release_held(struct raft_node* node) {
  while (node->held != NULL) {
    struct disk_call* call = node->held;
    node->held = call->next;
    if (call->asked_append != NULL) {
      call->asked_append->cb(call->asked_append, RAFT_CANCELED);
    } else {
      call->asked_put->cb(call->asked_put, RAFT_CANCELED);
    }
    free(call);
  }
}

static void no_tick(struct raft_io* io) {
  (void)io;
}

/* raft_uv's own tick comes every heartbeat, and an isolated commit waits for it. We keep the tick
 * and call it when raft_timeout says so. */
static int start(struct raft_io* io, unsigned heartbeat_ms, raft_io_tick_cb tick,
                 raft_io_recv_cb receive) {
  (void)heartbeat_ms;
  struct raft_node* node = node_of(io);
  const unsigned never_ms = 24U * 3600 * 1000;
  node->tick = tick;
  node->receive = receive;
  return node->disk.start(io, never_ms, no_tick, receive);
}

static int transport_init(struct raft_uv_transport* transport, raft_id id, const char* address) {
  (void)transport, (void)id, (void)address;
  return 0;
}
static int transport_listen(struct raft_uv_transport* transport, raft_uv_accept_cb cb) {
  (void)transport, (void)cb;
  return 0;
}
static int transport_connect(struct raft_uv_transport* transport, struct raft_uv_connect* request,
                             raft_id id, const char* address, raft_uv_connect_cb cb) {
  (void)transport, (void)request, (void)id, (void)address, (void)cb;
  return RAFT_NOCONNECTION;
}
static void transport_close(struct raft_uv_transport* transport, raft_uv_transport_close_cb cb) {
  cb(transport);
}

/* raft_uv says nothing else of a failed write. Its retry then runs with another object's pointer
 * (uvAppendRetryTimerCb on prepare_retry, 0.22.1) and overwrites memory, so this node is closed
 * before the retry is due. */
static void on_trace(struct raft_tracer* tracer, int type, const void* information) {
  static const char write_failed[] = "retry failed write";
  if (type != RAFT_TRACER_DIAGNOSTIC) return;
  const struct raft_tracer_info* info = information;
  if (strncmp(info->diagnostic.message, write_failed, sizeof write_failed - 1) != 0) return;
  raft_node_fail(tracer->impl, info->diagnostic.message + sizeof "retry " - 1);
}

void raft_node_take_io(struct raft_node* node) {
  node->disk = node->io;
  node->io.load = load;
  node->io.set_term = set_term;
  node->io.set_vote = set_vote;
  node->io.append = append;
  node->io.snapshot_put = snapshot_put;
  node->io.send = raft_node_send;
  node->io.snapshot_get = raft_node_snapshot_get;
  node->io.start = start;
  node->tracer.impl = node;
  node->tracer.version = 2;
  node->tracer.emit = on_trace;
  raft_uv_set_tracer(&node->io, &node->tracer);
}

void raft_node_make_transport(struct raft_uv_transport* transport) {
  transport->version = 1;
  transport->init = transport_init;
  transport->listen = transport_listen;
  transport->connect = transport_connect;
  transport->close = transport_close;
}
