/* SPDX-License-Identifier: Apache-2.0 */
/* journal - who handed what to whom, when, and why not: rows without bodies.
 *
 * One SQLite file per writing process (DATA/journal/NAME.db). Rows are gathered and made durable by
 * journal_commit(), which the writer calls before a verdict is final: before a 202, before an
 * acknowledgement. Readers (trace) open all files read-only. */
#ifndef REEVE_JOURNAL_JOURNAL_H
#define REEVE_JOURNAL_JOURNAL_H
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What happened; the texts are part of the contract of `trace --json`. */
#define JOURNAL_SUBMITTED                                  \
    "submitted" /* a document was offered: receipt, detail \
                   {accepted,new,changed,unchanged,refused,…} */
#define JOURNAL_REFUSED \
    "refused" /* a submission or record was refused: code, text; subject when a record */
#define JOURNAL_ACCEPTED                                                          \
    "accepted"                        /* a message is durable: attributes, detail \
                                         {"destinations":[{"destination","route"}]} */
#define JOURNAL_UNCHANGED "unchanged" /* known content: nothing sent */
#define JOURNAL_UNROUTED                                                                 \
    "unrouted" /* matched nothing: destination (or none: dropped, attributes, text = the \
                  operator's reason) */
#define JOURNAL_ATTEMPT \
    "attempt" /* a delivery that did not succeed yet: destination, attempt, code, text, next_ms */
#define JOURNAL_DOWN \
    "down" /* the destination is unavailable (no message charged): code, text, next_ms */
#define JOURNAL_DELIVERED "delivered" /* destination, attempt */
#define JOURNAL_DEAD      "dead"      /* became a dead letter: destination, attempt, code, text */
#define JOURNAL_REPLAYED  "replayed"
#define JOURNAL_DISCARDED "discarded"
#define JOURNAL_MOVED     "moved" /* to destination; detail {"by","from"}; text: why */
/* Only in what readers get, as the last rows and without wall_ms: */
#define JOURNAL_UNREADABLE \
    "unreadable"                      /* a file could not be read: process (its name), code, text */
#define JOURNAL_TRUNCATED "truncated" /* there is more than JOURNAL_ROWS_MAX: text */

#define JOURNAL_ROWS_MAX     10000       /* rows that a trace gives */
#define JOURNAL_GATHERED_MAX (64u << 20) /* bytes of rows between two commits */

struct journal_row {  /* all borrowed; NULL = nothing to say */
    uint64_t wall_ms; /* 0: now */
    const char *event, *id, *source, *subject, *type, *receipt, *party, *connector, *destination;
    uint32_t attempt;
    uint64_t next_ms; /* wall clock of the next try; 0: none */
    const char *code, *text;
    const char *trace; /* W3C trace id (32 hexadecimal digits) by which the row's receipt is found,
                          too; it is not a column */
    const char *attributes; /* JSON object: the message's attributes (accepted, dropped); those that
                               are fields of this row may be left out */
    const char *detail;     /* JSON */
};

struct journal;
int journal_open(const char *path, const char *process, struct journal **ret, struct err *e);
void journal_close(struct journal *j); /* what was not committed is lost: commit first */
/* Copies. Codes: "journal-full" (JOURNAL_GATHERED_MAX: commit first), "memory". */
int journal_add(struct journal *j, const struct journal_row *row, struct err *e);
/* All gathered rows in one durable transaction. On an error nothing of them is stored and all stay
 * gathered: commit again. Codes of base/db.h. */
int journal_commit(struct journal *j, struct err *e);
/* The same in two parts, so that another thread can wait for the disk. What is gathered joins what
 * could not be stored before, and is set aside to be stored: 1 = there is something; 0 = nothing;
 * "memory". */
int journal_freeze(struct journal *j, struct err *e);
/* Stores what was set aside in one durable transaction. The only function that another thread may
 * call, while this one gathers; no journal_freeze() before it has come back. */
int journal_store(struct journal *j, struct err *e);

/* Removes the oldest rows, at most `most` of them, that are older than before_ms, in a transaction
 * of its own; what is gathered is not touched. Returns how many (fewer than `most`: there are no
 * more), or negative errno. */
int journal_expire(struct journal *j, uint64_t before_ms, unsigned most, struct err *e);

/* Everything about a message id, a subject, a receipt or a W3C trace id over all files (*.db) of
 * dir, by time. *ret: a list of maps with the columns above and "process" and "time" (RFC 3339);
 * what is NULL or 0 is left out; attributes and detail are trees, not text. Text that is not UTF-8
 * comes with \xNN for the bad bytes. For a subject or a receipt also what became of the messages
 * that were accepted with it. An id prefix of >= 8 characters is enough when it is unambiguous. A
 * file that cannot be read does not hide the others: JOURNAL_UNREADABLE. -ENOENT, code
 * "trace-unknown": nothing known (the text names files that could not be read). -ENOTUNIQ, code
 * "trace-ambiguous": several ids begin like this; the text has the first ones. */
int journal_trace(const char *dir, const char *what, struct tree **ret, struct err *e);
/* The same, reading for at most budget_ms (0: without end). What was found until then is there,
 * with a row JOURNAL_TRUNCATED; -ETIMEDOUT, code "trace-stopped": nothing was. */
int journal_trace_within(const char *dir, const char *what, unsigned budget_ms, struct tree **ret,
                         struct err *e);
/* A message that was taken in. All borrowed until fn returns; NULL = nothing known. */
struct journal_taken {
    uint64_t wall_ms;
    const char *id, *source, *subject, *type, *party, *connector;
    const char *attributes; /* JSON object. What has a field above may be missing in it */
    size_t attributes_len;
    bool dropped; /* matched nothing and had no reader */
};
/* Every message that was accepted or dropped since from_ms, the newest of each file first, through
 * fn; what fn returns other than 0 ends it and is returned (negative errno, code "stopped"). Memory
 * does not grow with the journal. After a crash a message may come twice. *ret_unreadable: a list
 * of JOURNAL_UNREADABLE rows, or NULL when every file was read to its end. -ENOENT when there is no
 * such directory. */
int journal_taken(const char *dir, uint64_t from_ms,
                  int (*fn)(void *arg, const struct journal_taken *m), void *arg,
                  struct tree **ret_unreadable, struct err *e);
/* The last n rows of all files (for `status` and accounts), newest last; events: only these (NULL
 * ends), or NULL. Not older than from_ms. Rows as above. An empty list when there is nothing;
 * -ENOENT when there is no such directory. */
int journal_tail(const char *dir, const char *const *events, uint64_t from_ms, size_t n,
                 struct tree **ret, struct err *e);

/* Rows by what they say, newest first, a page at a time. */
struct journal_search { /* NULL and 0: any */
    const char
        *what; /* id or receipt (the first 8 characters or more), subject; at most 240 bytes */
    const char *event, *connector, *destination, *party;
    uint64_t from_ms, to_ms; /* both included */
    uint64_t before_ms;      /* next_ms and next_skip of the page before; 0: the first */
    size_t skip, limit;      /* limit: 1..1000 */
    unsigned budget_ms;      /* how long it may take; longer where the page would not get on else */
};
struct journal_page {
    struct tree *rows;       /* a list as journal_trace() gives, but newest first */
    struct tree *unreadable; /* a list of JOURNAL_UNREADABLE */
    bool more;               /* there are, or may be, more: ask with next_ms, next_skip */
    bool stopped;            /* the time was over; everything after next_ms has been looked at */
    uint64_t next_ms;
    size_t next_skip;
};
/* journal_page_done() it. Codes: "journal-search", those of journal_trace(). */
int journal_search(const char *dir, const struct journal_search *s, struct journal_page *ret,
                   struct err *e);
void journal_page_done(struct journal_page *page);
/* Calls fn for the rows of all files since from_ms, at most `most` a file, newest first of each
 * file (only wall_ms, event, party, connector, destination and detail are set). *ret_since_ms:
 * since when they are complete. Stops after budget_ms; a file that cannot be read is left out. */
int journal_recent(const char *dir, uint64_t from_ms, size_t most, unsigned budget_ms,
                   void (*fn)(void *arg, const struct journal_row *row), void *arg,
                   uint64_t *ret_since_ms, struct err *e);

#endif
