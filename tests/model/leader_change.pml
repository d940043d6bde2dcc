/* A change of leader in the midst of a change of the view: one slot, one key, two hosts, and two
   leaders. OLD leads until NEW has the votes; it does not know, and grants leases as long as its last
   barrier allows.

   The log. Entry 2e-1 proposes the change to epoch e, entry 2e activates it. So one number is a state
   of the whole view: position 2e is epoch e in use, 2e+1 is epoch e with the slot fenced. Every change
   gives the slot a new generation, so that a position names the tag, too.

   Messages get lost, are late, and come twice: what an agent or a leader may do on a message it may do
   at any moment after it was sent, again and again, or never. Two short cuts lose nothing: a leader
   hears of a fence when it needs to (later is only slower), and a commit is one step (an entry that a
   deposed leader submitted, and that survives it, is committed by the election).
   Time is only order: a lease may end at any moment, and its leader knows it no earlier than its
   holder. Any process may pause for ever between any two steps: a crashed agent is one that does
   nothing while its segment lives on.

   Switches. WITHOUT_... leaves out one rule of the design, named where it is used.
     CHANGES, WRITES, RESTARTS  bounds
     FIRST_WRITE_DONE           begins with write 1 acknowledged: fewer states
     GRANTS_IN_FLIGHT           a grant travels for as long as its lease runs, and may come twice
     REDO                       a set or delete that failed is done again; requests may arrive late
     GETS_IN_ORDER              asks for more than G2: no get may fall behind an earlier get either
     ROUTE_IN_TWO_STEPS         a client may pause between the lease's deadline and the slot word */

#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef WRITES
#define WRITES 2
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif

#define OLD 0
#define NEW 1

/* --- the replicated log, and the two leaders ------------------------------------------------------ */

byte committed;    /* position that the log has reached */
byte known_to_old; /* OLD's part of it */
bool is_elected;   /* NEW has the votes: from here on OLD commits nothing */
bool lease_passed; /* t_elect + L is over */
#ifdef WITHOUT_BARRIER
byte lag;          /* entries that NEW has not applied yet */
#else
#define lag 0
#endif

#define LEADER (is_elected -> NEW : OLD) /* the one that can commit */
#define APPLIED(l) ((l) == OLD -> known_to_old : committed - lag)

/* --- hosts ---------------------------------------------------------------------------------------- */

byte position[2]; /* what the host's segment shows */
bool leased[4];   /* the segment's deadline lies ahead: by leader and host, who granted it */
bool saw_new[2];  /* the agent has seen NEW's term; on disk */
byte orphan[2];   /* 1 + position of an older mapping that programs still route by; 0 for none */
bool was_heard[2]; /* acknowledged the proposal, and was restarted since */
byte restarts;
#ifdef GRANTS_IN_FLIGHT
byte in_flight[4]; /* 1 + the position that a grant was asked for; 0 for none */
#define FLIES(l, h) (in_flight[X(l, h)] != 0)
#else
#define FLIES(l, h) false
#endif

#define X(l, h) (2 * (l) + (h))
#define IS_FENCED(p) ((p) & 1)
#define EPOCH(p) ((p) / 2)
#define IS_LEASED(h) (leased[X(OLD, h)] || leased[X(NEW, h)])
#define MAPPED(h) (orphan[h] != 0 -> orphan[h] - 1 : position[h]) /* what programs route by */

/* --- grants ---------------------------------------------------------------------------------------- */

#ifdef WITHOUT_BOUND_ON_GRANTS
#define GRANTS(l) ((l) == OLD || is_elected)
#else
#define GRANTS(l) ((l) == OLD -> !lease_passed : is_elected)
#endif

/* The leader decides from what the request says: a lease is for its own position alone, which while a
   change is proposed means: for who has fenced it. */
#ifdef WITHOUT_REFUSAL
#define DESERVES(l, h) (position[h] == APPLIED(l) || \
  (IS_FENCED(APPLIED(l)) && position[h] + 1 == APPLIED(l)))
#else
#ifdef FROM_THE_BOOK
#define DESERVES(l, h) (position[h] == APPLIED(l) || ((l) == LEADER && was_heard[h]))
#else
#define DESERVES(l, h) (position[h] == APPLIED(l))
#endif
#endif

#ifdef GRANTS_IN_FLIGHT
#define GRANT_TO_THE_DEAD 255 /* asked for by an earlier incarnation */
inline grant(l, h) { in_flight[X(l, h)] = 1 + position[h] }
inline end_lease(l, h) { in_flight[X(l, h)] = 0; leased[X(l, h)] = false }
/* An agent discards a grant that does not match its incarnation and what it has published. */
#ifdef WITHOUT_DISCARDING_GRANTS
#define ARRIVES(l, h) (FLIES(l, h) && orphan[h] == 0)
#else
#define ARRIVES(l, h) (in_flight[X(l, h)] == 1 + position[h] && orphan[h] == 0)
#endif
#else
inline grant(l, h) { leased[X(l, h)] = true }
inline end_lease(l, h) { leased[X(l, h)] = false }
#endif

/* --- the log grows --------------------------------------------------------------------------------- */

/* An agent that waits for an older mapping to end does not acknowledge. */
#ifdef WITHOUT_WAIT_FOR_OLD_MAPPING
#define SPEAKS(h) true
#else
#define SPEAKS(h) (orphan[h] == 0)
#endif

/* A fence counts as acknowledged for its own proposal alone: positions are log indexes. */
#define ACKNOWLEDGED(h) ((position[h] == committed && SPEAKS(h)) || was_heard[h])

/* A new leader waits until t_elect + L for the leases of its predecessor, which it knows nothing of. */
#ifdef WITHOUT_NEW_LEADERS_WAIT
#define OLDER_LEASES_ENDED true
#else
#define OLDER_LEASES_ENDED (!is_elected || lease_passed)
#endif

/* Activate when every agent has acknowledged, or its lease has provably ended. */
#define LEASE_ENDED(h) (!leased[X(LEADER, h)] && !FLIES(LEADER, h) && OLDER_LEASES_ENDED)
#define IS_QUIET (ACKNOWLEDGED_OR_ENDED(0) && ACKNOWLEDGED_OR_ENDED(1))
#define ACKNOWLEDGED_OR_ENDED(h) (ACKNOWLEDGED(h) || LEASE_ENDED(h))

/* Whoever acknowledged to NEW has NEW's term on its disk. */
#define MAY_PROPOSE (lag == 0 && !IS_FENCED(committed) && committed < 2 * CHANGES)
#define MAY_ACTIVATE (lag == 0 && IS_FENCED(committed) && IS_QUIET)
inline commit() {
  if :: is_elected && IS_FENCED(committed) && ACKNOWLEDGED(0) -> saw_new[0] = true :: else fi;
  if :: is_elected && IS_FENCED(committed) && ACKNOWLEDGED(1) -> saw_new[1] = true :: else fi;
  was_heard[0] = false; was_heard[1] = false;
  committed++;
  if :: !is_elected -> known_to_old = committed :: else fi
}

proctype leaders() {
  do
  :: atomic { MAY_PROPOSE -> commit() }
  :: atomic { MAY_ACTIVATE -> commit() } /* its own proposal, or one that it resumes */
  :: atomic { !is_elected -> /* OLD may have submitted an entry that survives it */
       if
       :: MAY_PROPOSE || MAY_ACTIVATE -> committed++
       :: true -> skip
       fi;
       is_elected = true;
       was_heard[0] = false; was_heard[1] = false; /* asked for again, in NEW's term */
#ifdef WITHOUT_BARRIER
       /* NEW acts before it has applied everything up to a barrier of its own term. */
       if
       :: true -> skip
       :: committed > 0 -> lag = 1
       :: committed > 1 -> lag = 2
       fi
#endif
     }
#ifdef WITHOUT_BARRIER
  :: atomic { lag > 0 -> lag = 0 }
#endif
  :: atomic { is_elected && !lease_passed ->
       lease_passed = true;
#ifndef WITHOUT_BOUND_ON_GRANTS
       /* Every grant of OLD ends at tq + L, and tq, its last barrier that completed, was before t_elect. */
       end_lease(OLD, 0);
       end_lease(OLD, 1);
       known_to_old = 0; saw_new[0] = true; saw_new[1] = true /* OLD is history: fewer states */
#endif
     }
  od
}

/* --- agents ---------------------------------------------------------------------------------------- */

inline next_life(h) {
  restarts++;
  /* The leader may have heard of the fence before. Whoever acknowledges has the term on its disk. */
  if
  :: IS_FENCED(committed) && ACKNOWLEDGED(h) -> was_heard[h] = true; saw_new[h] = is_elected
  :: true -> skip
  fi;
#ifdef WITHOUT_TERM_ON_DISK
  saw_new[h] = false;
#endif
#ifdef GRANTS_IN_FLIGHT
#ifndef WITHOUT_DISCARDING_GRANTS
  if :: FLIES(OLD, h) -> in_flight[X(OLD, h)] = GRANT_TO_THE_DEAD :: else fi;
  if :: FLIES(NEW, h) -> in_flight[X(NEW, h)] = GRANT_TO_THE_DEAD :: else fi
#endif
#endif
  skip
}

/* An agent rejects a term lower than the highest it has seen. */
#ifdef WITHOUT_TERMS
#define ACCEPTS(h, l) true
#else
#define ACCEPTS(h, l) ((l) == NEW || !saw_new[h])
#endif

proctype agent(bit h) {
  do
  /* The log, strictly in order: fences at a proposal, publishes at an activation. */
  :: atomic { position[h] < APPLIED(OLD) && ACCEPTS(h, OLD) -> position[h]++ }
  :: atomic { is_elected && position[h] < APPLIED(NEW) -> saw_new[h] = true; position[h]++ }
  /* Asks for a lease. */
  :: atomic { GRANTS(OLD) && DESERVES(OLD, h) && ACCEPTS(h, OLD) && orphan[h] == 0 -> grant(OLD, h) }
  :: atomic { GRANTS(NEW) && DESERVES(NEW, h) && orphan[h] == 0 -> saw_new[h] = true; grant(NEW, h) }
#ifdef GRANTS_IN_FLIGHT
  :: atomic { ARRIVES(OLD, h) && ACCEPTS(h, OLD) -> leased[X(OLD, h)] = true }
  :: atomic { ARRIVES(NEW, h) -> leased[X(NEW, h)] = true }
#endif
  /* A lease runs out. */
  :: atomic { leased[X(OLD, h)] || FLIES(OLD, h) -> end_lease(OLD, h) }
  :: atomic { leased[X(NEW, h)] || FLIES(NEW, h) -> end_lease(NEW, h) }
  /* Restarts, and takes over its own segment: lease, fence and epoch stay, so nothing changes; but: */
#ifdef WITHOUT_KEEPING_FENCES
  :: atomic { restarts < RESTARTS && IS_FENCED(position[h]) -> next_life(h); position[h]-- }
#endif
#ifdef WITHOUT_KEEPING_EPOCH
  :: atomic { restarts < RESTARTS && position[h] > 1 -> next_life(h); position[h] = position[h] - 2 }
#endif
  /* Restarts, and cannot: a new segment, from its last snapshot; programs still have the old one. */
  :: atomic { restarts < RESTARTS && orphan[h] == 0 && (position[h] > 0 || IS_LEASED(h)) ->
       next_life(h);
       if :: IS_LEASED(h) -> orphan[h] = 1 + position[h] :: else fi;
       position[h] = 0 }
  /* The old mapping has ended by itself, or the agent retires its deadline. */
  :: atomic { orphan[h] != 0 ->
       orphan[h] = 0; leased[X(OLD, h)] = false; leased[X(NEW, h)] = false }
  od
}

/* --- backends and clients -------------------------------------------------------------------------- */

byte store[CHANGES + 1]; /* what lies under the tag of each epoch: the number of a write, 0 for nothing */
byte writes;
#ifdef REDO
byte late_write; /* a request that may reach its backend at any later time, or never */
byte late_epoch;
#endif

/* Sets of writes, as bits. G2: no get returns a write that was superseded before the get began. */
byte finished;   /* acknowledged; or failed, and all that it may do is done */
byte superseded; /* finished before another write or delete began, which was then acknowledged */

#ifdef GETS_IN_ORDER
byte seen;       /* returned by a get that has ended: what begins later and has effect supersedes it */
#define NOW_KNOWN (finished | seen)
#define IS_WORTH_FOLLOWING true
#define MAY_MATTER(write, set) (write != 0)
#else
#define NOW_KNOWN finished
/* A get that begins when nothing is superseded, or finds nothing that was, is never stale. */
#define IS_WORTH_FOLLOWING (superseded != 0)
#define MAY_MATTER(write, set) IS_IN(write, set)
#endif

#define IS_IN(write, set) (((write) != 0) && (((set) >> (write)) & 1))

#define IDLE 0
#define GET 1
#define SET 2
#define DELETE 3
#define GOT 4 /* replies */
#define SET_DONE 5
#define DELETE_DONE 6
#define SET_LOST 7
#define DELETE_LOST 8
#define IS_REPLY (doing >= GOT)

#define IS_OPEN(h) (!IS_FENCED(MAPPED(h)))
#define MAY_ROUTE(h) (IS_LEASED(h) && IS_OPEN(h))
#ifdef WITHOUT_VALIDATION
#define IS_VALID true
#else
#define IS_VALID (MAY_ROUTE(h) && EPOCH(MAPPED(h)) == e)
#endif

/* Deadline first, then the slot word. */
#ifndef ROUTE_IN_TWO_STEPS
#define FIRST_STEP MAY_ROUTE(h)
#else
#ifdef WITHOUT_DEADLINE_FIRST
#define FIRST_STEP IS_OPEN(h)
#define SECOND_STEP IS_LEASED(h)
#else
#define FIRST_STEP IS_LEASED(h)
#define SECOND_STEP IS_OPEN(h)
#endif
#endif

/* Done again only under a new tag, where the first attempt can never be seen. */
#ifdef WITHOUT_NEW_TAG
#define MAY_REDO MAY_ROUTE(h)
#else
#define MAY_REDO (MAY_ROUTE(h) && EPOCH(MAPPED(h)) != e)
#endif

inline route() {
  e = EPOCH(MAPPED(h));
#ifdef ROUTE_IN_TWO_STEPS
  is_halfway = true
#endif
}

inline forget() {
#ifdef GETS_IN_ORDER
  seen_before = 0;
#endif
  doing = IDLE; e = 0; write = 0; before = 0
}

inline report_failure() {
  finished = finished | (1 << write); forget()
}

proctype client(bit h) {
  byte doing, e, write, before;
#ifdef GETS_IN_ORDER
  byte seen_before;
#endif
#ifdef ROUTE_IN_TWO_STEPS
  bool is_halfway;
#else
#define is_halfway false
#endif
  do
  :: atomic { doing == IDLE && IS_WORTH_FOLLOWING && FIRST_STEP ->
       route(); doing = GET; before = superseded;
#ifdef GETS_IN_ORDER
       seen_before = seen
#endif
     }
  :: atomic { doing == IDLE && writes < WRITES && FIRST_STEP ->
       route(); writes++; before = NOW_KNOWN;
       if
       :: doing = SET; write = writes
       :: doing = DELETE
       fi }
#ifdef ROUTE_IN_TWO_STEPS
  :: atomic { is_halfway && SECOND_STEP ->
#ifndef WITHOUT_DEADLINE_FIRST
       e = EPOCH(MAPPED(h));
#endif
       is_halfway = false }
  :: atomic { is_halfway -> is_halfway = false; forget() } /* nothing was sent */
#endif
  /* The backend does it, or the request is lost on its way. */
  :: atomic { doing == GET && !is_halfway ->
       if
       :: MAY_MATTER(store[e], before) -> write = store[e]; doing = GOT
       :: else -> forget() /* whatever becomes of the reply, it is not stale */
       fi }
  :: atomic { doing == SET && !is_halfway -> store[e] = write; doing = SET_DONE }
  :: atomic { doing == DELETE && !is_halfway -> store[e] = 0; doing = DELETE_DONE }
#ifndef REDO
  :: atomic { (doing == SET || doing == DELETE) && !is_halfway -> report_failure() }
#else
  :: atomic { doing == SET -> doing = SET_LOST }
  :: atomic { doing == DELETE -> doing = DELETE_LOST }
  :: atomic { doing == SET && late_write == 0 ->
       late_write = write; late_epoch = e; doing = SET_LOST }
  :: atomic { late_write != 0 -> store[late_epoch] = late_write; late_write = 0; late_epoch = 0 }
#endif
  /* A reply is believed if lease and slot word still are what they were. */
  :: atomic { doing == GOT && IS_VALID ->
       assert(!IS_IN(write, before)); /* G2: no stale hit */
#ifdef GETS_IN_ORDER
       superseded = superseded | (seen_before & ~(1 << write));
       seen = seen | (1 << write);
#endif
       forget() }
  :: atomic { (doing == SET_DONE || doing == DELETE_DONE) && IS_VALID ->
       superseded = superseded | (before & ~(1 << write)); finished = finished | (1 << write); forget() }
  /* Or a miss, or a write that is reported as failed: */
#ifdef REDO
  :: atomic { IS_REPLY -> forget() } /* it may yet take effect */
  :: atomic { (doing == SET_DONE || doing == SET_LOST) && MAY_REDO ->
       e = EPOCH(MAPPED(h)); doing = SET }
  :: atomic { (doing == DELETE_DONE || doing == DELETE_LOST) && MAY_REDO ->
       e = EPOCH(MAPPED(h)); doing = DELETE }
#else
  :: atomic { doing == GOT -> forget() }
  :: atomic { doing > GOT -> report_failure() }
#endif
  od
}

init {
  atomic {
    finished = 1; /* write 0 is a delete: no get ever returns it */
#ifdef FIRST_WRITE_DONE
    writes = 1; store[0] = 1; finished = 3;
#endif
    run leaders();
    run agent(0); run agent(1);
    run client(0); run client(1)
  }
}
