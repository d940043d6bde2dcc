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

enum { RAFT_NODE_TEXT_BYTES = 512 }; /* of every message that is filled in */

/* NOLINTBEGIN(readability-identifier-naming): this door is C, and C's structs are lower case. */
struct raft_node_settings {
  const char* dir;       /* exists; must outlive the call only */
  uint64_t id;           /* never 0 */
  uint64_t term_min;     /* a lower term on disk means that the disk lost something */
  unsigned election_ms;  /* followers wait this long, up to twice, for a leader */
  unsigned heartbeat_ms; /* below election_ms */
  unsigned commit_timeout_ms;
  unsigned snapshot_threshold; /* entries since the last snapshot that make a new one */
  unsigned snapshot_trailing;  /* entries kept behind a snapshot, for followers that lag */
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
/* This server is the only one that votes. */
int raft_node_is_alone(const struct raft_node* node);
/* Answers what is open with `why`, then `closed` once the disk is idle. */
void raft_node_close(struct raft_node* node, const char* why);

char* raft_node_alloc(size_t length);

#ifdef __cplusplus
}
#endif
