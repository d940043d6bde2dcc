/* What raft_wire.c and raft_wire_read.c share. Not for C++. */
#pragma once

#include "agent/engine/raft_node_parts.h"
#include "agent/engine/raft_wire.h"

enum { WIRE_FLAG_YES = 1, WIRE_FLAG_PRE_VOTE = 2 };

/* Beyond any index or term; sums of two do not overflow. */
#define WIRE_NUMBER_MAX (UINT64_C(1) << 62)

/* The header without its format and type. */
struct wire_fields {
  uint64_t version, flags, features, capacity, term, a, b, c;
};

/* What the header of `message` says, sent from its entry `first` on. */
struct wire_fields raft_wire_fields(const struct raft_message* message, unsigned first);
