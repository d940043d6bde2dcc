/* One libraft server, seen through a narrow C door: raft.h 0.22.1 does not compile as C++, so it is
 * included by the two .c files behind this header alone.
 *
 * Everything runs on the thread of the loop that raft_node_open was given, callbacks as well.
 * libraft keeps the log on disk (raft_uv) and counts votes; time, retries and messages are ours.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;
struct raft_node;

enum {
  RAFT_NODE_TEXT_BYTES = 512, /* of every message that is filled in */
  RAFT_NODE_VOTERS_MAX = 9,   /* so that the first entry fits libraft's 4 KiB */
  RAFT_NODE_ADDRESS_BYTES_MAX = 255,
};

/* NOLINTBEGIN(readability-identifier-naming): this door is C, and C's structs are lower case. */
struct raft_node_voter {
  uint64_t id;         /* never 0 */
  const char* address; /* kept in the log for people; nothing here connects to it */
};

struct raft_node_settings {
  const char* dir;       /* exists; must outlive the call only */
  uint64_t id;           /* never 0 */
  uint64_t term_min;     /* a lower term on disk means that the disk lost something */
  unsigned election_ms;  /* followers wait this long, up to twice, for a leader */
  unsigned heartbeat_ms; /* below election_ms */
  unsigned commit_timeout_ms;
  unsigned snapshot_threshold; /* entries since the last snapshot that make a new one */
  unsigned snapshot_trailing;  /* entries kept behind a snapshot, for followers that lag */
  /* An empty log begins with these; all of them begin with the same list in the same order. None:
   * an empty log waits for a leader to fill it. */
  const struct raft_node_voter* bootstrap;
  size_t bootstrap_count;
  int has_begun; /* `begins` was called in an earlier life: an empty log is damage */
};

struct raft_node_callbacks {
  void* data;
  /* The state as of `index`, before any entry. Not 0: the bytes make no sense. */
  int (*restore)(void* data, uint64_t index, const char* bytes, size_t length);
  void (*apply)(void* data, uint64_t index, uint64_t term, const char* bytes, size_t length);
  /* Fills *bytes with memory from raft_node_alloc. Not 0: no memory. */
  int (*snapshot)(void* data, char** bytes, size_t* length);
  /* Becoming leader is told when everything of earlier terms has been applied. */
  void (*leadership)(void* data, int is_leader, uint64_t term);
  /* `is_disk`: the disk is why not. Not ok: outcome unknown. */
  void (*committed)(void* data, uint64_t id, int is_ok, const char* why, int is_disk);
  void (*quorum)(void* data, int64_t submitted_ns, int is_ok);
  /* Takes `bytes` to another server, or loses them. */
  void (*send)(void* data, uint64_t to, const char* bytes, size_t length);
  /* Those who vote by the last committed change; when it changes, and once at the beginning. */
  void (*voters)(void* data, const uint64_t* ids, size_t count);
  /* The log is about to hold its first entry: note it on disk. Not 0: that failed. */
  int (*begins)(void* data);
  /* The disk refused something: close this node and open another. Told once. */
  void (*failed)(void* data, const char* what);
  /* The last call for this node; its memory is gone afterwards. */
  void (*closed)(void* data);
};

/* NOLINTEND(readability-identifier-naming) */

/* Reads the log, replays it through the callbacks and takes part. NULL: `why` says what was wrong,
 * and *is_damaged whether what is on disk is not a whole log (rather than not readable now). */
struct raft_node* raft_node_open(struct uv_loop_s* loop, const struct raft_node_settings* settings,
                                 const struct raft_node_callbacks* callbacks,
                                 char why[RAFT_NODE_TEXT_BYTES], int* is_damaged);

/* Answered once by `committed`, perhaps before this returns. */
void raft_node_commit(struct raft_node* node, uint64_t id, const char* bytes, size_t length);
/* Answered once by `quorum`, perhaps before this returns. */
void raft_node_confirm_quorum(struct raft_node* node, int64_t submitted_ns);
/* What another server's `send` was given. May be anything: what makes no sense is dropped. */
void raft_node_receive(struct raft_node* node, uint64_t from, const char* bytes, size_t length);
/* Makes these the voters, one change at a time, while this server leads; else ignored. */
void raft_node_set_voters(struct raft_node* node, const struct raft_node_voter* voters,
                          size_t count);
/* To the voter that has most of the log. Ignored where there is none, or by who does not lead. */
void raft_node_transfer(struct raft_node* node);
/* This server is the only one that votes. */
int raft_node_is_alone(const struct raft_node* node);
/* Answers what is open with `why`, then `closed` once the disk is idle. */
void raft_node_close(struct raft_node* node, const char* why);

char* raft_node_alloc(size_t length);

#ifdef __cplusplus
}
#endif
