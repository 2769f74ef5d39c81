/* SPDX-License-Identifier: Apache-2.0 */
/* lines - see exec.h. */
#include "exec.h"
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN (16u << 10)
#define KEEP_MAX (1u << 20) /* memory that stays when nothing is in it */

void lines_free(struct lines *l)
{
    free(l->p);
    *l = (struct lines){.max = l->max};
}

size_t lines_rest(const struct lines *l)
{
    return l->len - l->from;
}

bool lines_too_long(const struct lines *l)
{
    return l->seen - l->from > l->max;
}

char *lines_room(struct lines *l, size_t *size)
{
    if (l->from == l->len && l->cap > KEEP_MAX) { /* one long line is no reason to stay large */
        free(l->p);
        *l = (struct lines){.max = l->max};
    }
    if (l->from > 0) {
        if (l->from < l->len)
            memmove(l->p, l->p + l->from, l->len - l->from);
        l->len -= l->from;
        l->seen = l->seen > l->from ? l->seen - l->from : 0;
        l->from = 0;
    }
    if (lines_too_long(l))
        return NULL;
    if (l->cap - l->len < ROOM_MIN) {
        size_t cap = l->cap < SIZE_MAX / 4 ? l->cap * 2 + 4 * ROOM_MIN : 0;
        char *p = cap ? realloc(l->p, cap) : NULL;
        if (p == NULL)
            return NULL;
        l->p = p;
        l->cap = cap;
    }
    *size = l->cap - l->len;
    return l->p + l->len;
}

void lines_filled(struct lines *l, size_t n)
{
    l->len += n;
}

bool lines_next(struct lines *l, const char **line, size_t *len)
{
    if (l->seen < l->from)
        l->seen = l->from;
    const char *lf = l->len > l->seen ? memchr(l->p + l->seen, '\n', l->len - l->seen) : NULL;
    if (lf == NULL) {
        l->seen = l->len;
        return false;
    }
    l->seen = (size_t)(lf - l->p);
    if (lines_too_long(l))
        return false;
    *line = l->p + l->from;
    *len = l->seen - l->from;
    l->from = ++l->seen;
    return true;
}
