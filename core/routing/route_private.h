/* SPDX-License-Identifier: Apache-2.0 */
/* route_private - what the files of the route table share; nobody else includes it.
 *
 * `match: {category: [food, fuel]}` holds when the attribute is there and its canonical text (the
 * cast to String of CESQL: 7 is "7", true is "true") is one of the values. That is `category =
 * 'food' OR category = 'fuel'`, whose right sides are strings, and not IN, which would cast the
 * values to the attribute's type. */
#ifndef REEVE_ROUTING_ROUTE_PRIVATE_H
#define REEVE_ROUTING_ROUTE_PRIVATE_H
#include "cesql_private.h"
#include "route.h"

struct map;

struct match_test {
    uint32_t slot;
    struct value_set *set; /* of texts */
};
struct condition { /* all tests and `when` must hold; neither: always */
    struct match_test *test;
    size_t n_test;
    struct cesql *when; /* NULL: none */
};
struct targets { /* a part of route_table.target */
    uint32_t at, n;
};
struct alternative {
    struct condition condition;
    struct targets to;
};
struct route {
    struct condition condition;
    struct targets to;
    uint32_t alternative, n_alternative; /* a part of route_table.alternative */
};

/* What the indexed evaluation still has to do with a route that was found, packed so that it costs
 * few cache misses. The plain evaluation and explain do not use it. */
struct rest_test { /* slot's canonical text = text; n == NONE: is in the set */
    uint32_t slot, n;
    union {
        const char *text; /* one copy of each text in the whole table */
        const struct value_set *set;
    };
};
struct rest {
    const struct cesql *when; /* NULL: the tests say all */
    uint32_t test, n_test;    /* a part of route_index.test */
    uint32_t to, n_to;        /* a part of route_table.target; n_to == 1: `to` is the destination */
    uint32_t alternative, n_alternative;
};

/* Which routes can match a message, by the texts of its attributes. */
#define KEY_INSIDE 32
struct key { /* 64 bytes: one cache line */
    uint64_t hash;
    uint32_t slot; /* NONE: free. SLOT_INTEGER is added for attributes compared with numbers */
    uint32_t len;
    uint32_t at, n; /* part of list; n == 1: `at` is the route itself */
    const char *text;
    char inside[KEY_INSIDE]; /* where short texts lie */
};
#define SLOT_INTEGER 0x80000000u
struct route_index {
    struct key *key;
    size_t mask;
    uint32_t *list;   /* routes of each key, ascending */
    uint32_t *always; /* routes that no key can rule out, ascending */
    size_t n_always;
    uint8_t *indexed;  /* per slot: 1 by text, 2 by number */
    char *bytes;       /* longer texts of keys */
    struct rest *rest; /* per route */
    struct rest_test *test;
    size_t n_test, cap_test;
    struct arena pool; /* the texts of tests */
    struct map *texts; /* text -> its place in the pool; only for building */
};

struct route_table {
    struct symbols *symbols;
    struct route *route;
    char **name;
    size_t n, cap_route, cap_name;
    struct alternative *alternative;
    size_t n_alternative, cap_alternative;
    uint32_t *target; /* destination indices */
    size_t n_target, cap_target;
    char **destination;
    size_t n_destination;
    struct route_index index;
};

struct route_work {
    struct value *slot;
    uint32_t *touched; /* slots set by the message */
    size_t n_touched;
    struct cesql_scratch *scratch;
    uint64_t turn;
    uint64_t *mark; /* per destination: the turn it was hit in */
    struct route_hit *hit;
    uint32_t *found; /* destinations hit in this turn */
    size_t n_found;
    struct route_hit *out;
};

int route_index_build(struct route_table *t, struct err *e);
void route_index_done(struct route_index *x);
const struct key *route_index_find(const struct route_index *x, uint32_t slot, const char *p,
                                   size_t len);

/* Puts the event's attributes in their slots. */
void route_set_slots(const struct route_table *t, struct route_work *w,
                     const struct route_attribute *a, size_t n);
bool match_holds(const struct match_test *m, const struct value *slots);
bool condition_holds(const struct condition *c, struct route_work *w);

#endif
