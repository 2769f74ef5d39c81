/* SPDX-License-Identifier: Apache-2.0 */
/* inner - the file's form, and reading it; shared by the writer and the readers of this room. */
#ifndef REEVE_JOURNAL_INNER_H
#define REEVE_JOURNAL_INNER_H
#include "base/db.h"
#include "journal.h"

#define JOURNAL_FORMAT 1
#define JOURNAL_PART   16384 /* rows that share a stretch of the indices; part = n / JOURNAL_PART */
/* Rows may be this much out of order when the clock was set. */
#define JOURNAL_CLOCK_SLACK_MS (3600ull * 1000)
extern const struct db_form journal_form;
#define JOURNAL_TEXT(number)  JOURNAL_TEXT_(number)
#define JOURNAL_TEXT_(number) #number
/* In front of a SELECT: a table `parts` of the file's part numbers, first to last. CROSS JOIN: in
 * this order. */
#define JOURNAL_PARTS                                                                        \
    "WITH RECURSIVE parts(p) AS (SELECT part FROM (SELECT part FROM row ORDER BY n LIMIT 1)" \
    " UNION ALL SELECT p + 1 FROM parts WHERE p < (SELECT max(n) FROM row) / " JOURNAL_TEXT( \
        JOURNAL_PART) ") "
/* The columns that readers select, in the order that found_add() reads them. */
#define JOURNAL_COLUMNS                                                                     \
    "n, wall_ms, event, id, source, subject, type, receipt, party, connector, destination," \
    " attempt, next_ms, code, text, attributes, detail"

struct found { /* rows of several files, being gathered */
    struct found_row *row;
    size_t n, cap;
    size_t max; /* more are not taken, and truncated is set */
    bool truncated;
    struct tree *unreadable; /* a list of rows, or NULL */
    uint64_t deadline_ms;    /* monotonic; 0: none */
    bool stopped;            /* it was over: not everything was read */
};

/* One readable file. fn: 0, or negative errno with *e (then the file counts as unreadable, but what
 * it gave stays). */
struct journal_file {
    sqlite3 *db;
    char *process; /* as the writer named itself */
};
int journal_file_open(const char *path, struct journal_file *ret, struct err *e);
void journal_file_close(struct journal_file *f); /* also half an open one */
/* The names of the journals in dir, sorted; how many, or negative errno with *e. free() each, and
 * the list. */
struct dirent;
int found_files(const char *dir, struct dirent ***ret, struct err *e);
int found_unreadable(struct found *found, const char *file, const struct err *why);
size_t found_newer(const struct found *found, uint64_t wall_ms); /* rows younger than this */
typedef int journal_file_fn(void *arg, const struct journal_file *f, struct err *e);

/* Calls fn for every *.db of dir, until found->deadline_ms. Those that fail go to
 * found->unreadable. 0, or negative errno (directory, memory). */
int found_each_file(struct found *found, const char *dir, journal_file_fn *fn, void *arg,
                    struct err *e);
/* Takes the row that st stands on. 0 or -ENOMEM; beyond max: 0 and truncated. */
int found_add(struct found *found, const char *process, sqlite3_stmt *st);
/* By time; a row that is there twice is dropped. keep: only the last so many. The list is the
 * caller's; NULL: no memory. */
struct tree *found_take(struct found *found, size_t keep);
void found_done(struct found *found);

#endif
