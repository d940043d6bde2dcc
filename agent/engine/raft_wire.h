/* libraft's messages as bytes: our own encoding, since the stock transport's decoder allocates
 * whatever length a peer sends. Pure; any thread. What is read may be hostile: every length is
 * compared with the bytes that really came before anything is allocated or handed to libraft,
 * whose own checks are assertions that the distributions compile out.
 *
 *   offset 0  1  RAFT_WIRE_FORMAT             all numbers are little-endian
 *          1  1  type                         enum raft_message_type
 *          2  1  libraft's version of the message
 *          3  1  flags: 1 vote granted, or leader may be disrupted; 2 pre-vote
 *          4  2  features (results only, else 0)
 *          6  2  capacity (results only, else 0)
 *          8  8  term
 *         16  8  a  request vote: last log index    append: previous index   result: rejected
 *                   install: last index             timeout now: last index
 *         24  8  b  request vote: last log term     append: previous term    result: last index
 *                   install: last term              timeout now: last term
 *         32  8  c  append: leader's commit         install: index of the voters
 *         40  *  append: entries to the end, each {term 8, type 4, length 4, bytes}
 *                install: {length of the voters 4, zero 4, voters, snapshot to the end}
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct raft_message;

enum {
  RAFT_WIRE_FORMAT = 1,
  RAFT_WIRE_HEADER_BYTES = 40,
  RAFT_WIRE_ENTRY_BYTES = 16,              /* before an entry's own */
  RAFT_WIRE_ENTRY_BYTES_MAX = 2 << 20,     /* engine.hpp's 1 MiB, its frame and padding */
  RAFT_WIRE_SLICE_BYTES = 4 << 20,         /* more entries go into another message */
  RAFT_WIRE_VOTERS_BYTES_MAX = 4096,       /* libraft's own bound at bootstrap */
  RAFT_WIRE_SNAPSHOT_BYTES_MAX = 40 << 20, /* below the mesh's 48 MiB a message */
};

/* How many of an append's entries, from `first`, go into one message; 0 for any other message. */
unsigned raft_wire_slice(const struct raft_message* message, unsigned first);
/* Encodes `message` with `count` of its entries from `first`. *bytes is for free(). Not 0: no
 * memory, or more than the bounds above. */
int raft_wire_encode(const struct raft_message* message, unsigned first, unsigned count,
                     char** bytes, size_t* length);

/* NOLINTBEGIN(readability-identifier-naming): C's structs are lower case. */
/* Bytes that were checked as a whole; then messages come out one by one. */
struct raft_wire_reader {
  const char* header;
  const char* next; /* entry, or voters and snapshot */
  const char* end;
  uint64_t prev_index, prev_term; /* before `next` */
  int is_done;
};
/* NOLINTEND(readability-identifier-naming) */

/* 0: not a message of ours, nothing was allocated. The reader points into `bytes`. */
int raft_wire_open(struct raft_wire_reader* reader, const char* bytes, size_t length);
/* 1: *message is filled in, with raft_malloc'ed parts, but for who sent it. 0: no more. -1: no
 * memory. An append comes out in several messages when it holds changes of voters: each begins
 * one. libraft 0.22.1 otherwise books a change under the index of the first new entry, and once
 * such a follower leads, it refuses changes for ever (RAFT_CANTCHANGE). */
int raft_wire_next(struct raft_wire_reader* reader, struct raft_message* message);
/* Frees what raft_wire_next made, for who does not hand it to libraft. */
void raft_wire_drop(struct raft_message* message);
/* Reads `bytes` to the end and writes each message anew, which must read alike. Counts them; -1:
 * refused; -2: what was written does not read alike. For tests. */
int raft_wire_try(const char* bytes, size_t length);

#ifdef __cplusplus
}
#endif
