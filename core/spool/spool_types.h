/* SPDX-License-Identifier: Apache-2.0 */
/* spool_types - what the files of the spool share; private to this room. */
#ifndef REEVE_SPOOL_TYPES_H
#define REEVE_SPOOL_TYPES_H
#include "dead_keep.h"
#include "queue.h"
#include "spool.h"
#include "store.h"
#include "base/disk.h"
#include "base/map.h"

#define READY_MAX      1024u              /* copies of one destination in memory … */
#define READY_BYTES    ((size_t)2 << 20)  /* … and their events */
#define CACHE_BYTES    ((size_t)64 << 20) /* events of all destinations in memory */
#define DELAYED_MAX    8192u
#define MOVE_ROWS      200u               /* of one transaction; their ids fit into one frame */
#define HELD_BYTES     ((size_t)32 << 20) /* events that one consumer holds unsettled */
#define RETRY_WRITE_MS 1000u

struct dest {
    struct dest *next;
    char *name;
    uint32_t no;
    bool configured, strict;
    bool moving; /* a page of it is being moved (move.c): nothing is given out meanwhile */
    uint64_t limit_messages, limit_bytes; /* 0: none */
    /* As they will be when all that was accepted is written. */
    uint64_t messages, bytes, dead;
    bool dirty; /* totals to be written */
    uint64_t next_key;
    uint64_t delayed, held,
        settling;   /* held: given out and not durably settled; settling: part of it */
    uint64_t stamp; /* of the last publish that named it */

    struct queue q;
    uint64_t loaded;             /* copies up to this key are in memory, held, or delayed */
    bool more;                   /* there are ready ones beyond */
    uint64_t mark_due, mark_key; /* delayed copies up to here are in memory or held */
    bool more_delayed;

    struct consumer *consumers; /* ring; the next one to be served */
    struct {                    /* the last failed attempt */
        char code[SPOOL_CODE_MAX + 1], text[ERR_TEXT_MAX];
        uint64_t at_ms;
    } last_error;
};

struct slot {
    struct copy *copy; /* NULL: free */
    uint32_t serial;
    bool settling;
};

struct consumer {
    struct consumer *prev, *next; /* in the destination's ring */
    struct peer *peer;            /* NULL: gone, waits for its last settlement */
    struct dest *dest;
    uint32_t sub, prefetch, held;
    size_t held_bytes;
    bool paused;
    struct slot *slots;
    uint32_t *free; /* stack of slot numbers */
};

enum op_kind { OP_PUBLISH, OP_SETTLE, OP_REPLAY, OP_DISCARD, OP_MOVE };

struct op {
    enum op_kind kind;
    enum settle how;
    struct peer *peer; /* NULL: gone */
    uint64_t no;       /* publish: the client's; settle: handle; dead: number */
    union {
        struct {
            struct body *body;
            uint64_t first_ms, body_no;
            struct target {
                struct dest *dest;
                uint64_t key;
            } one, *many; /* many: when n > 1 */
            uint32_t n;
        } pub;
        struct {
            struct consumer *consumer; /* NULL: freed */
            struct dest *dest;
            struct copy *copy;
            uint64_t due, due_at;
            char *code, *text;
            uint32_t slot, attempts;
        } set;
        struct {
            struct dest *dest;
            uint64_t key, body, size;
        } dead;
        struct move *move;
    };
};

struct spool {
    struct store *store;
    int lock_fd;
    char *reserve_path;
    bool reserve_there;
    uint64_t reserve_again;
    size_t message_max;
    char *data;
    struct disk disk;
    struct dead_keeping keeping;
    uint64_t wall_start, mono_start,
        now; /* the spool's clock: wall time at the start, then monotonic */
    struct map *by_name;
    struct dest *dests;
    size_t cached; /* bytes of events in memory */
    struct op *ops;
    size_t ops_n, ops_cap;
    uint64_t *runs; /* keys of plain removals of a turn */
    size_t runs_cap;
    uint64_t stamp;
    uint64_t refuse_until; /* publishes are refused: the file could not be written */
    uint64_t write_again;  /* nothing is tried: not even settlements could be written */
    bool in_trouble, disk_full;
    bool again; /* there is more to deliver without waiting for anything */
    struct err trouble;
};

/* spool.c */
uint64_t spool_clock(struct spool *s);
struct dest *spool_dest(struct spool *s, const char *name, size_t len);
struct dest *spool_dest_by_no(struct spool *s, uint32_t no);
/* intake.c */
struct op *op_new(struct spool *s);
void op_done(struct op *op);
/* NULL, or the refusal of one message more: code, and the text in *text. */
const char *spool_refuses(struct spool *s, const struct dest *d, size_t size, struct err *text);
/* dead.c: asks for the replay or the removal of a letter. NULL: out of memory */
struct op *dead_op(struct spool *s, struct peer *p, enum op_kind kind, const struct dead_row *row,
                   struct dest *d);
/* dead_keep.c: the next step of the walk through the letters */
void dead_expire(struct spool *s);
/* move.c: an OP_MOVE */
int move_write(struct spool *s, struct op *op, struct err *e);
void move_apply(struct spool *s, struct op *op); /* it is durable */
void move_undo(struct op *op);                   /* takes back what intake counted */
void move_done(struct op *op);
/* commit.c */
void spool_commit(struct spool *s);
void spool_mend(struct spool *s); /* ends the trouble when there is space again */
/* deliver.c */
void deliver_added(struct spool *s, struct dest *d, uint64_t key, uint64_t first_ms,
                   uint64_t body_no, struct body *body); /* a committed message; body may be NULL */
/* What is in memory of a queue at rest is forgotten and read again from the file when it is wanted.
 */
void deliver_forget(struct spool *s, struct dest *d);
void deliver_settled(struct spool *s, struct op *op);
void deliver_all(struct spool *s);
uint64_t deliver_due(const struct spool *s,
                     const struct dest *d); /* UINT64_MAX: nothing waits for time */
void consumer_free(struct consumer *c);
/* reserve.c: a file that holds disk space for settlements when the disk is full. */
void reserve_make(struct spool *s);
bool reserve_release(struct spool *s); /* false: there was none */

#endif
