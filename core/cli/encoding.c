/* SPDX-License-Identifier: Apache-2.0 */
/* encoding - see encoding.h. */
#include "encoding.h"
#include "document.h"
#include "base/util.h"
#include "message/message.h"
#include "plugin/host.h"
#include "plugin/loader.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX (1u << 30)

static int load(struct encoding *x, const struct adapter_choice *a, struct instance **ret,
                struct err *e)
{
    struct tree *part = adapter_part(a, e);
    if (!part || tree_append(x->parts, part) < 0)
        return -ENOENT;
    int rc = instance_load("adapter", part, MESSAGE_BYTES_MAX, &x->room, ret, e);
    return rc < 0 ? rc : instance_open(*ret, e);
}

int encoding_open(struct encoding *x, const struct adapter_choice *a, const char *file,
                  struct err *e)
{
    *x = (struct encoding){.file = file, .parts = tree_list()};
    x->room.issues = issues_new();
    x->room.state_get = memory_get;
    x->room.state_put = memory_put;
    x->t.others = x->others;
    if (!x->parts || !x->room.issues)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    x->room.issues->tap = print_issue;
    x->room.issues->tap_arg = (void *)(uintptr_t)file;
    int rc = load(x, a, &x->t.adapter, e);
    if (rc == 0 && !x->t.adapter->plugin->api.encode)
        rc = err_set(e, -EINVAL, "plugin-role", "%s cannot encode", x->t.adapter->label);
    return rc;
}

void encoding_close(struct encoding *x)
{
    for (size_t i = 0; i < x->n; i++)
        reeve_msg_free(x->msgs[i]);
    free(x->msgs);
    for (size_t i = 0; i < x->t.others_n; i++)
        instance_free(x->others[i]);
    instance_free(x->t.adapter);
    issues_free(x->room.issues);
    tree_free(x->parts);
    map_free(x->memory);
}

int encoding_remember(struct encoding *x, struct err *e)
{
    x->room.arg = x->memory = memory_new();
    return x->memory ? 0 : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
}

void encoding_need(struct encoding *x, const char *standard)
{
    struct err e;
    if (strcmp(standard, x->t.adapter->name) == 0 || x->t.others_n == ADAPTERS_MAX)
        return;
    for (size_t i = 0; i < x->t.others_n; i++)
        if (strcmp(x->t.others[i]->name, standard) == 0)
            return;
    struct instance *other = NULL;
    struct adapter_choice named = {.name = standard};
    if (strchr(standard, '/') == NULL && load(x, &named, &other, &e) == 0)
        x->others[x->t.others_n++] = other;
    else
        instance_free(other);
}

void encoding_left_out(struct encoding *x, const char *where, const char *code, const char *text)
{
    fprintf(stderr, "%s: %s: error: %s [%s]\n", x->file, where, text, code);
    x->refused++;
}

int encoding_take(void *arg, struct message *m)
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

int encoding_write(struct encoding *x)
{
    struct instance *a = x->t.adapter;
    struct buf body = BUF_INIT(DOCUMENT_MAX);
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
