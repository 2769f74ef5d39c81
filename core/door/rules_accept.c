/* SPDX-License-Identifier: Apache-2.0 */
/* rules_accept - which of two forms a reader of metrics wants; see rules.h. */
#include "rules.h"
#include <string.h>
#include <strings.h>

static bool is(const char *p, size_t len, const char *text)
{
    return len == strlen(text) && strncasecmp(p, text, len) == 0;
}

static size_t trim(const char **p, size_t len)
{
    while (len > 0 && (**p == ' ' || **p == '\t')) {
        (*p)++;
        len--;
    }
    while (len > 0 && ((*p)[len - 1] == ' ' || (*p)[len - 1] == '\t'))
        len--;
    return len;
}

/* RFC 9110 section 12.4.2: "q=0.75" as 750; what is no weight counts as 1. */
static unsigned weight(const char *p, size_t len)
{
    unsigned n = 0, unit = 100;
    if (len < 3 || (p[0] != 'q' && p[0] != 'Q') || p[1] != '=' || p[2] != '0' ||
        (len > 3 && p[3] != '.'))
        return 1000;
    for (size_t i = 4; i < len && i < 7; i++, unit /= 10) {
        if (p[i] < '0' || p[i] > '9')
            return 1000;
        n += unit * (unsigned)(p[i] - '0');
    }
    return n;
}

struct want {
    unsigned open, plain;       /* weights: 0..1000 */
    unsigned open_by, plain_by; /* how exactly they were named: 3 the type, 2 its half, 1 any */
};

static void named(unsigned *q, unsigned *by, unsigned how, unsigned weight)
{
    if (how < *by || (how == *by && weight < *q))
        return;
    *q = weight;
    *by = how;
}

/* One member of the list: a media range with its parameters. */
static void take(struct want *w, const char *p, size_t len)
{
    unsigned q = 1000;
    const char *range = p, *semicolon = memchr(p, ';', len);
    size_t range_len = trim(&range, semicolon ? (size_t)(semicolon - p) : len);
    while (semicolon) {
        const char *at = semicolon + 1, *end = p + len;
        semicolon = memchr(at, ';', (size_t)(end - at));
        size_t n = trim(&at, (size_t)((semicolon ? semicolon : end) - at));
        unsigned x = weight(at, n);
        q = x < q ? x : q;
    }
    if (is(range, range_len, "application/openmetrics-text"))
        named(&w->open, &w->open_by, 3, q);
    else if (is(range, range_len, "text/plain"))
        named(&w->plain, &w->plain_by, 3, q);
    else if (is(range, range_len, "application/*"))
        named(&w->open, &w->open_by, 2, q);
    else if (is(range, range_len, "text/*"))
        named(&w->plain, &w->plain_by, 2, q);
    if (!is(range, range_len, "*/*"))
        return;
    named(&w->open, &w->open_by, 1, q);
    named(&w->plain, &w->plain_by, 1, q);
}

bool accept_plain_text(const struct header *h, size_t n)
{
    struct want w = {0, 0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        if (!is(h[i].name, h[i].name_len, "accept"))
            continue;
        const char *p = h[i].value, *end = p + h[i].value_len;
        while (p < end) {
            const char *comma = memchr(p, ',', (size_t)(end - p));
            take(&w, p, (size_t)((comma ? comma : end) - p));
            p = comma ? comma + 1 : end;
        }
    }
    return w.plain > w.open;
}
