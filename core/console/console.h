/* SPDX-License-Identifier: Apache-2.0 */
/* console - the pages under /-/console: a live map of the hub, its journal, the story of a message,
 * its dead letters. A process of its own behind the door (`reeve-worker console`), because what the
 * door lets to it has not shown a token yet.
 *
 * It reads: the journals (read-only), the supervisor's status, and the queue's dead letters as a
 * client with the right to. It changes: dead letters, when asked by a form of its own; that is in
 * its own journal (console.db) before it is done. It never shows a body. One thread: a request is
 * answered within bounded time (searches are stopped), the next one waits.
 *
 * Pages are whole HTML documents and work without script; app.js only fetches the page again and
 * puts its live parts in place. */
#ifndef REEVE_CONSOLE_CONSOLE_H
#define REEVE_CONSOLE_CONSOLE_H
#include "base/control.h"
#include "base/door_end.h"
#include "flow.h"
#include "form.h"
#include "guard.h"
#include "html.h"
#include "journal/journal.h"

#define CONSOLE_ROOT   "/-/console"
#define PAGE_BYTES_MAX (DOOR_FRAME_MAX - 65536u)
#define PAGE_ROWS      50u
#define SEARCH_MS      2000u /* of a search or a story */
#define STATUS_MS      3000u /* for the supervisor's answer */
#define CACHE_MS       1000u /* several viewers, one question */

struct console {
    const struct tree *part;
    const char *hub, *data;
    char *journal; /* directory */
    struct guard guard;
    struct journal *acts; /* what was done here; opened when needed */
    struct tree *status;  /* of the supervisor; NULL: not known, and why: */
    struct err status_error;
    uint64_t status_at_ms; /* monotonic */
    struct flow flow;
    uint64_t flow_at_ms;
};

struct reply {
    unsigned status, retry_after;
    const char *type;
    char location[1024], cookie[COOKIE_MAX];
    bool bearer; /* 401 */
    struct html h;
};

struct ask { /* one request being answered */
    struct console *c;
    const struct door_request *r;
    const char *page; /* of the path, behind the root: "", "journal" … */
    struct form query, body;
    struct visitor visitor;
    uint64_t now_ms; /* wall clock */
    struct reply *to;
};

/* ---- console.c: the process. part_file: by hand, without a supervisor; may be NULL. Exit code */
int console_run(const char *part_file);

/* ---- respond.c */
/* The answer to any request. reply: zeroed but for h. */
void respond(struct console *c, const struct door_request *r, struct reply *to);
/* A reply that is one sentence. */
void respond_error(struct ask *a, unsigned status, const char *title, const char *text);

/* ---- frame.c: what all pages have */
void frame_begin(struct ask *a, const char *title);
void frame_end(struct ask *a);
void frame_note(struct ask *a, const char *kind, const char *text); /* "good", "bad", "waiting" */
void frame_time(struct html *h, uint64_t wall_ms);                  /* <time>, UTC */
void frame_ago(struct html *h, uint64_t now_ms, uint64_t then_ms);
void frame_select(struct ask *a, const char *id, const char *label, const char *any,
                  const char *const *values, size_t n, const char *chosen);
void frame_input(struct ask *a, const char *id, const char *label, const char *hint,
                 const char *value);
void frame_form_token(struct ask *a); /* the hidden field of a form that changes something */
/* Names of the connectors with this side ("receive", "deliver"); free() the array. */
const char **frame_names(const struct console *c, const char *side, size_t *ret_n);
/* A bound of time of a query; false: not understood, said so on the page. */
bool frame_when(struct ask *a, const char *field, uint64_t *ret_ms);

/* ---- pages */
void page_map(struct ask *a);
void page_journal(struct ask *a);
void page_message(struct ask *a);
void page_dead(struct ask *a);
void page_dead_act(struct ask *a); /* POST */
void page_login(struct ask *a, const char *complaint);
void page_login_act(struct ask *a); /* POST */

/* ---- map.c: the drawing */
void map_draw(struct ask *a);

/* ---- status.c: what the supervisor says, at most CACHE_MS old */
const struct tree *console_status(struct console *c); /* NULL: c->status_error */
const struct flow *console_flow(struct console *c);
const struct tree *status_queue(const struct tree *status, const char *destination);
const struct tree *status_process(const struct tree *status, const char *connector,
                                  const char *side);
/* How one side of a connector is, for people. */
struct node_state {
    const char *kind; /* "good", "paused", "bad", "waiting": how its mark looks */
    const char *word; /* "ready", "paused", "alarm" … */
    char about[96];   /* "http, 360giving" */
    uint64_t waiting, dead;
};
void node_state(const struct tree *part, const struct tree *status, const char *connector,
                const char *side, struct node_state *ret);

/* ---- assets.c */
struct asset {
    const char *name, *type, *text;
    size_t len;
};
const struct asset *asset_find(const char *name);

#endif
