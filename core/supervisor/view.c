/* SPDX-License-Identifier: Apache-2.0 */
/* view - see view.h: when a view is made and how it reaches the door; and the health of the hub. */
#include "sup.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define STATS_WAIT_MS 500u

static const char *const names[VIEWS] = {"metrics", "metrics-text", "health", "health-terse"};

int view_find(const char *name)
{
    for (int i = 0; i < VIEWS; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* ---- health */

static bool can_accept(const struct tree *processes)
{
    bool source = false, source_up = false, queues_up = false;
    for (size_t i = 0; processes && i < processes->n; i++) {
        const struct tree *p = processes->child[i];
        const char *kind = tree_gets(p, "kind", "");
        bool up = strcmp(tree_gets(p, "state", ""), "ready") == 0;
        if (strcmp(kind, "source") == 0) {
            source = true;
            source_up |= up;
        } else if (process_kind_keeps_queues(kind)) {
            queues_up = up;
        }
    }
    return queues_up && (source_up || !source);
}

static size_t count_up(const struct tree *processes)
{
    size_t up = 0;
    for (size_t i = 0; processes && i < processes->n; i++)
        up += strcmp(tree_gets(processes->child[i], "state", ""), "ready") == 0;
    return up;
}

/* A terse alarm is its code, each once; texts say too much for a monitor. */
static int put_alarm(struct tree *list, const struct tree *alarm, bool terse)
{
    const char *code = tree_gets(alarm, "code", "other");
    if (terse) {
        return tree_has(list, code) ? 0 : tree_appends(list, code);
    }
    struct tree *t = tree_map();
    int r = t ? tree_puts(t, "process", tree_gets(alarm, "process", NULL)) : -ENOMEM;
    if (r == 0)
        r = tree_puts(t, "code", code);
    if (r == 0)
        r = tree_puts(t, "since", tree_gets(alarm, "since", NULL));
    if (r == 0)
        return tree_append(list, t);
    tree_free(t);
    return r;
}

static int put_health(struct tree *t, const struct tree *status, bool terse, uint32_t *ret_status)
{
    const struct tree *processes = tree_get(status, "processes"),
                      *alarms = tree_get(status, "alarms");
    size_t n = processes ? processes->n : 0, up = count_up(processes);
    bool ending = strcmp(tree_gets(status, "state", ""), "draining") == 0;
    bool down = ending || !can_accept(processes),
         fine = !down && up == n && (!alarms || alarms->n == 0);
    struct tree *list = tree_list();
    int r = list ? tree_puts(t, "status", down ? "down" : fine ? "ok" : "degraded") : -ENOMEM;
    if (r == 0)
        r = tree_putu(t, "processes", n);
    if (r == 0)
        r = tree_putu(t, "ready", up);
    for (size_t i = 0; r == 0 && alarms && i < alarms->n; i++)
        r = put_alarm(list, alarms->child[i], terse);
    *ret_status = down ? 503 : 200;
    if (r == 0)
        return tree_put(t, "alarms", list);
    tree_free(list);
    return r;
}

int health_write(const struct tree *status, bool terse, struct buf *out, uint32_t *ret_status)
{
    struct tree *t = tree_map();
    int r = t ? put_health(t, status, terse, ret_status) : -ENOMEM;
    if (r == 0)
        r = tree_to_json(t, out, false);
    if (r == 0)
        r = buf_addc(out, '\n');
    tree_free(t);
    return r;
}

/* ---- the conversation */

static int send_piece(struct unit *u, enum view v, uint32_t status, const char *p, size_t len,
                      bool last)
{
    struct buf b = BUF_INIT(FRAME_MAX_DEFAULT);
    int r = pack_str(&b, names[v]);
    if (r == 0)
        r = pack_u32(&b, status);
    if (r == 0)
        r = pack_u8(&b, last);
    if (r == 0)
        r = pack_bytes(&b, p, len);
    if (r == 0)
        r = channel_send(u->channel, CONTROL_TOLD, u->generation, b.p, b.len, -1);
    buf_done(&b);
    return r;
}

static void tell(struct unit *u, enum view v, uint32_t status, const struct buf *text)
{
    size_t at = 0;
    int r = 0;
    u->views_asked &= ~(1u << v);
    do {
        size_t len = text->len - at < CONTROL_PIECE_MAX ? text->len - at : CONTROL_PIECE_MAX;
        r = u->channel ? send_piece(u, v, status, buf_str(text) + at, len, at + len == text->len)
                       : 0;
        at += len;
    } while (r == 0 && at < text->len);
    if (r < 0) /* the door will say that it got none */
        log_warning("view", NULL, "%s: %s cannot be told: %s", u->name, names[v], strerror(-r));
    if (u->channel)
        (void)channel_flush(u->channel);
}

static int write_view(const struct sup *s, enum view v, struct buf *out, uint32_t *ret_status)
{
    struct tree *status = status_make(s);
    int r = -ENOMEM;
    *ret_status = 200;
    if (status)
        r = v == VIEW_METRICS || v == VIEW_METRICS_TEXT
                ? metrics_write(status, v == VIEW_METRICS, out)
                : health_write(status, v == VIEW_HEALTH_TERSE, out, ret_status);
    tree_free(status);
    return r;
}

static void tell_all(struct sup *s, enum view v)
{
    struct buf text = BUF_INIT(CONTROL_TOLD_MAX);
    uint32_t status;
    int r = write_view(s, v, &text, &status);
    if (r < 0) {
        log_error("view", NULL, "%s cannot be written: %s", names[v], strerror(-r));
        buf_reset(&text);
        status = 503;
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->views_asked & 1u << v)
            tell(s->unit[i], v, status, &text);
    buf_done(&text);
    s->view[v].asked = false;
    s->view[v].next_ms = mono_ms() + VIEW_EVERY_MS;
}

static void begin(struct sup *s, enum view v, uint64_t now)
{
    bool asked = false;
    for (size_t i = 0; i < s->n; i++)
        asked = asked || s->unit[i]->views_asked & 1u << v;
    if (!asked || s->view[v].asked || now < s->view[v].next_ms)
        return;
    sup_ask_stats(s);
    s->view[v].asked = true;
    s->view[v].deadline = now + STATS_WAIT_MS;
}

void view_run(struct sup *s)
{
    uint64_t now = mono_ms();
    for (int v = 0; v < VIEWS; v++) {
        begin(s, (enum view)v, now);
        if (s->view[v].asked && (sup_stats_here(s) || now >= s->view[v].deadline))
            tell_all(s, (enum view)v);
    }
}

uint64_t view_deadline(const struct sup *s)
{
    uint64_t first = UINT64_MAX;
    for (int v = 0; v < VIEWS; v++) {
        const struct view_state *x = &s->view[v];
        uint64_t due = x->asked ? x->deadline : UINT64_MAX;
        for (size_t i = 0; !x->asked && i < s->n; i++)
            if (s->unit[i]->views_asked & 1u << v)
                due = x->next_ms;
        first = due < first ? due : first;
    }
    return first;
}
