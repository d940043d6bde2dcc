/* Writes libraft's messages. See raft_wire.h. */
#include "agent/engine/raft_wire.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/raft_wire_parts.h"

static void put(char* at, unsigned bytes, uint64_t value) {
  for (unsigned i = 0; i < bytes; i++) at[i] = (char)(value >> (8 * i) & 0xff);
}

static void put_fields(char* at, uint64_t type, const struct wire_fields* fields) {
  put(at, 1, RAFT_WIRE_FORMAT);
  put(at + 1, 1, type);
  put(at + 2, 1, fields->version);
  put(at + 3, 1, fields->flags);
  put(at + 4, 2, fields->features);
  put(at + 6, 2, fields->capacity);
  put(at + 8, 8, fields->term);
  put(at + 16, 8, fields->a);
  put(at + 24, 8, fields->b);
  put(at + 32, 8, fields->c);
}

static size_t entry_length(const struct raft_entry* entry) {
  return RAFT_WIRE_ENTRY_BYTES + entry->buf.len;
}

unsigned raft_wire_slice(const struct raft_message* message, unsigned first) {
  if (message->type != RAFT_APPEND_ENTRIES) return 0;
  const struct raft_append_entries* append = &message->append_entries;
  size_t bytes = 0;
  unsigned count = 0;
  while (first + count < append->n_entries) {
    bytes += entry_length(&append->entries[first + count]);
    if (count > 0 && bytes > RAFT_WIRE_SLICE_BYTES) break;
    count++;
  }
  return count;
}

struct wire_fields raft_wire_fields(const struct raft_message* message, unsigned first) {
  struct wire_fields to = {0};
  switch (message->type) {
    case RAFT_REQUEST_VOTE: {
      const struct raft_request_vote* vote = &message->request_vote;
      to.version = vote->version, to.term = vote->term;
      to.flags =
          (vote->disrupt_leader ? WIRE_FLAG_YES : 0) | (vote->pre_vote ? WIRE_FLAG_PRE_VOTE : 0);
      to.a = vote->last_log_index, to.b = vote->last_log_term;
      break;
    }
    case RAFT_REQUEST_VOTE_RESULT: {
      const struct raft_request_vote_result* result = &message->request_vote_result;
      to.version = result->version, to.term = result->term;
      to.flags =
          (result->vote_granted ? WIRE_FLAG_YES : 0) | (result->pre_vote ? WIRE_FLAG_PRE_VOTE : 0);
      to.features = result->features, to.capacity = result->capacity;
      break;
    }
    case RAFT_APPEND_ENTRIES: {
      const struct raft_append_entries* append = &message->append_entries;
      to.version = append->version, to.term = append->term;
      to.a = append->prev_log_index + first;
      to.b = first > 0 ? append->entries[first - 1].term : append->prev_log_term;
      to.c = append->leader_commit;
      break;
    }
    case RAFT_APPEND_ENTRIES_RESULT: {
      const struct raft_append_entries_result* result = &message->append_entries_result;
      to.version = result->version, to.term = result->term;
      to.features = result->features, to.capacity = result->capacity;
      to.a = result->rejected;
      /* Not set in an answer to an older term, which must arrive all the same. */
      to.b = result->last_log_index <= WIRE_NUMBER_MAX ? result->last_log_index : 0;
      break;
    }
    case RAFT_INSTALL_SNAPSHOT: {
      const struct raft_install_snapshot* install = &message->install_snapshot;
      to.version = install->version, to.term = install->term;
      to.a = install->last_index, to.b = install->last_term, to.c = install->conf_index;
      break;
    }
    case RAFT_TIMEOUT_NOW: {
      const struct raft_timeout_now* now = &message->timeout_now;
      to.version = now->version, to.term = now->term;
      to.a = now->last_log_index, to.b = now->last_log_term;
      break;
    }
  }
  return to;
}

static int encode_append(const struct raft_append_entries* append, unsigned first, unsigned count,
                         char** bytes, size_t* length) {
  size_t total = RAFT_WIRE_HEADER_BYTES;
  for (unsigned i = first; i < first + count; i++) {
    if (append->entries[i].buf.len > RAFT_WIRE_ENTRY_BYTES_MAX) return RAFT_TOOBIG;
    total += entry_length(&append->entries[i]);
  }
  char* at = *bytes = malloc(total);
  if (at == NULL) return RAFT_NOMEM;
  *length = total;
  at += RAFT_WIRE_HEADER_BYTES;
  for (unsigned i = first; i < first + count; i++) {
    const struct raft_entry* entry = &append->entries[i];
    put(at, 8, entry->term);
    put(at + 8, 4, entry->type);
    put(at + 12, 4, entry->buf.len);
    memcpy(at + RAFT_WIRE_ENTRY_BYTES, entry->buf.base, entry->buf.len);
    at += entry_length(entry);
  }
  return 0;
}

static int encode_install(const struct raft_install_snapshot* install, char** bytes,
                          size_t* length) {
  struct raft_buffer voters = {NULL, 0};
  if (install->data.len > RAFT_WIRE_SNAPSHOT_BYTES_MAX) return RAFT_TOOBIG;
  int rv = raft_configuration_encode(&install->conf, &voters);
  if (rv != 0) return rv;
  *length = RAFT_WIRE_HEADER_BYTES + 8 + voters.len + install->data.len;
  char* at = *bytes = voters.len <= RAFT_WIRE_VOTERS_BYTES_MAX ? malloc(*length) : NULL;
  if (at != NULL) {
    at += RAFT_WIRE_HEADER_BYTES;
    put(at, 4, voters.len);
    put(at + 4, 4, 0);
    memcpy(at + 8, voters.base, voters.len);
    memcpy(at + 8 + voters.len, install->data.base, install->data.len);
  }
  raft_free(voters.base);
  return at != NULL ? 0 : RAFT_NOMEM;
}

int raft_wire_encode(const struct raft_message* message, unsigned first, unsigned count,
                     char** bytes, size_t* length) {
  int rv = 0;
  if (message->type == RAFT_APPEND_ENTRIES) {
    rv = encode_append(&message->append_entries, first, count, bytes, length);
  } else if (message->type == RAFT_INSTALL_SNAPSHOT) {
    rv = encode_install(&message->install_snapshot, bytes, length);
  } else {
    *length = RAFT_WIRE_HEADER_BYTES;
    *bytes = malloc(*length);
    rv = *bytes != NULL ? 0 : RAFT_NOMEM;
  }
  if (rv != 0) return rv;
  const struct wire_fields fields = raft_wire_fields(message, first);
  put_fields(*bytes, message->type, &fields);
  return 0;
}
