/* What raft_node.c and raft_node_io.c share. Not for C++. */
#pragma once

#include <raft.h>
#include <raft/uv.h>
#include <stdbool.h>
#include <uv.h>

#include "agent/engine/raft_node.h"

/* What stands before each entry and snapshot in libraft's buffers. An entry's length must be a
 * multiple of 8 (else libraft frees the buffer and fails), so the true one is kept here; libraft
 * tells fsm.apply neither term nor index, and fsm.restore not the index. */
struct frame {
  uint64_t mark;   /* FRAME_ENTRY or FRAME_SNAPSHOT */
  uint64_t where;  /* an entry's term; a snapshot's index */
  uint64_t length; /* of what follows, padding left out */
};
#define FRAME_ENTRY UINT64_C(0x3159525445474e52)    /* "RNGETRY1" in memory */
#define FRAME_SNAPSHOT UINT64_C(0x3150414e53474e52) /* "RNGSNAP1" in memory */

/* A commit on its way. Kept until libraft answers, even when the caller was told earlier that the
 * disk is late: libraft holds a pointer to it. */
struct commit {
  struct raft_apply request; /* first: libraft's callback gets its address */
  struct raft_node* node;
  struct commit* next;
  struct commit* previous;
  uint64_t id;
  uint64_t due_ms;
  bool is_answered;
};

/* An append or snapshot of libraft's, with our callback between it and the disk. */
struct disk_call {
  struct raft_io_append append;    /* ours; the disk answers here */
  struct raft_io_snapshot_put put; /* or here */
  struct raft_io_append* asked_append;
  struct raft_io_snapshot_put* asked_put;
  struct raft_node* node;
  struct disk_call* next; /* in node->held */
};

/* Servers that a configuration of ours holds: voters, and as many on their way in or out. */
enum { RAFT_NODE_SERVERS_MAX = 2 * RAFT_NODE_VOTERS_MAX };

/* When a server last answered this leader. */
struct heard {
  raft_id id;
  uint64_t at_ms;
};

struct raft_node {
  struct raft_io io;   /* first: libraft's io functions get its address */
  struct raft_io disk; /* raft_uv's own functions, as they were before ours took their place */
  struct raft raft;
  struct raft_fsm fsm;
  struct raft_uv_transport transport;
  struct raft_tracer tracer;
  struct raft_node_callbacks callbacks;
  uint64_t term_min;
  uint64_t commit_timeout_ms;
  uint64_t election_ms;
  uint64_t heartbeat_ms;
  uv_loop_t* loop;
  uv_timer_t tick_timer;
  uv_timer_t commit_timer;
  uv_prepare_t after_turn; /* arms tick_timer */
  uv_check_t after_poll;   /* tells a failed disk */
  raft_io_tick_cb tick;
  raft_io_recv_cb receive;
  uint64_t tick_at_ms;   /* what tick_timer is armed for; 0: not armed */
  uint64_t ticked_at_ms; /* what it was armed for when it went off last */
  struct commit* oldest;
  struct commit* newest;
  struct raft_barrier own_barrier; /* of the term that this server leads in */
  struct disk_call* held;          /* failed calls, answered while closing */
  uint64_t led_term;               /* leadership was told for this term; 0: is no leader */
  uint64_t barrier_term;           /* own_barrier was submitted in this term */
  unsigned open_appends;           /* that the disk has not answered */
  uint64_t append_progress_ms;     /* when it last answered one, or was given one while idle */
  unsigned open_handles;
  /* raft_node_peers.c */
  struct raft_io_send** sent; /* handed over, not yet answered to libraft */
  size_t sent_count;
  size_t sent_room;
  /* raft_node_voters.c */
  struct raft_node_voter wanted[RAFT_NODE_VOTERS_MAX]; /* addresses are ours */
  size_t wanted_count;                                 /* 0: nothing was asked for */
  struct heard heard[RAFT_NODE_SERVERS_MAX];
  struct raft_change change;
  struct raft_transfer transfer;
  uint64_t change_after_ms; /* no new change before */
  uint64_t transfer_after_ms;
  uint64_t led_since_ms;
  raft_index told_voters_index; /* of the change that made the voters that were told */
  bool are_voters_told;
  bool is_change_open;
  bool is_transfer_open;

  bool has_begun;       /* the log held something once: an empty one is a loss */
  bool expects_entries; /* this server began its log itself */
  bool is_barrier_open;
  bool is_started;
  bool is_closing;
  bool is_raft_closed;
  bool has_failed;
  bool is_failure_told;
  char failure[RAFT_NODE_TEXT_BYTES];
};

/* raft_node.c: "<id in hex>@<address>", what libraft knows a server by. Not 0: too long. */
enum { RAFT_NODE_NAME_BYTES = 16 + 1 + RAFT_NODE_ADDRESS_BYTES_MAX + 1 };
int raft_node_name_address(char* text, size_t bytes, uint64_t id, const char* address);

/* raft_node_io.c: a transport that reaches nobody, for raft_uv_init. */
void raft_node_make_transport(struct raft_uv_transport* transport);
/* Puts our functions before raft_uv's. Call between raft_uv_init and raft_init. */
void raft_node_take_io(struct raft_node* node);
/* Fails this node when the disk has kept an entry for too long. */
void raft_node_watch_disk(struct raft_node* node);
/* Answers the calls that failed; libraft accepts a failure only while it closes. */
void raft_node_release_held(struct raft_node* node);
/* Notes the first failure; told to the owner after the poll. */
void raft_node_fail(struct raft_node* node, const char* what);

/* raft_node_peers.c: raft_io's send and snapshot_get. */
int raft_node_send(struct raft_io* io, struct raft_io_send* request,
                   const struct raft_message* message, raft_io_send_cb cb);
int raft_node_snapshot_get(struct raft_io* io, struct raft_io_snapshot_get* asked,
                           raft_io_snapshot_get_cb cb);
/* Answers every message that was handed over. Not from within libraft. */
void raft_node_finish_sends(struct raft_node* node);

/* raft_node_voters.c: once a loop turn. */
void raft_node_follow_voters(struct raft_node* node);
void raft_node_note_heard(struct raft_node* node, raft_id id);
void raft_node_forget_wanted(struct raft_node* node);
