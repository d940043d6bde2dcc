/* libringfence: routes memcached keys from the segment that the host's ringfenced publishes.
 *
 * Thread-safety: every function may be called from any thread on the same handle, except that
 * ringfence_detach() must be the last call on it. A handle stays valid in a forked child.
 * No function aborts, throws or reads outside the segment, whatever the segment holds.
 */
#ifndef RINGFENCE_H
#define RINGFENCE_H

#include <stddef.h>
#include <stdint.h>

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
  RINGFENCE_SYSTEM = 10        /* a system call failed: errno tells */
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

/* NOLINTEND(readability-identifier-naming) */

#ifdef __cplusplus
}
#endif

#endif
