/* SPDX-License-Identifier: Apache-2.0 */
/* store - the spool's SQLite file: what is in it and the statements on it. No policy.
 *
 * One row of `copy` for each destination of a message. Its key is destination number << KEY_SHIFT |
 * running number, so that one B-tree without any further index holds every queue in its order. The
 * event of a message with one destination lies in that row (one insert, one delete); that of a
 * message with several, or a big one, lies once in `body` and goes with its last copy. `later`
 * orders the delayed copies by due time and is touched by retries only. `destination` keeps exact
 * totals, written in the same transaction as what they count.
 *
 * Changes happen between store_begin() and store_commit(); durable when commit returned 0. After
 * any failure call store_rollback(): nothing of the transaction remains. Functions give 0 or a
 * negative errno with *e filled; code "db-disk-full" is the one that callers look at. Not
 * thread-safe. */
#ifndef REEVE_SPOOL_STORE_H
#define REEVE_SPOOL_STORE_H
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SHIFT   40
#define KEY_MASK    (((uint64_t)1 << KEY_SHIFT) - 1)
#define DEST_NO_MAX ((1u << 22) - 1)
#define INLINE_MAX                                                                \
    ((size_t)16 << 10) /* a bigger event goes to `body` even when it has one copy \
                        */

struct store;

struct copy_row { /* one copy; id and bytes borrowed until the next call on the store */
    uint64_t key, first_ms, due; /* due 0: was never delayed */
    uint64_t body;               /* 0: the event lies in the row */
    uint32_t attempts;
    size_t size; /* of the event */
    const char *id;
    size_t id_len;
    const char *bytes; /* NULL: not read */
};

struct dest_row { /* name borrowed */
    uint32_t no;
    const char *name;
    uint64_t messages, bytes, dead;
};

struct dead_row { /* all borrowed */
    uint64_t number, first_ms, dead_ms, body;
    uint64_t seen_ms, warned_ms; /* when somebody was shown it, or warned of it; 0: not yet */
    uint32_t dest, attempts;
    const char *id, *code, *text, *bytes; /* bytes NULL unless asked for */
    size_t id_len, size;
};

/* Takes the lock of the file in `dir` until the descriptor is closed. -EBUSY, code "spool-locked".
 */
int store_lock(const char *dir, int *ret_fd, struct err *e);
int store_open(const char *path, struct store **ret, struct err *e);
void store_close(struct store *s); /* rolls back what is open; NULL is fine */
int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);
uint64_t store_file_bytes(struct store *s);

/* Destinations. */
int store_dest_add(struct store *s, const char *name, uint32_t *ret_no,
                   struct err *e); /* own transaction */
/* The queue `old` with all that is in it becomes `name`; own transaction. 1: done, 0: there is no
 * `old`, -EEXIST, code "queue-twice": both hold something. */
int store_dest_rename(struct store *s, const char *old, const char *name, struct err *e);
int store_dest_each(struct store *s, int (*fn)(void *arg, const struct dest_row *d), void *arg,
                    struct err *e);
int store_dest_totals(struct store *s, const struct dest_row *d, struct err *e); /* name unused */
int store_dest_last(struct store *s, uint32_t no, uint64_t *ret_key, struct err *e); /* 0: empty */
int store_dest_delayed(struct store *s, uint32_t no, uint64_t *ret, struct err *e);
int store_dest_oldest(struct store *s, uint32_t no, uint64_t *ret_first_ms,
                      struct err *e); /* 0: empty */

/* Copies. row->bytes with row->body == 0 puts the event into the row. */
int store_body_add(struct store *s, const char *bytes, size_t size, size_t copies, uint64_t *ret,
                   struct err *e);
int store_copy_add(struct store *s, const struct copy_row *row, struct err *e);
/* Removes the copies with keys first..last, which lie in their rows and were never delayed. */
int store_copy_remove_run(struct store *s, uint64_t first, uint64_t last, struct err *e);
/* Removes one copy of any kind. body and due as the row has them. */
int store_copy_remove(struct store *s, uint64_t key, uint64_t body, uint64_t due, struct err *e);
/* Charges: attempts, the new due time and the last error. old_due as the row has it. */
int store_copy_delay(struct store *s, uint64_t key, uint64_t old_due, uint64_t due,
                     uint32_t attempts, const char *code, const char *text, struct err *e);
/* Under another key, of another destination perhaps, as if it were new. due as the row has it. */
int store_copy_move(struct store *s, uint64_t key, uint64_t new_key, uint64_t due,
                    uint64_t first_ms, struct err *e);
int store_copy_get(struct store *s, uint64_t key, struct copy_row *ret,
                   struct err *e); /* -ENOENT */
int store_body_get(struct store *s, uint64_t body, const char **ret, size_t *ret_size,
                   struct err *e);
void store_read_done(struct store *s); /* ends what the two above borrowed: before any change */
/* Copies of a destination with keys above `after`, in order; fn stops it with 1. bytes are not read
 * when the event lies in `body`. */
int store_copy_page(struct store *s, uint32_t no, uint64_t after, size_t limit,
                    int (*fn)(void *arg, const struct copy_row *row), void *arg, struct err *e);
/* Delayed copies beyond (due, key), in order. */
int store_later_page(struct store *s, uint32_t no, uint64_t due, uint64_t key, size_t limit,
                     int (*fn)(void *arg, uint64_t due, uint64_t key), void *arg, struct err *e);

/* Dead letters. Moves the copy with its event. */
int store_dead_add(struct store *s, const struct copy_row *row, uint64_t dead_ms, const char *code,
                   const char *text, struct err *e);
int store_dead_get(struct store *s, uint64_t number, struct dead_row *ret,
                   struct err *e); /* -ENOENT */
/* Back to its queue under this key, attempts 0, and out of the dead letters. */
int store_dead_replay(struct store *s, uint64_t number, uint64_t key, uint64_t first_ms,
                      struct err *e);
int store_dead_discard(struct store *s, uint64_t number, uint64_t body, struct err *e);
/* Notes for these letters that somebody was shown them (or else: warned of them). Own transaction.
 */
int store_dead_note(struct store *s, bool seen, const uint64_t *numbers, size_t n, uint64_t ms,
                    struct err *e);
/* Rows with numbers above `after`, in order; fn stops it with 1. */
int store_dead_page(struct store *s, uint64_t after, size_t limit, bool with_bytes,
                    int (*fn)(void *arg, const struct dead_row *row), void *arg, struct err *e);

#endif
