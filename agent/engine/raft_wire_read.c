/* Reads libraft's messages out of bytes that may be hostile. See raft_wire.h. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/raft_wire.h"
#include "agent/engine/raft_wire_parts.h"

static uint64_t get(const char* at, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = bytes; i-- > 0;) value = value << 8 | (unsigned char)at[i];
  return value;
}

static struct wire_fields get_fields(const char* at) {
  const struct wire_fields fields = {get(at + 2, 1),  get(at + 3, 1), get(at + 4, 2),
                                     get(at + 6, 2),  get(at + 8, 8), get(at + 16, 8),
                                     get(at + 24, 8), get(at + 32, 8)};
  return fields;
}

/* --- checking --------------------------------------------------------------------------------- */

/* libraft's decoder of voters reads past the end of a short buffer; so its shape is walked first:
 * {1 1, servers 8, each {id 8, address and a zero byte, role 1}, zeros to a multiple of 8}. */
static bool is_voters(const char* bytes, size_t length) {
  size_t at = 9;
  struct raft_configuration decoded;
  const struct raft_buffer buffer = {(void*)bytes, length};
  if (length < at || length % 8 != 0 || length > RAFT_WIRE_VOTERS_BYTES_MAX) return false;
  const uint64_t count = get(bytes + 1, 8);
  if (bytes[0] != 1 || count == 0 || count > RAFT_WIRE_VOTERS_BYTES_MAX / 10) return false;
  for (uint64_t i = 0; i < count; i++) {
    if (length - at < 10 || get(bytes + at, 8) == 0) return false;
    const char* zero = memchr(bytes + at + 8, 0, length - at - 8);
    if (zero == NULL) return false;
    at = (size_t)(zero - bytes) + 1;
    if (at == length) return false;
    if (bytes[at] < 0 || bytes[at] > RAFT_SPARE) return false;
    at++;
  }
  if (length - at >= 8) return false;
  /* It refuses an id or an address that stands there twice. */
  if (raft_configuration_decode(&buffer, &decoded) != 0) return false;
  raft_configuration_close(&decoded);
  return true;
}

static bool is_framed(const char* bytes, size_t length, uint64_t mark, uint64_t where) {
  struct frame frame;
  if (length < sizeof frame) return false;
  memcpy(&frame, bytes, sizeof frame);
  return frame.mark == mark && frame.where == where && frame.length <= length - sizeof frame;
}

static bool is_entry(uint64_t type, uint64_t term, const char* bytes, size_t length) {
  if (length == 0 || length % 8 != 0 || length > RAFT_WIRE_ENTRY_BYTES_MAX) return false;
  switch (type) {
    case RAFT_COMMAND:
      return is_framed(bytes, length, FRAME_ENTRY, term);
    case RAFT_BARRIER:
      return length == 8;
    case RAFT_CHANGE:
      return is_voters(bytes, length);
    default:
      return false;
  }
}

static bool is_append(const struct wire_fields* fields, const char* at, const char* end) {
  uint64_t term_min = fields->b;
  if ((fields->a == 0) != (fields->b == 0) || fields->b > fields->term) return false;
  while (at != end) {
    if ((size_t)(end - at) < RAFT_WIRE_ENTRY_BYTES) return false;
    const uint64_t term = get(at, 8);
    const size_t length = get(at + 12, 4);
    if (length > (size_t)(end - at) - RAFT_WIRE_ENTRY_BYTES) return false;
    if (term == 0 || term < term_min || term > fields->term) return false;
    if (!is_entry(get(at + 8, 4), term, at + RAFT_WIRE_ENTRY_BYTES, length)) return false;
    term_min = term;
    at += RAFT_WIRE_ENTRY_BYTES + length;
  }
  return true;
}

static bool is_install(const struct wire_fields* fields, const char* at, const char* end) {
  if (fields->a == 0 || fields->b == 0 || fields->b > fields->term) return false;
  if (fields->c == 0 || fields->c > fields->a || end - at < 8) return false;
  const size_t voters = get(at, 4);
  if (get(at + 4, 4) != 0 || voters > (size_t)(end - at) - 8) return false;
  const char* data = at + 8 + voters;
  return is_voters(at + 8, voters) && end - data <= RAFT_WIRE_SNAPSHOT_BYTES_MAX &&
         is_framed(data, (size_t)(end - data), FRAME_SNAPSHOT, fields->a);
}

static bool is_bare(const struct wire_fields* fields, uint64_t flags_max, bool is_result) {
  if (fields->flags > flags_max) return false;
  return is_result || (fields->features == 0 && fields->capacity == 0);
}

int raft_wire_open(struct raft_wire_reader* reader, const char* bytes, size_t length) {
  if (length < RAFT_WIRE_HEADER_BYTES || bytes[0] != RAFT_WIRE_FORMAT) return 0;
  const struct wire_fields fields = get_fields(bytes);
  const char* at = bytes + RAFT_WIRE_HEADER_BYTES;
  const char* end = bytes + length;
  if (fields.term == 0 || fields.term > WIRE_NUMBER_MAX || fields.a > WIRE_NUMBER_MAX ||
      fields.b > WIRE_NUMBER_MAX || fields.c > WIRE_NUMBER_MAX) {
    return 0;
  }
  bool is_ok = false;
  const bool has_no_body = at == end && fields.c == 0;
  switch (get(bytes + 1, 1)) {
    case RAFT_REQUEST_VOTE:
      is_ok = has_no_body && is_bare(&fields, WIRE_FLAG_YES | WIRE_FLAG_PRE_VOTE, false);
      break;
    case RAFT_REQUEST_VOTE_RESULT:
      is_ok = has_no_body && fields.a == 0 && fields.b == 0 &&
              is_bare(&fields, WIRE_FLAG_YES | WIRE_FLAG_PRE_VOTE, true);
      break;
    case RAFT_APPEND_ENTRIES:
      is_ok = is_bare(&fields, 0, false) && is_append(&fields, at, end);
      break;
    case RAFT_APPEND_ENTRIES_RESULT:
      is_ok = has_no_body && is_bare(&fields, 0, true);
      break;
    case RAFT_INSTALL_SNAPSHOT:
      is_ok = is_bare(&fields, 0, false) && is_install(&fields, at, end);
      break;
    case RAFT_TIMEOUT_NOW:
      is_ok = has_no_body && is_bare(&fields, 0, false);
      break;
    default:
      break;
  }
  const struct raft_wire_reader opened = {bytes, at, end, fields.a, fields.b, 0};
  *reader = opened;
  return is_ok;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The end of the entries that go together: a change of voters begins a message of its own. */
static const char* end_of_run(const char* at, const char* end, unsigned* count, size_t* bytes) {
  *count = 0;
  *bytes = 0;
  while (at != end) {
    if (*count > 0 && get(at + 8, 4) == RAFT_CHANGE) break;
    const size_t length = get(at + 12, 4);
    *count += 1;
    *bytes += length;
    at += RAFT_WIRE_ENTRY_BYTES + length;
  }
  return at;
}

/* libraft frees the one batch that all entries of a message share. */
static int read_append(struct raft_wire_reader* reader, const struct wire_fields* fields,
                       struct raft_append_entries* append) {
  size_t bytes = 0;
  const char* end = end_of_run(reader->next, reader->end, &append->n_entries, &bytes);
  append->version = (unsigned char)fields->version;
  append->term = fields->term;
  append->prev_log_index = reader->prev_index;
  append->prev_log_term = reader->prev_term;
  append->leader_commit = fields->c;
  append->entries = NULL;
  reader->is_done = end == reader->end;
  if (append->n_entries == 0) return 1;
  char* batch = raft_malloc(bytes);
  append->entries = raft_malloc(append->n_entries * sizeof *append->entries);
  if (batch == NULL || append->entries == NULL) {
    raft_free(batch);
    raft_free(append->entries);
    return -1;
  }
  char* to = batch;
  for (unsigned i = 0; i < append->n_entries; i++) {
    struct raft_entry* entry = &append->entries[i];
    entry->term = get(reader->next, 8);
    entry->type = (enum raft_entry_type)get(reader->next + 8, 4);
    entry->buf.len = get(reader->next + 12, 4);
    entry->buf.base = to;
    entry->batch = batch;
    memcpy(to, reader->next + RAFT_WIRE_ENTRY_BYTES, entry->buf.len);
    to += entry->buf.len;
    reader->next += RAFT_WIRE_ENTRY_BYTES + entry->buf.len;
    reader->prev_term = entry->term;
  }
  reader->prev_index += append->n_entries;
  return 1;
}

static int read_install(struct raft_wire_reader* reader, const struct wire_fields* fields,
                        struct raft_install_snapshot* install) {
  const size_t length = get(reader->next, 4);
  const struct raft_buffer voters = {(void*)(reader->next + 8), length};
  const char* data = reader->next + 8 + length;
  install->version = (unsigned char)fields->version;
  install->term = fields->term;
  install->last_index = fields->a;
  install->last_term = fields->b;
  install->conf_index = fields->c;
  install->data.len = (size_t)(reader->end - data);
  install->data.base = raft_malloc(install->data.len);
  if (install->data.base == NULL) return -1;
  memcpy(install->data.base, data, install->data.len);
  if (raft_configuration_decode(&voters, &install->conf) == 0) return 1;
  raft_free(install->data.base);
  return -1;
}

static void read_vote(const struct wire_fields* fields, struct raft_request_vote* vote) {
  vote->version = (unsigned char)fields->version;
  vote->term = fields->term;
  vote->last_log_index = fields->a;
  vote->last_log_term = fields->b;
  vote->disrupt_leader = (fields->flags & WIRE_FLAG_YES) != 0;
  vote->pre_vote = (fields->flags & WIRE_FLAG_PRE_VOTE) != 0;
}

static void read_vote_result(const struct wire_fields* fields,
                             struct raft_request_vote_result* result) {
  result->version = (unsigned char)fields->version;
  result->term = fields->term;
  result->vote_granted = (fields->flags & WIRE_FLAG_YES) != 0;
  result->pre_vote = (fields->flags & WIRE_FLAG_PRE_VOTE) != 0;
  result->features = (unsigned short)fields->features;
  result->capacity = (unsigned short)fields->capacity;
}

static void read_append_result(const struct wire_fields* fields,
                               struct raft_append_entries_result* result) {
  result->version = (unsigned char)fields->version;
  result->term = fields->term;
  result->rejected = fields->a;
  result->last_log_index = fields->b;
  result->features = (unsigned short)fields->features;
  result->capacity = (unsigned short)fields->capacity;
}

int raft_wire_next(struct raft_wire_reader* reader, struct raft_message* message) {
  if (reader->is_done) return 0;
  const struct wire_fields fields = get_fields(reader->header);
  memset(message, 0, sizeof *message);
  message->type = (enum raft_message_type)get(reader->header + 1, 1);
  reader->is_done = 1;
  switch (message->type) {
    case RAFT_REQUEST_VOTE:
      read_vote(&fields, &message->request_vote);
      return 1;
    case RAFT_REQUEST_VOTE_RESULT:
      read_vote_result(&fields, &message->request_vote_result);
      return 1;
    case RAFT_APPEND_ENTRIES:
      return read_append(reader, &fields, &message->append_entries);
    case RAFT_APPEND_ENTRIES_RESULT:
      read_append_result(&fields, &message->append_entries_result);
      return 1;
    case RAFT_INSTALL_SNAPSHOT:
      return read_install(reader, &fields, &message->install_snapshot);
    case RAFT_TIMEOUT_NOW:
      message->timeout_now.version = (unsigned char)fields.version;
      message->timeout_now.term = fields.term;
      message->timeout_now.last_log_index = fields.a;
      message->timeout_now.last_log_term = fields.b;
      return 1;
  }
  return 0;
}

void raft_wire_drop(struct raft_message* message) {
  if (message->type == RAFT_APPEND_ENTRIES && message->append_entries.n_entries > 0) {
    raft_free(message->append_entries.entries[0].batch);
    raft_free(message->append_entries.entries);
  }
  if (message->type == RAFT_INSTALL_SNAPSHOT) {
    raft_configuration_close(&message->install_snapshot.conf);
    raft_free(message->install_snapshot.data.base);
  }
}

static bool reads_alike(struct raft_message* message) {
  char* bytes = NULL;
  size_t length = 0;
  struct raft_wire_reader reader;
  const unsigned count =
      message->type == RAFT_APPEND_ENTRIES ? message->append_entries.n_entries : 0;
  if (raft_wire_encode(message, 0, count, &bytes, &length) != 0) return false;
  bool is_alike = raft_wire_open(&reader, bytes, length) != 0;
  struct raft_message again;
  if (is_alike && raft_wire_next(&reader, &again) == 1) {
    const struct wire_fields before = raft_wire_fields(message, 0);
    const struct wire_fields after = raft_wire_fields(&again, 0);
    is_alike = reader.is_done && memcmp(&before, &after, sizeof before) == 0 &&
               (count == 0 || again.append_entries.n_entries == count);
    raft_wire_drop(&again);
  }
  free(bytes);
  return is_alike;
}

int raft_wire_try(const char* bytes, size_t length) {
  struct raft_wire_reader reader;
  struct raft_message message;
  int count = 0;
  if (!raft_wire_open(&reader, bytes, length)) return -1;
  while (raft_wire_next(&reader, &message) == 1) {
    const bool is_alike = reads_alike(&message);
    raft_wire_drop(&message);
    if (!is_alike) return -2;
    count++;
  }
  return count;
}
