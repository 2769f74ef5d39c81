/* SPDX-License-Identifier: Apache-2.0 */
/* fate - see fate.h. */
#include "fate.h"
#include "base/map.h"
#include "journal/journal.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum stage { NOWHERE, WAITING, DELIVERED, DEAD, DISCARDED, STAGES };

static enum stage stage_of(const char *event)
{
    static const struct {
        const char *event;
        enum stage stage;
    } table[] = {{JOURNAL_DELIVERED, DELIVERED},
                 {JOURNAL_DEAD, DEAD},
                 {JOURNAL_DISCARDED, DISCARDED},
                 {JOURNAL_REPLAYED, WAITING}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(event, table[i].event) == 0)
            return table[i].stage;
    return NOWHERE;
}

static int reach(struct map *copies, const char *id, const char *destination, enum stage stage)
{
    char key[1024];
    int n = snprintf(key, sizeof(key), "%s%c%s", destination, '\n', id);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(key) ? (size_t)n : sizeof(key) - 1;
    return map_put(copies, key, len, (void *)(uintptr_t)stage);
}

/* What still waits there does so under another name. */
static int leave(struct map *copies, const char *id, const char *destination)
{
    char key[1024];
    int n = snprintf(key, sizeof(key), "%s%c%s", destination ? destination : "?", '\n', id);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(key) ? (size_t)n : sizeof(key) - 1;
    bool waits = map_get(copies, key, len) == (void *)(uintptr_t)WAITING;
    return waits ? reach(copies, id, destination, NOWHERE) : 0;
}

static int take_row(struct map *copies, const struct tree *row)
{
    const char *event = tree_gets(row, "event", ""), *id = tree_gets(row, "id", NULL);
    const struct tree *to = tree_at(row, "detail/destinations");
    int rc = 0;
    if (id && strcmp(event, JOURNAL_MOVED) == 0) {
        rc = reach(copies, id, tree_gets(row, "detail/from", "?"), NOWHERE);
        if (rc == 0)
            rc = reach(copies, id, tree_gets(row, "destination", "?"), WAITING);
    } else if (id && strcmp(event, JOURNAL_ACCEPTED) == 0) {
        for (size_t i = 0; rc == 0 && tree_is_list(to) && i < to->n; i++)
            rc = reach(copies, id, tree_gets(to->child[i], "destination", "?"), WAITING);
    } else if (id && stage_of(event) != NOWHERE) {
        const struct tree *was = tree_at(row, "detail/was"); /* accepted for a former name */
        for (size_t i = 0; rc == 0 && tree_is_list(was) && i < was->n; i++)
            rc = leave(copies, id, tree_text(was->child[i]));
        if (rc < 0)
            return rc;
        rc = reach(copies, id, tree_gets(row, "destination", "?"), stage_of(event));
    }
    return rc;
}

static int add_up(void *arg, const char *key, size_t len, void *value)
{
    uint64_t *counts = arg;
    (void)key;
    (void)len;
    counts[(uintptr_t)value]++;
    return 0;
}

int fate_count(const struct tree *rows, struct fate *ret)
{
    struct map *copies = map_new(NULL);
    uint64_t counts[STAGES] = {0};
    bool partial = false;
    int rc = copies ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && tree_is_list(rows) && i < rows->n; i++) {
        const char *event = tree_gets(rows->child[i], "event", "");
        partial |= strcmp(event, JOURNAL_TRUNCATED) == 0 || strcmp(event, JOURNAL_UNREADABLE) == 0;
        rc = take_row(copies, rows->child[i]);
    }
    if (rc == 0) {
        (void)map_each(copies, add_up, counts);
        *ret = (struct fate){.waiting = counts[WAITING],
                             .delivered = counts[DELIVERED],
                             .dead = counts[DEAD],
                             .discarded = counts[DISCARDED],
                             .partial = partial};
    }
    map_free(copies);
    return rc;
}
