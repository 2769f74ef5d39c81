/* SPDX-License-Identifier: Apache-2.0 */
/* console - the process: control channel, the door's socket, requests one after another. */
#include "console.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define TURN_MS     250
#define POLLFDS     24
#define DRAIN_S_MAX 60u
#define WAITING_MAX 64u /* requests that wait for their turn */

struct process {
    struct console c;
    struct tree *part;
    struct child *child;
    struct door_end *door;
    struct door_request *waiting[WAITING_MAX]; /* a ring */
    size_t first, n;
    bool draining;
};

static bool on_request(void *arg, struct door_request *r)
{
    struct process *p = arg;
    if (p->n == WAITING_MAX) {
        door_request_free(r);
        return false;
    }
    p->waiting[(p->first + p->n++) % WAITING_MAX] = r;
    return true;
}

static void on_drain(void *arg, uint32_t seconds)
{
    struct process *p = arg;
    (void)seconds; /* what waits is answered at once: nothing here takes long */
    p->draining = true;
}

static void send_reply(struct process *p, const struct door_request *r, struct reply *to)
{
    static const char policy[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
        "'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    struct door_header fields[DOOR_HEADERS_MAX] = {{"content-security-policy", policy},
                                                   {"x-frame-options", "DENY"},
                                                   {"referrer-policy", "same-origin"},
                                                   {"cross-origin-opener-policy", "same-origin"},
                                                   {"cross-origin-resource-policy", "same-origin"}};
    size_t n = 5;
    if (to->location[0])
        fields[n++] = (struct door_header){"location", to->location};
    if (to->cookie[0])
        fields[n++] = (struct door_header){"set-cookie", to->cookie};
    if (to->bearer)
        fields[n++] = (struct door_header){"www-authenticate", "Bearer realm=\"reeve\""};
    struct door_answer a = {.status = to->status,
                            .retry_after = to->retry_after,
                            .content_type = to->type,
                            .headers = fields,
                            .headers_n = n,
                            .body = to->h.out.p,
                            .len = to->h.out.len};
    if (to->h.error < 0) { /* never half a page */
        log_error("console-page", NULL, "%s: %s", r->path, strerror(-to->h.error));
        a.status = 500;
        a.content_type = "text/plain; charset=utf-8";
        a.body = "this page is too large\n";
        a.len = strlen(a.body);
    }
    door_end_answer(p->door, r, &a);
}

static void answer_next(struct process *p)
{
    struct door_request *r = p->waiting[p->first];
    p->first = (p->first + 1) % WAITING_MAX;
    p->n--;
    if (mono_ms() < r->deadline_ms) { /* else the door has answered by itself */
        struct reply to = {.status = 200};
        html_init(&to.h, PAGE_BYTES_MAX);
        respond(&p->c, r, &to);
        send_reply(p, r, &to);
        html_done(&to.h);
    }
    door_request_free(r);
}

static int turn(struct process *p)
{
    struct pollfd f[POLLFDS] = {{.fd = child_fd(p->child), .events = child_poll_events(p->child)}};
    size_t n = 1 + door_end_poll(p->door, f + 1, POLLFDS - 1);
    if (poll(f, (nfds_t)n, p->n ? 0 : TURN_MS) < 0 && errno != EINTR)
        return -errno;
    int r = child_run(p->child);
    if (r < 0)
        return r;
    door_end_run(p->door, f + 1, n - 1);
    if (p->n)
        answer_next(p); /* one, so that the supervisor hears from us between two */
    door_end_flush(p->door);
    return 0;
}

static void last_words(struct process *p)
{
    while (p->n)
        answer_next(p);
    for (int i = 0; i < 20; i++) {
        door_end_flush(p->door);
        (void)poll(NULL, 0, 5);
    }
}

static int start(struct process *p, struct err *e)
{
    struct console *c = &p->c;
    const char *socket = tree_gets(p->part, "socket", NULL);
    c->part = p->part;
    c->hub = tree_gets(p->part, "hub", "hub");
    c->data = tree_gets(p->part, "data", NULL);
    log_open("console", log_max_level());
    if (!socket || !c->data)
        return err_set(e, -EINVAL, "console-part", "the part of the plan has no socket or no data");
    c->journal = path_join(c->data, "journal");
    if (!c->journal)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    int r = guard_read(p->part, &c->guard, e);
    return r < 0 ? r : door_end_open(socket, on_request, p, &p->door, e);
}

static void clean_up(struct process *p)
{
    door_end_close(p->door);
    journal_close(p->c.acts);
    tree_free(p->c.status);
    flow_done(&p->c.flow);
    guard_done(&p->c.guard);
    free(p->c.journal);
    child_free(p->child);
    tree_free(p->part);
}

int console_run(const char *part_file)
{
    static struct process p; /* one a process */
    struct child_events events = {.arg = &p, .drain = on_drain};
    struct err e = {.code = ""};
    int r = child_start(part_file, &events, &p.child, &p.part, &e);
    if (r < 0) {
        log_error(e.code, NULL, "%s", e.text);
        return EXIT_CONFIG;
    }
    r = start(&p, &e);
    if (r < 0) {
        log_error(e.code, NULL, "%s", e.text);
        child_fault(p.child, &e);
        clean_up(&p);
        return r == -EINVAL ? EXIT_CONFIG : EXIT_RETRY;
    }
    (void)child_ready(p.child);
    while (r == 0 && !p.draining)
        r = turn(&p);
    last_words(&p);
    clean_up(&p);
    return r < 0 ? EXIT_BUG : 0;
}
