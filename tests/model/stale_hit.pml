/* Why a ring needs generations and leases: one slot, one key, two backends, a reader and a writer on
   two hosts, and an agreement that never fails (leader_change.pml is about that).

   Switches, all off by default; together they are the design:
     FLUSH        a backend is flushed before it joins (the rule of 2007)
     GENERATIONS  each owner of the slot has its own keys: generation tags
     LEASES       a host routes under a lease; a change waits for each host's fence or lease
   Bounds: CHANGES of the view, WRITES of the key. READERS 2 puts a second reader on the writer's host.

   What it leaves out. Time: a lease may end at any moment, and the leader knows it no earlier than its
   holder (in the agent a margin sees to that). Connectivity: any request may be lost before or after
   it took effect, the leader may take any backend for lost at any moment, so all ways of seeing and
   not seeing are covered. Every process may pause between any two of its steps, for ever. */

#ifndef CHANGES
#define CHANGES 3
#endif
#ifndef WRITES
#define WRITES 2
#endif
#ifndef READERS
#define READERS 1
#endif
#define EPOCHS (CHANGES + 1)

/* --- backends ---------------------------------------------------------------------------------- */

byte store[2 * EPOCHS];  /* what lies where: the version last written, 0 for nothing */
byte owner_of[EPOCHS];   /* the view of each epoch: every change moves the slot, so the slot's
                            generation and the view's epoch are one number here */
#ifdef GENERATIONS
#define CELL(e) store[owner_of[e] * EPOCHS + (e)]
#else
#define CELL(e) store[owner_of[e] * EPOCHS]
#endif

inline flush(backend) {
#ifdef FLUSH
  cell = 0;
  do
  :: cell < EPOCHS -> store[(backend) * EPOCHS + cell] = 0; cell++
  :: else -> break
  od;
  cell = 0
#else
  skip
#endif
}

/* --- the agreed view, and each host's segment ---------------------------------------------------- */

byte epoch;      /* the newest activated one */
bool proposed;   /* the change to epoch + 1 is committed, not yet activated */
bool in_view[2]; /* backends that are members */

typedef Segment {
  byte epoch;  /* the view that this host routes by */
  bool fenced; /* the slot's fence */
  bool leased; /* the lease's deadline lies ahead */
};
Segment host[2];
bool acknowledged[2]; /* the leader has heard that this host fenced the proposal */

#ifdef LEASES
#define MAY_ROUTE(h) (host[h].leased && !host[h].fenced)
#define HEARD_OR_ENDED(h) (acknowledged[h] || !host[h].leased)
#define MAY_ACTIVATE (HEARD_OR_ENDED(0) && HEARD_OR_ENDED(1))
#else
#define MAY_ROUTE(h) true
#define MAY_ACTIVATE true
#endif
/* A reply counts only if the lease still held and the slot word was unchanged when it arrived. */
#define VALID(h, e) (MAY_ROUTE(h) && host[h].epoch == (e))

inline propose(backend) {
  owner_of[epoch + 1] = backend;
  acknowledged[0] = false;
  acknowledged[1] = false;
  proposed = true
}

#define OWNER owner_of[epoch]
#define OTHER (1 - owner_of[epoch])
#define MAY_PROPOSE (!proposed && epoch < CHANGES)

proctype leader() {
  byte cell;
  do
  :: atomic { MAY_PROPOSE && in_view[OTHER] -> /* the owner is lost: the other takes over */
       in_view[OWNER] = false; propose(OTHER) }
  :: atomic { MAY_PROPOSE && !in_view[OTHER] -> /* the other is back, with its memory: it takes over */
       flush(OTHER); in_view[OTHER] = true; propose(OTHER) }
  :: atomic { MAY_PROPOSE -> /* the owner was lost and is back at once: it has the slot again */
       flush(OWNER); propose(OWNER) }
  :: atomic { proposed && MAY_ACTIVATE -> epoch++; proposed = false }
  od
}

proctype agent(byte h) {
  do
#ifdef LEASES
  /* Fence first, acknowledge afterwards. */
  :: atomic { proposed && host[h].epoch == epoch && !host[h].fenced -> host[h].fenced = true }
  :: atomic { proposed && host[h].epoch == epoch && host[h].fenced && !acknowledged[h] ->
       acknowledged[h] = true }
  /* A lease ends, and is granted for the newest activated epoch alone; while a change is proposed,
     only to who acknowledged its fence. */
  :: atomic { host[h].leased -> host[h].leased = false }
  :: atomic { !host[h].leased && host[h].epoch == epoch && (!proposed || acknowledged[h]) ->
       host[h].leased = true }
#endif
  :: atomic { host[h].epoch < epoch -> /* publishes the next view, in log order; its fence goes */
       host[h].epoch++; host[h].fenced = false }
  od
}

/* --- clients ------------------------------------------------------------------------------------- */

byte known; /* the newest version that a client was told of: written and acknowledged, or read */

proctype writer(byte h) {
  byte version, e;
  bool is_done;
  do
  :: atomic { version < WRITES && MAY_ROUTE(h) -> version++; e = host[h].epoch }
     if
     :: atomic { CELL(e) = version; is_done = true } /* set */
     :: atomic { CELL(e) = 0; is_done = true }       /* delete */
     :: is_done = false                              /* lost on the way */
     fi;
     atomic {
       if
       :: is_done && VALID(h, e) -> known = version
       :: true -> skip /* reported as failed */
       fi;
       is_done = false; e = 0
     }
  od
}

proctype reader(byte h) {
  byte value, e, known_before;
  do
  :: atomic { MAY_ROUTE(h) -> e = host[h].epoch; known_before = known }
     value = CELL(e);
     atomic {
       if
       :: value != 0 && VALID(h, e) ->
            assert(value >= known_before); /* G2: no stale hit */
            if :: value > known -> known = value :: else fi
       :: true -> skip /* a miss, or no answer */
       fi;
       value = 0; e = 0; known_before = 0
     }
  od
}

init {
  atomic {
    in_view[0] = true; in_view[1] = true;
    host[0].leased = true; host[1].leased = true;
    run leader(); run agent(0); run agent(1);
    run writer(1); run reader(0);
#if READERS > 1
    run reader(1)
#endif
  }
}
