/* SPDX-License-Identifier: Apache-2.0 */
/* story - the journal of a message or a submission as sentences: one block a submission, one a
 * message; in each the rows by time, then how it stands: for every destination delivered, dead, or
 * still on its way, and why. For `reeve trace` and the console. */
#ifndef REEVE_JOURNAL_STORY_H
#define REEVE_JOURNAL_STORY_H
#include "base/tree.h"
#include <stddef.h>
#include <stdint.h>

enum story_tone { STORY_PLAIN, STORY_GOOD, STORY_WAITING, STORY_BAD };

/* Who hears it. All texts are one line with control characters and bad UTF-8 escaped, borrowed
 * during the call. */
struct story_teller {
    void *arg;
    void (*submission)(void *arg, const char *receipt); /* begins a block */
    /* begins a block; row: its first, with id, type, subject, source (not escaped) */
    void (*message)(void *arg, const struct tree *row);
    void (*line)(void *arg, enum story_tone tone, const char *time, const char *text);
    /* last: the row that says how it stands; NULL: nothing happened yet, or figures of many */
    void (*fate)(void *arg, enum story_tone tone, const char *destination, const struct tree *last,
                 const char *text);
    /* there were more messages than are told one by one; fates of all follow as figures */
    void (*many)(void *arg, size_t messages, size_t told);
};

/* rows: as journal_trace() gives them. now_ms: wall clock, for "in 5m". */
void story_tell(const struct tree *rows, uint64_t now_ms, const struct story_teller *to);
/* What one row says, and how it sounds. Appends to *text; 0 or a buf error. */
struct buf;
enum story_tone story_of_row(const struct tree *row, uint64_t now_ms, struct buf *text);

#endif
