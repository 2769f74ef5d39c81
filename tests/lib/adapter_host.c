/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/adapter_host.h"
#include "base/util.h"
#include "plugin/memory.h"
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

const struct reeve_plugin *reeve_plugin_entry(void); /* of the adapter */

static void copy(char *out, size_t cap, const char *s)
{
    (void)snprintf(out, cap, "%s", s != NULL ? s : "");
}

static void take_issue(void *host, const struct reeve_issue *i)
{
    struct adapter_host *h = host;
    assert_int_equal(
        grow_array((void **)&h->issues, &h->issues_cap, h->issues_n + 1, sizeof *h->issues), 0);
    struct seen_issue *s = &h->issues[h->issues_n++];
    *s = (struct seen_issue){.severity = i->severity, .flags = i->flags};
    copy(s->code, sizeof s->code, i->code);
    copy(s->where, sizeof s->where, i->where);
    copy(s->subject, sizeof s->subject, i->subject);
    copy(s->found, sizeof s->found, i->found);
    copy(s->wanted, sizeof s->wanted, i->wanted);
}

static int take_message(void *arg, struct message *m)
{
    struct adapter_host *h = arg;
    assert_int_equal(
        grow_array((void **)&h->messages, &h->messages_cap, h->messages_n + 1, sizeof *h->messages),
        0);
    h->messages[h->messages_n++] = m;
    return 0;
}

static void take_refusal(void *arg, const char *subject)
{
    (void)subject;
    ((struct adapter_host *)arg)->refused++;
}

static int take_state(void *host, const char *key, const void *p, size_t len)
{
    const struct adapter_host *h = host;
    return h->refuses_state ? -EIO : memory_put(h->state, key, p, len);
}

static int give_state(void *host, const char *key, const void **ret, size_t *ret_len)
{
    return memory_get(((struct adapter_host *)host)->state, key, ret, ret_len);
}

struct adapter_host *adapter_host_new(const char *option)
{
    static const struct host_ops ops = {
        .issue = take_issue, .state_get = give_state, .state_put = take_state};
    struct adapter_host *h = xcalloc(1, sizeof *h);
    struct err e;
    assert_non_null(h);
    h->state = memory_new();
    assert_non_null(h->state);
    h->plugin.api = *reeve_plugin_entry();
    assert_int_equal(host_options(&h->plugin, &option, option != NULL ? 1 : 0, &h->options, &e), 0);
    h->ctx = host_ctx_new(&h->plugin, h->options, &ops, h, MESSAGE_BYTES_MAX);
    assert_non_null(h->ctx);
    if (h->plugin.api.open != NULL)
        assert_int_equal(h->plugin.api.open(h->ctx, &h->inst), REEVE_OK);
    return h;
}

void adapter_host_reset(struct adapter_host *h)
{
    for (size_t i = 0; i < h->messages_n; i++)
        message_free(h->messages[i]);
    h->messages_n = h->issues_n = h->refused = 0;
}

void adapter_host_free(struct adapter_host *h)
{
    if (h == NULL)
        return;
    if (h->plugin.api.close != NULL)
        h->plugin.api.close(h->ctx, h->inst);
    adapter_host_reset(h);
    free(h->messages);
    free(h->issues);
    host_ctx_free(h->ctx);
    tree_free(h->options);
    map_free(h->state);
    free(h);
}

int adapter_host_setup(void **state)
{
    *state = adapter_host_new(NULL);
    return 0;
}

int adapter_host_teardown(void **state)
{
    adapter_host_free(*state);
    return 0;
}

reeve_rc adapter_host_decode(struct adapter_host *h, const char *p, size_t len,
                             const char *content_type, const struct door_header *headers,
                             size_t headers_n)
{
    reeve_reader r;
    struct reeve_out out = {.emit = take_message, .refuse = take_refusal, .arg = h};
    host_reader_memory(&r, p, len);
    r.headers = headers;
    r.headers_n = headers_n;
    reeve_rc rc = h->plugin.api.decode(h->ctx, h->inst, &r, content_type, &out);
    host_reader_done(&r);
    return rc;
}

reeve_rc adapter_host_decode_text(struct adapter_host *h, const char *text,
                                  const char *content_type)
{
    adapter_host_reset(h);
    return adapter_host_decode(h, text, strlen(text), content_type, NULL, 0);
}

static reeve_rc translate(struct adapter_host *h, struct message *m,
                          reeve_rc (*fn)(reeve_ctx *, void *, const reeve_msg *, reeve_out *))
{
    struct reeve_msg msg = {.m = m};
    struct reeve_out out = {.emit = take_message, .refuse = take_refusal, .arg = h};
    assert_non_null(fn);
    return fn(h->ctx, h->inst, &msg, &out);
}

reeve_rc adapter_host_to_hub(struct adapter_host *h, struct message *m)
{
    return translate(h, m, h->plugin.api.to_hub);
}

reeve_rc adapter_host_from_hub(struct adapter_host *h, struct message *m)
{
    return translate(h, m, h->plugin.api.from_hub);
}

const char *adapter_host_reason(const struct adapter_host *h)
{
    return host_ctx_reason(h->ctx);
}

char *adapter_host_encode(struct adapter_host *h, size_t *ret_len, struct tree **settings)
{
    struct buf bytes = BUF_INIT(64u << 20);
    struct tree *map = tree_map();
    struct reeve_buf out = {.out = &bytes, .settings = map};
    reeve_msg *wrapped = xcalloc(h->messages_n, sizeof *wrapped);
    const reeve_msg **msgs = xcalloc(h->messages_n, sizeof *msgs);
    assert_non_null(map);
    assert_non_null(wrapped);
    assert_non_null(msgs);
    for (size_t i = 0; i < h->messages_n; i++) {
        wrapped[i].m = h->messages[i];
        msgs[i] = &wrapped[i];
    }
    assert_int_equal(h->plugin.api.encode(h->ctx, h->inst, msgs, h->messages_n, &out), REEVE_OK);
    free(msgs);
    free(wrapped);
    if (settings != NULL)
        *settings = map;
    else
        tree_free(map);
    return buf_take(&bytes, ret_len);
}

const struct seen_issue *adapter_host_issue(const struct adapter_host *h, const char *code)
{
    for (size_t i = 0; i < h->issues_n; i++)
        if (strcmp(h->issues[i].code, code) == 0)
            return &h->issues[i];
    return NULL;
}
