/* SPDX-License-Identifier: Apache-2.0 */
/* plan_replay - the journal's messages through two configurations, and what differs, grouped.
 *
 * A message is what its attributes say, but that `party` and the hub's own `source` are made anew
 * from each configuration's connector, as its intake would. Adapters and steps are not run again:
 * there is no body. Memory is bounded: what is over a bound is counted without its own line. */
#include "plan.h"
#include "base/json.h"
#include "base/util.h"
#include "message/identity.h"
#include "message/message.h"
#include "plan_groups.h"
#include <errno.h>
#include <string.h>

#define ATTRIBUTES (MESSAGE_ATTRIBUTES_MAX + 8)
#define SEEN_SETS  (1u << 18) /* of four: ids of the last million messages, or so */
#define SEEN_WAYS  4u

struct event { /* a message as the router sees it */
    struct route_attribute a[ATTRIBUTES];
    size_t n;
    struct buf text;
    const char *source; /* zero-terminated; NULL: none */
    struct reach_message about;
};

struct replay {
    const struct plan_config *c; /* two: old, new */
    struct reach *reach;
    struct plan_groups *groups;
    int *same[2];       /* a destination's index in the other configuration, or -1 */
    bool *in[2];        /* scratch: destinations of the message */
    uint64_t *count[2]; /* messages by destination */
    uint32_t *to[2], *gets;
    char *connector; /* of the last message, and its sources */
    const struct tree *part[2];
    struct event event;
    struct buf source; /* scratch */
    uint64_t (*seen)[SEEN_WAYS];
    uint64_t messages, unchanged, twice, unreadable, without, strangers;
    uint64_t rank[2][PLAN_RANKS];
    uint64_t first_ms, last_ms;
};

struct replay *replay_new(const struct plan_config c[2], struct reach *reach)
{
    struct replay *r = xcalloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->c = c;
    r->reach = reach;
    r->groups = plan_groups_new(c);
    r->seen = xcalloc(SEEN_SETS, sizeof(*r->seen));
    buf_init(&r->event.text, 16u << 20);
    buf_init(&r->source, 1u << 20);
    r->gets = xcalloc(c[0].n + c[1].n + 1, sizeof(*r->gets));
    bool good = r->groups && r->seen && r->gets;
    for (int i = 0; i < 2; i++) {
        r->same[i] = xcalloc(c[i].n + 1, sizeof(int));
        r->in[i] = xcalloc(c[i].n + 1, sizeof(bool));
        r->count[i] = xcalloc(c[i].n + 1, sizeof(uint64_t));
        r->to[i] = xcalloc(c[i].n + 1, sizeof(uint32_t));
        good = good && r->same[i] && r->in[i] && r->count[i] && r->to[i];
        for (size_t d = 0; good && d < c[i].n; d++)
            r->same[i][d] = plan_destination(&c[!i], c[i].destination[d].name);
    }
    if (good)
        return r;
    replay_free(r);
    return NULL;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    for (int i = 0; i < 2; i++) {
        free(r->same[i]);
        free(r->in[i]);
        free(r->count[i]);
        free(r->to[i]);
    }
    plan_groups_free(r->groups);
    free(r->gets);
    free(r->connector);
    buf_done(&r->event.text);
    buf_done(&r->source);
    free(r->seen);
    free(r);
}

/* ---- reading a row ---- */

/* A message whose row was written twice, because a crash came between journal and state. */
static bool seen_before(struct replay *r, const struct journal_taken *m)
{
    uint64_t h = hash_bytes(m->id, strlen(m->id)) * 31;
    h = (h ^ (m->source ? hash_bytes(m->source, strlen(m->source)) : 0)) | 1;
    uint64_t *way = r->seen[(h >> 32) % SEEN_SETS];
    for (size_t i = 0; i < SEEN_WAYS; i++)
        if (way[i] == h)
            return true;
    memmove(way + 1, way, (SEEN_WAYS - 1) * sizeof(*way));
    way[0] = h;
    return false;
}

/* The text of a raw JSON string; borrowed from the row, or from x->text, which has room for all. */
static int text_of(struct event *x, struct json_slice raw, struct json_slice *ret)
{
    *ret = raw;
    if (!json_needs_unescape(raw))
        return 0;
    size_t at = x->text.len;
    int r = json_unescape(raw, &x->text);
    *ret = (struct json_slice){x->text.p + at, x->text.len - at};
    return r;
}

static int value_of(struct event *x, struct json_slice raw, struct value *ret)
{
    struct json_slice text;
    char number[16];
    int64_t n;
    int r = 0;
    *ret = (struct value){.type = VALUE_ABSENT};
    switch (raw.p[0]) {
    case '"':
        r = text_of(x, (struct json_slice){raw.p + 1, raw.len - 2}, &text);
        *ret = (struct value){.type = VALUE_STRING, .p = text.p, .len = text.len};
        return r;
    case 't':
    case 'f':
        *ret = (struct value){.type = VALUE_BOOLEAN, .integer = raw.p[0] == 't'};
        return 0;
    case 'n':
        return 0;
    default:
        if (raw.len >= sizeof(number))
            return -EINVAL;
        memcpy(number, raw.p, raw.len);
        number[raw.len] = '\0';
        r = parse_i64(number, &n);
        if (r < 0 || n < INT32_MIN || n > INT32_MAX)
            return -EINVAL;
        *ret = (struct value){.type = VALUE_INTEGER, .integer = (int32_t)n};
        return 0;
    }
}

static int add(struct event *x, const char *name, size_t len, struct value v)
{
    if (x->n >= ATTRIBUTES - 6) /* room for those below */
        return -E2BIG;
    x->a[x->n++] = (struct route_attribute){.name = name, .name_len = len, .value = v};
    return 0;
}

static struct route_attribute *find(struct event *x, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < x->n; i++)
        if (x->a[i].name_len == len && memcmp(x->a[i].name, name, len) == 0)
            return &x->a[i];
    return NULL;
}

/* What the row has in a column of its own need not stand among the attributes. */
static void complete(struct event *x, const char *name, const char *text)
{
    if (text && !find(x, name))
        x->a[x->n++] = (struct route_attribute){
            .name = name,
            .name_len = strlen(name),
            .value = {.type = VALUE_STRING, .p = text, .len = strlen(text)}};
}

static size_t length(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

static int read_attributes(struct event *x, const struct journal_taken *m)
{
    struct json_scan s;
    struct json_slice key, value;
    bool first = true;
    x->n = 0;
    buf_reset(&x->text);
    /* Texts that are unescaped or copied lie here and may not move: no text grows, none is copied
     * twice. */
    if (buf_reserve(&x->text, 3 * m->attributes_len + length(m->type) + length(m->source)) < 0)
        return -ENOMEM;
    json_start(&s, m->attributes, m->attributes_len, 1);
    int r = json_enter(&s, '{');
    while (r == 0 && (r = json_member(&s, &first, &key)) > 0) {
        struct value v;
        r = json_value(&s, &value);
        r = r < 0 ? r : text_of(x, key, &key);
        r = r < 0 ? r : value_of(x, value, &v);
        r = r < 0 ? r : add(x, key.p, key.len, v);
    }
    if (r == 0)
        r = json_end(&s);
    complete(x, "id", m->id);
    complete(x, "source", m->source);
    complete(x, "type", m->type);
    complete(x, "subject", m->subject);
    complete(x, "party", m->party);
    complete(x, "specversion", "1.0");
    return r;
}

/* A zero-terminated copy of a text value; NULL when absent. */
static const char *copy_text(struct event *x, const char *name)
{
    const struct route_attribute *a = find(x, name);
    size_t at = x->text.len;
    if (!a || a->value.type != VALUE_STRING || buf_add(&x->text, a->value.p, a->value.len) < 0 ||
        buf_addc(&x->text, '\0') < 0)
        return NULL;
    return x->text.p + at;
}

static int read_event(struct event *x, const struct journal_taken *m)
{
    int r = read_attributes(x, m);
    if (r < 0)
        return r;
    const char *type = copy_text(x, "type"), *category = copy_text(x, "datacategory");
    x->source = copy_text(x, "source");
    x->about = (struct reach_message){.type = type ? type : "",
                                      .from = m->party ? m->party : "",
                                      .category = category,
                                      .classification = copy_text(x, "dataclassification"),
                                      .regulation = copy_text(x, "dataregulation"),
                                      .personal = message_personal_by(type, category)};
    return 0;
}

/* ---- through the configurations ---- */

static void set_text(struct event *x, const char *name, const char *p, size_t len)
{
    struct route_attribute *a = find(x, name);
    if (a)
        a->value = (struct value){.type = VALUE_STRING, .p = p, .len = len};
}

/* What the intake of this connector writes into a message: its party, and, where the source is the
 * hub's own, //HUB/PARTY/STANDARD. */
static void stamp(struct replay *r, int side, const struct tree *part)
{
    struct event *x = &r->event;
    const char *party = tree_gets(part, "party/name", x->about.from), *hub = r->c[side].hub;
    char own[300];
    int n = snprintf(own, sizeof(own), "//%s/%s/", r->c[0].hub, x->about.from);
    set_text(x, "party", party, strlen(party));
    if (!x->source || n < 0 || (size_t)n >= sizeof(own) || strncmp(x->source, own, (size_t)n) != 0)
        return;
    buf_reset(&r->source);
    if (buf_addf(&r->source, "//%s/%s/%s", hub, party, x->source + n) == 0)
        set_text(x, "source", r->source.p, r->source.len);
}

static void evaluate(struct replay *r, int side, const struct tree *part, bool received,
                     struct plan_outcome *o)
{
    const struct plan_config *c = &r->c[side];
    *o = (struct plan_outcome){.rank = PLAN_NOT_RECEIVED, .to = r->to[side]};
    if (!received)
        return;
    stamp(r, side, part);
    o->n = route_eval(c->routes, c->work, r->event.a, r->event.n, &o->hit);
    o->rank = o->n ? PLAN_MATCHED : c->unrouted_n ? PLAN_UNROUTED : PLAN_DROPPED;
    for (size_t i = 0; i < o->n; i++)
        o->to[i] = o->hit[i].destination;
    if (o->n == 0 && c->unrouted_n) {
        memcpy(o->to, c->unrouted, c->unrouted_n * sizeof(*o->to));
        o->n = c->unrouted_n;
    }
}

static void mark(struct replay *r, int side, const struct plan_outcome *o, bool on)
{
    for (size_t i = 0; i < o->n; i++)
        r->in[side][o->to[i]] = on;
}

/* The same destinations by name; the marks of the new ones are set. */
static bool same_destinations(const struct replay *r, const struct plan_outcome o[2])
{
    for (size_t i = 0; i < o[0].n; i++) {
        int d = r->same[0][o[0].to[i]];
        if (d < 0 || !r->in[1][d])
            return false;
    }
    return o[0].n == o[1].n;
}

static bool refused(const struct replay *r, int side, uint32_t d)
{
    const struct plan_destination *x = &r->c[side].destination[d];
    return r->event.about.personal && x->party && !x->personal;
}

/* Destinations that would not take the message, or not yet, and did before or were none. */
static int note_held(struct replay *r, const struct plan_outcome o[2], const char *id)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < o[1].n; i++) {
        uint32_t d = o[1].to[i];
        const struct plan_destination *x = &r->c[1].destination[d];
        int before = r->same[1][d];
        bool had = before >= 0 && r->in[0][before];
        if (refused(r, 1, d) && !(had && refused(r, 0, (uint32_t)before)))
            rc = plan_groups_held(r->groups, PLAN_REFUSED, x, r->event.about.type, id);
        if (!x->party && !(had && !r->c[0].destination[before].party))
            rc = plan_groups_held(r->groups, PLAN_WAITING, x, r->event.about.type, id);
    }
    return rc;
}

/* Counts for each destination, and for its party what it really gets. */
static int count(struct replay *r, int side, const struct plan_outcome *o)
{
    size_t n = 0;
    r->rank[side][o->rank]++;
    for (size_t i = 0; i < o->n; i++) {
        uint32_t d = o->to[i];
        r->count[side][d]++;
        if (r->c[side].destination[d].party && !refused(r, side, d))
            r->gets[n++] = d;
    }
    struct reach_message about = r->event.about;
    about.from = tree_gets(r->part[side], "party/name", about.from);
    return reach_count(r->reach, &r->c[side], side, &about, r->gets, n);
}

static int compare(struct replay *r, const struct plan_outcome o[2], const char *id)
{
    mark(r, 0, &o[0], true);
    mark(r, 1, &o[1], true);
    bool same = o[0].rank == o[1].rank && same_destinations(r, o);
    int rc = note_held(r, o, id);
    mark(r, 0, &o[0], false);
    mark(r, 1, &o[1], false);
    r->unchanged += same;
    if (rc == 0 && !same)
        rc = plan_groups_moved(r->groups, o, r->event.about.type, id);
    for (int side = 0; rc == 0 && side < 2; side++)
        rc = count(r, side, &o[side]);
    return rc;
}

/* The rows of a file are of one connector: it is looked up when it changes. */
static void look_up(struct replay *r, const char *connector)
{
    if (r->connector && strcmp(r->connector, connector) == 0)
        return;
    free(r->connector);
    r->connector = strdup(connector);
    r->part[0] = plan_source(&r->c[0], connector, NULL);
    r->part[1] = plan_source(&r->c[1], connector, r->part[0]);
}

static void note_time(struct replay *r, uint64_t ms)
{
    if (!r->first_ms || ms < r->first_ms)
        r->first_ms = ms;
    if (ms > r->last_ms)
        r->last_ms = ms;
}

int replay_message(struct replay *r, const struct journal_taken *m)
{
    struct plan_outcome o[2];
    if (!m->id || seen_before(r, m)) {
        r->twice++;
        return 0;
    }
    if (!m->attributes) {
        r->without++;
        return 0;
    }
    int rc = read_event(&r->event, m);
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0) {
        r->unreadable++;
        return 0;
    }
    look_up(r, m->connector ? m->connector : "");
    /* A connector that neither has any more: its messages tell of the routes nevertheless. */
    bool either = r->part[0] || r->part[1];
    r->strangers += !either;
    for (int side = 0; side < 2; side++)
        evaluate(r, side, r->part[side], r->part[side] || !either, &o[side]);
    r->messages++;
    note_time(r, m->wall_ms);
    return compare(r, o, m->id);
}

uint64_t replay_count(const struct replay *r)
{
    return r->messages;
}

uint64_t replay_unroutable(const struct replay *r)
{
    return plan_groups_unroutable(r->groups);
}

/* ---- the result ---- */

static int put_counts(const struct replay *r, int side, struct tree *t)
{
    static const char *const names[PLAN_RANKS] = {"not_received", "dropped", "unrouted", "matched"};
    struct tree *x = tree_map();
    int rc = x ? 0 : -ENOMEM;
    for (int i = 0; i < PLAN_RANKS; i++)
        rc |= tree_putu(x, names[i], r->rank[side][i]);
    return rc | tree_put(t, side ? "new" : "old", x);
}

static int put_destination(struct tree *list, const char *name, uint64_t before, uint64_t after)
{
    struct tree *x = before == after ? NULL : tree_map();
    if (before == after)
        return 0;
    int rc = tree_puts(x, "name", name) | tree_putu(x, "old", before) | tree_putu(x, "new", after);
    return rc | tree_append(list, x);
}

/* Those that would get more or fewer. */
static int put_destinations(const struct replay *r, struct tree *t)
{
    struct tree *list = tree_list();
    int rc = list ? 0 : -ENOMEM;
    for (size_t d = 0; rc == 0 && d < r->c[0].n; d++) {
        int after = r->same[0][d];
        rc = put_destination(list, r->c[0].destination[d].name, r->count[0][d],
                             after < 0 ? 0 : r->count[1][after]);
    }
    for (size_t d = 0; rc == 0 && d < r->c[1].n; d++)
        if (r->same[1][d] < 0)
            rc = put_destination(list, r->c[1].destination[d].name, 0, r->count[1][d]);
    return rc | tree_put(t, "destinations", list);
}

int replay_report(const struct replay *r, struct tree *t)
{
    char first[RFC3339_MAX], last[RFC3339_MAX];
    rfc3339_ms(r->first_ms, first);
    rfc3339_ms(r->last_ms, last);
    struct tree *x = tree_map();
    int rc = tree_putu(x, "messages", r->messages) | tree_putu(x, "unchanged", r->unchanged) |
             tree_putu(x, "twice", r->twice) | tree_putu(x, "unreadable", r->unreadable) |
             tree_putu(x, "without_attributes", r->without) |
             tree_putu(x, "of_unknown_connectors", r->strangers);
    if (r->messages)
        rc |= tree_puts(x, "first", first) | tree_puts(x, "last", last);
    rc |= put_counts(r, 0, x) | put_counts(r, 1, x) | put_destinations(r, x);
    rc |= tree_put(t, "replayed", x);
    return rc ? -ENOMEM : plan_groups_report(r->groups, t);
}
