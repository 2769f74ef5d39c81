/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_encode - `reeve encode ADAPTER [FILE|-]`: CloudEvents, one JSON a line (or one JSON array of
 * them), become a document of the adapter's standard on standard output; messages of another
 * standard are translated through the hub record, where both adapters can. Exit: 0, 1 some messages
 * were left out (the rest is written), 2 nothing could be written. */
#include "cli.h"
#include "document.h"
#include "base/util.h"
#include "message/message.h"
#include "plugin/host.h"
#include "plugin/loader.h"
#include "worker/translate.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INPUT_MAX    (1u << 30)
#define ADAPTERS_MAX 64u

struct encoding {
    const char *file;
    struct host_room room;
    struct translator t;
    struct tree *parts; /* of all adapters loaded: they borrow from here */
    struct instance *others[ADAPTERS_MAX];
    reeve_msg **msgs;
    size_t n, cap;
    uint64_t refused;
};

static int load(struct encoding *x, const char *name, struct instance **ret, struct err *e)
{
    struct tree *part = adapter_part(name, e);
    if (!part || tree_append(x->parts, part) < 0)
        return -ENOENT;
    int rc = instance_load("adapter", part, MESSAGE_BYTES_MAX, &x->room, ret, e);
    return rc < 0 ? rc : instance_open(*ret, e);
}

static void left_out(struct encoding *x, const char *where, const char *code, const char *text)
{
    fprintf(stderr, "%s: %s: error: %s [%s]\n", x->file, where, text, code);
    x->refused++;
}

/* Takes m. */
static int take(void *arg, struct message *m)
{
    struct encoding *x = arg;
    reeve_msg *msg = host_msg_wrap(m);
    if (!msg || grow_array((void **)&x->msgs, &x->cap, x->n + 1, sizeof(*x->msgs)) < 0) {
        reeve_msg_free(msg);
        return -ENOMEM;
    }
    x->msgs[x->n++] = msg;
    return 0;
}

/* The adapter of the standard that the message came in, if it is not loaded yet and there is one.
 */
static void need(struct encoding *x, const char *standard)
{
    struct err e;
    if (strcmp(standard, x->t.adapter->name) == 0 || x->t.others_n == ADAPTERS_MAX)
        return;
    for (size_t i = 0; i < x->t.others_n; i++)
        if (strcmp(x->t.others[i]->name, standard) == 0)
            return;
    struct instance *other = NULL;
    if (strchr(standard, '/') == NULL && load(x, standard, &other, &e) == 0)
        x->others[x->t.others_n++] = other;
    else
        instance_free(other);
}

static int add_event(struct encoding *x, const char *where, const char *p, size_t len)
{
    struct message *m = NULL;
    char pointer[64] = "", full[128];
    struct err e;
    struct steps_result r;
    if (message_parse(p, len, 0, &m, pointer, &e) < 0) {
        (void)snprintf(full, sizeof(full), "%s%s%s", where, *pointer ? " " : "", pointer);
        left_out(x, full, e.code, e.text);
        return 0;
    }
    need(x, standard_of(m, NULL));
    translate(&x->t, m, take, x, &r);
    if (r.rc != REEVE_OK)
        left_out(x, where,
                 r.step && strcmp(r.step, "no-translation") == 0 ? "no-translation" : "translation",
                 r.reason);
    return 0;
}

static int in_batch(void *arg, size_t index, const char *p, size_t len)
{
    char where[40];
    (void)snprintf(where, sizeof(where), "/%zu", index);
    return add_event(arg, where, p, len);
}

static void read_events(struct encoding *x, const char *p, size_t len)
{
    struct err e;
    const char *end = p + len;
    size_t line = 0;
    while (p < end && strchr(" \t\r\n", *p))
        p++;
    if (p < end && *p == '[') {
        if (message_each_in_batch(p, (size_t)(end - p), in_batch, x, &e) < 0)
            left_out(x, "document", e.code, e.text);
        return;
    }
    struct message *one = NULL;
    if (message_parse(p, (size_t)(end - p), 0, &one, NULL, &e) ==
        0) { /* one event, perhaps over many lines */
        message_free(one);
        (void)add_event(x, "line 1", p, (size_t)(end - p));
        return;
    }
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = eol ? (size_t)(eol - p) : (size_t)(end - p), text = 0;
        char where[40];
        (void)snprintf(where, sizeof(where), "line %zu", ++line);
        while (text < n && strchr(" \t\r", p[text]))
            text++;
        if (text < n)
            (void)add_event(x, where, p, n);
        p += n + (eol ? 1 : 0);
    }
}

static int write_document(struct encoding *x)
{
    struct instance *a = x->t.adapter;
    struct buf body = BUF_INIT(INPUT_MAX);
    struct reeve_buf out = {.out = &body, .settings = tree_map()};
    struct guard_mark g = instance_enter(a, "encode");
    reeve_rc rc =
        a->plugin->api.encode(a->ctx, a->inst, (const reeve_msg *const *)x->msgs, x->n, &out);
    instance_leave(a, g);
    if (rc != REEVE_OK)
        fprintf(stderr, "%s: document: error: %s [encode]\n", x->file, instance_reason(a, rc));
    else if (fwrite(buf_str(&body), 1, body.len, stdout) != body.len || fflush(stdout) != 0)
        rc = REEVE_RETRY;
    tree_free(out.settings);
    buf_done(&body);
    return rc == REEVE_OK ? 0 : -1;
}

static int encode(struct encoding *x, const char *path)
{
    char *p = NULL;
    size_t len;
    int rc = strcmp(path, "-") == 0 ? read_fd(STDIN_FILENO, INPUT_MAX, &p, &len)
                                    : read_file(path, INPUT_MAX, &p, &len);
    if (rc < 0) {
        fprintf(stderr, "reeve encode: %s: %s [file]\n", path, strerror(-rc));
        return CLI_UNREADABLE;
    }
    read_events(x, p, len);
    free(p);
    if (x->n == 0) {
        if (x->refused == 0)
            fprintf(stderr, "%s: document: error: there is no message in it [empty]\n", path);
        return CLI_UNREADABLE;
    }
    if (write_document(x) < 0)
        return x->refused ? CLI_UNREADABLE : CLI_FAILED;
    return x->refused ? CLI_FAILED : CLI_OK;
}

int cmd_encode(int argc, char **argv)
{
    struct err e;
    if (argc != 2 && argc != 3)
        return cli_usage("encode");
    struct encoding x = {.file = argc == 3 ? argv[2] : "-", .parts = tree_list()};
    x.room.issues = issues_new();
    x.t.others = x.others;
    int rc = x.parts && x.room.issues ? load(&x, argv[1], &x.t.adapter, &e)
                                      : err_set(&e, -ENOMEM, "out-of-memory", "out of memory");
    if (rc == 0 && !x.t.adapter->plugin->api.encode)
        rc = err_set(&e, -EINVAL, "plugin-role", "%s cannot encode", x.t.adapter->label);
    if (rc < 0) {
        cli_complain("encode", &e);
        rc = CLI_UNREADABLE;
    } else {
        x.room.issues->tap = print_issue;
        x.room.issues->tap_arg = (void *)(uintptr_t)x.file;
        rc = encode(&x, x.file);
    }
    for (size_t i = 0; i < x.n; i++)
        reeve_msg_free(x.msgs[i]);
    free(x.msgs);
    for (size_t i = 0; i < x.t.others_n; i++)
        instance_free(x.others[i]);
    instance_free(x.t.adapter);
    issues_free(x.room.issues);
    tree_free(x.parts);
    return rc;
}
