/* SPDX-License-Identifier: Apache-2.0 */
/* issues - what is wrong with one document: totals by code, and the first 1,000 issues word for
 * word.
 *
 * Texts come from outside: they are cut, made valid UTF-8 of one line, and `found` is dropped where
 * it may be personal. */
#ifndef REEVE_WORKER_ISSUES_H
#define REEVE_WORKER_ISSUES_H
#include "base/buf.h"
#include "base/tree.h"
#include "reeve/plugin.h"
#include <stdbool.h>

#define ISSUES_KEPT 1000
#define ISSUES_CODES                                                            \
    200 /* different codes that are counted apart; the rest together as "other" \
         */

struct issue { /* all never NULL */
    uint32_t severity;
    char *code, *where, *subject, *found, *wanted, *text; /* code owns the memory of all */
};
struct issue_total {
    char code[48];
    uint32_t severity; /* the worst */
    uint64_t n;
};
struct issues {
    struct issue *kept;
    size_t kept_n, kept_cap;
    struct issue_total total[ISSUES_CODES + 1];
    size_t total_n;
    uint64_t warnings, errors; /* errors: ERROR, PACKAGE and UNREADABLE */
    bool package, unreadable;
    bool personal; /* `found` is never kept */
    /* When set, every issue is also handed on at once (commands print as they go). */
    void (*tap)(void *arg, const struct issue *i);
    void *tap_arg;
};

struct issues *issues_new(void); /* NULL when out of memory */
void issues_free(struct issues *s);
void issues_reset(struct issues *s);
/* i: as a plugin gave it (size checked by the host service; unknown fields are NULL). */
void issues_add(struct issues *s, const struct reeve_issue *i);
/* The hub's own findings. where, subject, found may be NULL. */
void issues_say(struct issues *s, uint32_t severity, const char *code, const char *where,
                const char *subject, const char *found, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
const char *issue_severity(uint32_t severity); /* "warning" or "error" */
/* "FILE: WHERE: error: text: found …, wanted … (record ID) [code]" without a line feed; file may be
 * NULL. */
int issue_line(const struct issue *i, const char *file, struct buf *out);
/* [{"code","severity","count"}…] and the first `max` issues as JSON, for answers. */
int issues_totals(const struct issues *s, struct buf *out);
int issues_list(const struct issues *s, size_t max, struct buf *out);

#endif
