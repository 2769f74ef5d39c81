/* SPDX-License-Identifier: Apache-2.0 */
/* html - a page being written, where every value is escaped because there is no way not to.
 *
 * Values come from everywhere (names, subjects, what receivers answered): html() takes a literal
 * format whose %s are escaped, html_text() one value. The markup itself is only ever a literal of
 * ours. A page that gets too long or finds no memory is marked and never sent. Attributes must be
 * in double quotes. */
#ifndef REEVE_CONSOLE_HTML_H
#define REEVE_CONSOLE_HTML_H
#include "base/buf.h"
#include <stddef.h>

struct html {
    struct buf out;
    int error; /* negative errno of the first failure */
};

void html_init(struct html *h, size_t max);
void html_done(struct html *h);
/* fmt: a literal; conversions %s (escaped; NULL counts as ""), %d, %u, %zu, %llu, %.0f, %.1f and
 * %%. Anything else aborts: it is a fault of ours that the first call shows. */
void html(struct html *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One value: & < > " ' become entities; control characters, bad UTF-8 and the invisible characters
 * that turn the direction of text are written as \xNN. */
void html_text(struct html *h, const char *text);
/* At most `most` characters of it, then an ellipsis. */
void html_short(struct html *h, const char *text, size_t most);
/* "k=v" of a query, percent-encoded; nothing when value is NULL or empty. *first: with "?" in front
 * of the first, "&amp;" of the others. */
void html_query(struct html *h, const char *key, const char *value, int *first);

#endif
