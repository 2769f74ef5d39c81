/* SPDX-License-Identifier: Apache-2.0 */
/* translate - a message in another standard than the receiver's goes through the hub record of its
 * type: the source's adapter makes that of it (to_hub), the sink's adapter makes its own standard
 * of that (from_hub).
 *
 * Same standard, or a receiver that speaks CloudEvents: nothing is touched. So it is when the
 * message names, as its dataschema, one that the receiver's adapter emits itself: then its body is
 * in that standard already. */
#include "translate.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *standard_of(const struct message *m, const char *hub)
{
    const char *source = message_get(m, "source");
    if (!source || strncmp(source, "//", 2) != 0)
        return "cloudevents"; /* it brought its own source */
    size_t n = strcspn(source + 2, "/");
    if (hub && (strlen(hub) != n || strncmp(source + 2, hub, n) != 0))
        return "cloudevents";
    const char *last = strrchr(source + 2, '/');
    return last && last[1] ? last + 1 : "cloudevents";
}

static bool emits_schema(const struct instance *adapter, const char *schema)
{
    struct reeve_emits row;
    for (size_t i = 0; schema && plugin_emits(adapter->plugin, i, &row); i++)
        if (row.schema && strcmp(row.schema, schema) == 0)
            return true;
    return false;
}

static struct instance *other(const struct translator *t, const char *name)
{
    for (size_t i = 0; i < t->others_n; i++)
        if (strcmp(t->others[i]->name, name) == 0)
            return t->others[i];
    return NULL;
}

struct way {
    const struct translator *t;
    const struct message *from;
    int (*emit)(void *arg, struct message *m);
    void *arg;
    struct steps_result *result;
};

int translate_inherit(const struct message *from, struct message *m)
{
    static const char *const names[] = {"id", "source", "type", "time", "party", "subject"};
    struct err e;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(names); i++) {
        const char *have = message_get(m, names[i]), *was = message_get(from, names[i]);
        if (was && (!have || i == 0))
            rc = message_sets(m, names[i], was, &e);
    }
    return rc;
}

static void failed(struct steps_result *r, const struct instance *i, reeve_rc rc, const char *what)
{
    if (r->rc != REEVE_OK)
        return;
    r->rc = rc;
    r->after_ms = host_ctx_retry_after(i->ctx);
    (void)snprintf(r->reason, sizeof(r->reason), "%s %s: %s", i->label, what,
                   instance_reason(i, rc));
}

int translate_leg(struct instance *i, enum translate_leg leg, struct message *m,
                  int (*emit)(void *arg, struct message *m), void *arg, struct steps_result *result)
{
    const char *what = leg == LEG_TO_HUB ? "to_hub" : "from_hub";
    struct reeve_msg msg = {.m = m};
    struct reeve_out out = {.emit = emit, .arg = arg};
    struct guard_mark g = instance_enter(i, what);
    reeve_rc rc = (leg == LEG_TO_HUB ? i->plugin->api.to_hub
                                     : i->plugin->api.from_hub)(i->ctx, i->inst, &msg, &out);
    instance_leave(i, g);
    if (rc != REEVE_OK)
        failed(result, i, rc, what);
    return rc == REEVE_OK ? 0 : -ECANCELED;
}

static int out_of_from_hub(void *arg, struct message *m)
{
    struct way *w = arg;
    if (translate_inherit(w->from, m) < 0) {
        message_free(m);
        return -ENOMEM;
    }
    w->result->out++;
    return w->emit(w->arg, m);
}

static int out_of_to_hub(void *arg, struct message *m)
{
    struct way *w = arg;
    int rc = translate_leg(w->t->adapter, LEG_FROM_HUB, m, out_of_from_hub, w, w->result);
    message_free(m);
    return rc;
}

void translate(const struct translator *t, struct message *m,
               int (*emit)(void *arg, struct message *m), void *arg, struct steps_result *ret)
{
    *ret = (struct steps_result){.rc = REEVE_OK};
    const char *standard = standard_of(m, t->hub);
    struct instance *a = t->adapter;
    if (!a || strcmp(a->name, "cloudevents") == 0 || strcmp(a->name, standard) == 0 ||
        emits_schema(a, message_get(m, "dataschema"))) {
        ret->out = 1;
        if (emit(arg, m) != 0)
            ret->rc = REEVE_RETRY;
        return;
    }
    struct instance *from = other(t, standard);
    if (!from || !from->plugin->api.to_hub || !a->plugin->api.from_hub) {
        ret->rc = REEVE_REJECT;
        ret->code = "no-translation";
        (void)snprintf(ret->reason, sizeof(ret->reason), "nothing translates %s from %s to %s",
                       message_get(m, "type") ? message_get(m, "type") : "the message", standard,
                       a->name);
        message_free(m);
        return;
    }
    struct way w = {.t = t, .from = m, .emit = emit, .arg = arg, .result = ret};
    if (translate_leg(from, LEG_TO_HUB, m, out_of_to_hub, &w, ret) < 0 && ret->rc == REEVE_OK)
        ret->rc = REEVE_RETRY;
    message_free(m);
}
