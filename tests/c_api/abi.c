/* The interface as programs were compiled against it: sizes, offsets and numbers that may never
 * change. A field is added at the end of ringfence_options alone; a status or a verb gets a new
 * number. Compiled, never run. */
#include <limits.h>
#include <stddef.h>

#include "ringfence.h"

#if UINTPTR_MAX == UINT64_MAX

#define PLACED(type, member, offset) \
  _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZED(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size")
#define NUMBERED(name, number) _Static_assert((name) == (number), #name " has another number")

SIZED(ringfence_ticket, 24);
SIZED(ringfence_address, 144);
SIZED(ringfence_key, 16);
SIZED(ringfence_value, 40);
PLACED(ringfence_value, bytes, 8);
PLACED(ringfence_value, capacity, 16);
PLACED(ringfence_value, cas, 24);
PLACED(ringfence_value, flags, 32);
SIZED(ringfence_write, 56);
PLACED(ringfence_write, data, 16);
PLACED(ringfence_write, bytes, 24);
PLACED(ringfence_write, exptime, 32);
PLACED(ringfence_write, cas, 40);
PLACED(ringfence_write, flags, 48);
PLACED(ringfence_write, verb, 52);
_Static_assert(sizeof(ringfence_options) >= 32, "ringfence_options has lost a field");
PLACED(ringfence_options, struct_bytes, 0);
PLACED(ringfence_options, segment_path, 8);
PLACED(ringfence_options, timeout_ms, 16);
PLACED(ringfence_options, connect_timeout_ms, 20);
PLACED(ringfence_options, connections_per_backend, 24);
PLACED(ringfence_options, idle_ms, 28);

NUMBERED(RINGFENCE_OK, 0);
NUMBERED(RINGFENCE_NO_VIEW, 1);
NUMBERED(RINGFENCE_LEASE_LAPSED, 2);
NUMBERED(RINGFENCE_FENCED, 3);
NUMBERED(RINGFENCE_UNOWNED, 4);
NUMBERED(RINGFENCE_CHANGED, 5);
NUMBERED(RINGFENCE_KEY_INVALID, 6);
NUMBERED(RINGFENCE_OTHER_VERSION, 7);
NUMBERED(RINGFENCE_DAMAGED, 8);
NUMBERED(RINGFENCE_AMBIGUOUS, 9);
NUMBERED(RINGFENCE_SYSTEM, 10);
NUMBERED(RINGFENCE_MISS, 11);
NUMBERED(RINGFENCE_NOT_STORED, 12);
NUMBERED(RINGFENCE_EXISTS, 13);
NUMBERED(RINGFENCE_NOT_FOUND, 14);
NUMBERED(RINGFENCE_BACKEND_LOST, 15);
NUMBERED(RINGFENCE_TIMED_OUT, 16);
NUMBERED(RINGFENCE_TOO_LARGE, 17);
NUMBERED(RINGFENCE_REFUSED, 18);
NUMBERED(RINGFENCE_INVALID, 19);
NUMBERED(RINGFENCE_VERB_SET, 0);
NUMBERED(RINGFENCE_VERB_ADD, 1);
NUMBERED(RINGFENCE_VERB_REPLACE, 2);
NUMBERED(RINGFENCE_VERB_APPEND, 3);
NUMBERED(RINGFENCE_VERB_PREPEND, 4);
NUMBERED(RINGFENCE_VERB_CAS, 5);
NUMBERED(RINGFENCE_VERB_DELETE, 6);
NUMBERED(RINGFENCE_VERB_TOUCH, 7);
NUMBERED(RINGFENCE_DEFAULT_TIMEOUT, -1);
NUMBERED(RINGFENCE_KEY_MAX, 250);

#endif
