/* libringfence: memcached by the ring that the host's ringfenced publishes.
 *
 * The client (ringfence_client_...) does everything: it routes, connects, sends, reads, validates.
 * The routing functions below it are for programs that have connections of their own.
 *
 * Thread-safety: every function may be called from any thread on the same handle or client, except
 * that ringfence_detach() and ringfence_client_close() must be the last call on theirs. Both stay
 * valid in a forked child: it has connections of its own, and the parent's are left alone.
 * No function aborts, throws or reads outside the segment, whatever the segment holds.
 */
#ifndef RINGFENCE_H
#define RINGFENCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(readability-identifier-naming): names as C libraries have them */

typedef struct ringfence_handle ringfence_t;

typedef enum ringfence_status {
  RINGFENCE_OK = 0,
  RINGFENCE_NO_VIEW =
      1, /* no segment, or its agent closed it: ringfence_refresh() attaches again */
  RINGFENCE_LEASE_LAPSED = 2, /* the agent is gone, hung or cut off: treat a get as a miss */
  RINGFENCE_FENCED = 3,       /* the slot is changing hands: ask again within milliseconds */
  RINGFENCE_UNOWNED = 4,      /* no backend serves this key now: a get is a miss, a write fails */
  RINGFENCE_CHANGED = 5,      /* validate: the slot changed since the route; refuse the reply */
  RINGFENCE_KEY_INVALID =
      6, /* empty, longer than 250 bytes, or with a blank or control character */
  RINGFENCE_OTHER_VERSION = 7, /* the segment is of a layout this library does not know */
  RINGFENCE_DAMAGED = 8,       /* the file is not a whole segment */
  RINGFENCE_AMBIGUOUS = 9,     /* several segments on this host: name one */
  RINGFENCE_SYSTEM = 10,       /* a system call failed: errno tells */

  /* The client's alone. */
  RINGFENCE_MISS = 11,         /* get, gets, gat: no such item */
  RINGFENCE_NOT_STORED = 12,   /* add, replace, append, prepend: their condition does not hold */
  RINGFENCE_EXISTS = 13,       /* cas: somebody else stored since */
  RINGFENCE_NOT_FOUND = 14,    /* cas, delete, incr, decr, touch: no such item */
  RINGFENCE_BACKEND_LOST = 15, /* no connection, or it ended before the answer: a get is a miss; a
                                  write may or may not have happened */
  RINGFENCE_TIMED_OUT = 16,    /* the call's time is up: as BACKEND_LOST */
  RINGFENCE_TOO_LARGE = 17,    /* the server takes no value of this size; it deleted the old one */
  RINGFENCE_REFUSED = 18,      /* the server answered with an error: ringfence_client_error() */
  RINGFENCE_INVALID = 19       /* an argument cannot be: NULL, or an unknown verb */
} ringfence_status;

#define RINGFENCE_KEY_MAX 250

/* What a route returns. Keep it until the reply has arrived, then give it to ringfence_validate().
 */
typedef struct ringfence_ticket {
  uint64_t slot_word;
  uint64_t pool_word;
  uint32_t slot;
  uint16_t backend;    /* index, below 1024; the same backend for as long as the ticket holds */
  uint16_t attachment; /* which mapping it came from; ringfence_refresh() may make a newer one */
} ringfence_ticket;

/* Where a backend listens. */
typedef struct ringfence_address {
  char text[112];  /* "host:port" as configured, or a unix path; NUL-terminated */
  uint8_t ip[16];  /* network byte order; the first 4 bytes for IPv4 */
  uint16_t port;   /* host byte order; 0 for a unix path */
  uint16_t family; /* 4, 6, or 1 for a unix path */
  uint32_t reserved;
  uint64_t incarnation; /* grows with each admission: drop connections of an earlier one */
} ringfence_address;

/* Attaches to `segment_path`; NULL: to $RINGFENCE_SEGMENT (unless the process is setuid), else to
 * the only segment in /dev/shm/ringfence. On RINGFENCE_NO_VIEW a handle is made too, and
 * ringfence_refresh() may attach it later; otherwise *handle is NULL on failure.
 * Cost: open, fstat, mmap. */
ringfence_status ringfence_attach(const char* segment_path, ringfence_t** handle);

/* Unmaps and frees. NULL is allowed. */
void ringfence_detach(ringfence_t* handle);

/* Attaches again if the agent replaced its segment, or if none was there before; else does nothing.
 * Tickets of the earlier segment are then CHANGED. Call it when a route says NO_VIEW or
 * LEASE_LAPSED, at most a few times a second. Of threads that call it at once, one does the work.
 * Cost: one stat, and an attach when the file is another one. Mappings that other threads may still
 * read are kept until ringfence_detach(). */
ringfence_status ringfence_refresh(ringfence_t* handle);

/* Where `key` goes now. Wait-free; no allocation; no system call but the (coarse) clock; about 10
 * ns. Returns OK, NO_VIEW, LEASE_LAPSED, FENCED, UNOWNED or KEY_INVALID (only the length is
 * checked). */
ringfence_status ringfence_route(const ringfence_t* handle, const char* key, size_t key_bytes,
                                 ringfence_ticket* ticket);

/* Whether a reply that has arrived may be believed: OK, LEASE_LAPSED (wait for the renewal,
 * bounded, and ask again), CHANGED, or NO_VIEW. Wait-free; one clock read; about 30 ns. */
ringfence_status ringfence_validate(const ringfence_t* handle, const ringfence_ticket* ticket);

/* Writes the key as it must be sent to memcached (with the slot's tag) into `wire_key`, which holds
 * RINGFENCE_KEY_MAX bytes, and returns its length (no NUL); 0 if `key_bytes` is 0 or above the
 * limit. */
size_t ringfence_wire_key(const ringfence_ticket* ticket, const char* key, size_t key_bytes,
                          char* wire_key);

/* The address of the ticket's backend: OK, or NO_VIEW when it is not known (any more). Copies;
 * below 100 ns. */
ringfence_status ringfence_backend(const ringfence_t* handle, const ringfence_ticket* ticket,
                                   ringfence_address* address);

/* The epoch of the last view that was published whole; 0 without a view. */
uint64_t ringfence_epoch(const ringfence_t* handle);

/* A static text for a status. Never NULL. */
const char* ringfence_describe(ringfence_status status);

/* ---------------------------------------------------------------------------------------------
 * The client.
 *
 *   ringfence_client_t* client;
 *   ringfence_client_open(NULL, &client);
 *   ringfence_set(client, "k", 1, "v", 1, 0, 0, RINGFENCE_DEFAULT_TIMEOUT);
 *
 * A call is one or more requests to one backend each, and returns before its timeout plus 20 ms.
 * It never returns OK for what may be lost, never repeats a request under the same tag, and takes a
 * reply only while the view under which it was sent holds.
 *
 * timeout_ms: of this call, from its begin; RINGFENCE_DEFAULT_TIMEOUT for the client's own; at most
 * an hour; another negative one is INVALID. Waiting for a change of the view, for a renewal of the
 * lease, for a connection and for the backend all count.
 *
 * Keys: 1 to 250 bytes, without blanks and control characters, else RINGFENCE_KEY_INVALID and
 * nothing was sent. exptime: memcached's: seconds up to 30 days, or a unix time (until 2038, which
 * a later one is taken for); 0 for ever; < 0 at once. Values: up to 1 GiB, else INVALID; most
 * servers take 1 MiB.
 *
 * Cost of an operation on one key: its round trip; one send and one receive system call, and no
 * allocation once the connection is open and the value's memory is large enough. A new connection
 * costs two round trips more.
 *
 * A backend that has no connection to spare is asked through the agent's port for a second. The
 * port says NOT_STORED of an add, replace, append or prepend also when it does not know whether it
 * was done, so by that way it is BACKEND_LOST.
 *
 * Every operation may also return NO_VIEW, LEASE_LAPSED, FENCED (its change did not end in time),
 * UNOWNED, CHANGED (the view changed under it and it could not be done again: a write may have been
 * lost), BACKEND_LOST, TIMED_OUT, REFUSED, KEY_INVALID, INVALID and SYSTEM.
 */

#define RINGFENCE_DEFAULT_TIMEOUT (-1)

typedef struct ringfence_client ringfence_client_t;

/* Zero, or what ringfence_options_init() wrote, is the default everywhere. */
typedef struct ringfence_options {
  size_t struct_bytes;              /* sizeof(ringfence_options): which fields the program knows */
  const char* segment_path;         /* as for ringfence_attach() */
  uint32_t timeout_ms;              /* of a call; default 1000 */
  uint32_t connect_timeout_ms;      /* of opening one connection, within the call's; default 250 */
  uint32_t connections_per_backend; /* of this client to one backend; default 8. More calls at once
                                       than this wait for one another. */
  uint32_t idle_ms;                 /* a connection unused for longer is closed; default 30000 */
} ringfence_options;

/* Defaults. Here, not in the library: it writes the fields that the program was compiled with. */
static inline void ringfence_options_init(ringfence_options* options) {
  memset(options, 0, sizeof *options);
  options->struct_bytes = sizeof *options;
}

/* Makes a client. `options` NULL: defaults. Opens no connection. OK or NO_VIEW (there is no agent
 * yet: every call looks for it again, at most ten times a second) make a client; any other status
 * sets *client to NULL. Cost: as ringfence_attach(). */
ringfence_status ringfence_client_open(const ringfence_options* options,
                                       ringfence_client_t** client);

/* Closes its connections and frees it. No call may be under way. NULL is allowed. Never waits. */
void ringfence_client_close(ringfence_client_t* client);

/* What the server said when this thread's last call on any client returned REFUSED, without its
 * CRLF; else "". Valid until this thread's next call. Never NULL. */
const char* ringfence_client_error(void);

/* A value that was read. Zero-initialise it, give it to as many calls as you like (its memory is
 * used again), free it at the end. One thread at a time. */
typedef struct ringfence_value {
  char* data;      /* `bytes` bytes and a NUL behind them; NULL until a first hit */
  size_t bytes;    /* 0 after a miss */
  size_t capacity; /* of data, in bytes */
  uint64_t cas;    /* gets, gat: for ringfence_cas(); else 0 */
  uint32_t flags;  /* as stored */
  uint32_t reserved;
} ringfence_value;

void ringfence_value_free(ringfence_value* value);

/* OK is a hit, MISS a miss. gets also reads the cas unique; gat also sets the expiry. */
ringfence_status ringfence_get(ringfence_client_t* client, const char* key, size_t key_bytes,
                               ringfence_value* value, int64_t timeout_ms);
ringfence_status ringfence_gets(ringfence_client_t* client, const char* key, size_t key_bytes,
                                ringfence_value* value, int64_t timeout_ms);
ringfence_status ringfence_gat(ringfence_client_t* client, const char* key, size_t key_bytes,
                               int64_t exptime, ringfence_value* value, int64_t timeout_ms);

/* OK is stored. add, replace, append, prepend: NOT_STORED where their condition does not hold.
 * append and prepend keep the item's flags and expiry. TOO_LARGE as above. */
ringfence_status ringfence_set(ringfence_client_t* client, const char* key, size_t key_bytes,
                               const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                               int64_t timeout_ms);
ringfence_status ringfence_add(ringfence_client_t* client, const char* key, size_t key_bytes,
                               const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                               int64_t timeout_ms);
ringfence_status ringfence_replace(ringfence_client_t* client, const char* key, size_t key_bytes,
                                   const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                                   int64_t timeout_ms);
ringfence_status ringfence_append(ringfence_client_t* client, const char* key, size_t key_bytes,
                                  const char* data, size_t bytes, int64_t timeout_ms);
ringfence_status ringfence_prepend(ringfence_client_t* client, const char* key, size_t key_bytes,
                                   const char* data, size_t bytes, int64_t timeout_ms);

/* Stores if nobody stored since `cas` was read: OK, EXISTS or NOT_FOUND. */
ringfence_status ringfence_cas(ringfence_client_t* client, const char* key, size_t key_bytes,
                               const char* data, size_t bytes, uint32_t flags, int64_t exptime,
                               uint64_t cas, int64_t timeout_ms);

/* OK or NOT_FOUND. */
ringfence_status ringfence_delete(ringfence_client_t* client, const char* key, size_t key_bytes,
                                  int64_t timeout_ms);
ringfence_status ringfence_touch(ringfence_client_t* client, const char* key, size_t key_bytes,
                                 int64_t exptime, int64_t timeout_ms);

/* OK (*result, unless NULL, is the new number) or NOT_FOUND; REFUSED where the item is no number.
 * incr wraps at 2^64, decr ends at 0. */
ringfence_status ringfence_incr(ringfence_client_t* client, const char* key, size_t key_bytes,
                                uint64_t delta, uint64_t* result, int64_t timeout_ms);
ringfence_status ringfence_decr(ringfence_client_t* client, const char* key, size_t key_bytes,
                                uint64_t delta, uint64_t* result, int64_t timeout_ms);

/* ---- Many keys in one call: split by backend, sent to all before any answer is awaited. */

typedef struct ringfence_key {
  const char* data;
  size_t bytes;
} ringfence_key;

/* Called once for each key, in the order in which answers arrive; `index` is the key's place in the
 * call. `value` is NULL unless status is OK; its data is not NUL-terminated and valid in the
 * callback only. The callback must not use the same client: it holds the connections. It may not
 * throw or longjmp. It may fork: in the child the rest of the call is BACKEND_LOST. */
typedef void (*ringfence_each)(void* context, size_t index, ringfence_status status,
                               const ringfence_value* value);

/* Reads `count` keys (any number; a key may come twice). Returns OK when each key was told of,
 * whatever was told; INVALID if nothing was; SYSTEM (no memory) if some were perhaps not. Values
 * carry their cas unique if with_cas is not 0. A key that cannot be is told KEY_INVALID or INVALID.
 * A backend that hangs delays the others' keys by 20 ms at most. Cost: one send a backend, and its
 * answers' receives; some 60 bytes of memory a key, for up to 4,096 keys at a time. */
ringfence_status ringfence_get_each(ringfence_client_t* client, const ringfence_key* keys,
                                    size_t count, int with_cas, ringfence_each callback,
                                    void* context, int64_t timeout_ms);

/* The same, gathered: values[i] and statuses[i] belong to keys[i]. */
ringfence_status ringfence_get_many(ringfence_client_t* client, const ringfence_key* keys,
                                    size_t count, ringfence_value* values,
                                    ringfence_status* statuses, int64_t timeout_ms);

typedef enum ringfence_verb {
  RINGFENCE_VERB_SET = 0,
  RINGFENCE_VERB_ADD = 1,
  RINGFENCE_VERB_REPLACE = 2,
  RINGFENCE_VERB_APPEND = 3,
  RINGFENCE_VERB_PREPEND = 4,
  RINGFENCE_VERB_CAS = 5,
  RINGFENCE_VERB_DELETE = 6,
  RINGFENCE_VERB_TOUCH = 7
} ringfence_verb;

typedef struct ringfence_write {
  ringfence_key key;
  const char* data; /* the value; delete and touch have none */
  size_t bytes;
  int64_t exptime;
  uint64_t cas; /* RINGFENCE_VERB_CAS alone */
  uint32_t flags;
  uint32_t verb; /* ringfence_verb */
} ringfence_write;

/* Writes `count` items, pipelined, each acknowledged by itself: statuses[i] is what the function
 * for one item would have returned, but that a write is not done again behind a later one of its
 * slot: it is then CHANGED or BACKEND_LOST. Writes of one key are done in their order. Returns OK
 * when all statuses are OK; else the first that is not. Cost: as ringfence_get_each(). */
ringfence_status ringfence_write_many(ringfence_client_t* client, const ringfence_write* writes,
                                      size_t count, ringfence_status* statuses, int64_t timeout_ms);

/* NOLINTEND(readability-identifier-naming) */

#ifdef __cplusplus
}
#endif

#endif
