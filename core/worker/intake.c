/* SPDX-License-Identifier: Apache-2.0 */
/* intake - see intake.h. */
#include "intake.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

int intake_open(const struct tree *part, struct host_room *room, struct intake *ret, struct err *e)
{
    struct intake in = {.room = room, .set_time = true};
    in.any_type = strcmp(tree_gets(part, "types", "closed"), "open") == 0;
    uint64_t max = tree_getu(part, "message_max", MESSAGE_BYTES_MAX);
    const char *hub = tree_gets(part, "hub", "local"), *party = tree_gets(part, "party/name", NULL);
    in.party = party;
    if (!tree_get(part, "adapter"))
        return err_set(e, -EINVAL, "no-adapter",
                       "the receive side says no standard (`speaks:`), so nothing can be read");
    int rc = instance_load("adapter", tree_get(part, "adapter"), max, room, &in.adapter, e);
    if (rc == 0 && !in.adapter->plugin->api.decode)
        rc = err_set(e, -EINVAL, "plugin-role", "%s cannot decode", in.adapter->label);
    if (rc == 0)
        rc = instance_open(in.adapter, e);
    if (rc == 0)
        rc = steps_load(tree_get(part, "steps"), max, room, &in.steps, e);
    if (rc == 0) {
        in.digest = digest_new();
        if (asprintf(&in.source, "//%s/%s/%s", hub, party ? party : "-", in.adapter->name) < 0)
            in.source = NULL;
        if (asprintf(&in.hub_prefix, "//%s/", hub) < 0)
            in.hub_prefix = NULL;
        if (!in.digest || !in.source || !in.hub_prefix)
            rc = err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    }
    if (rc < 0) {
        intake_close(&in);
        return rc;
    }
    *ret = in;
    return 0;
}

void intake_close(struct intake *in)
{
    steps_free(&in->steps);
    instance_free(in->adapter);
    digest_free(in->digest);
    free(in->source);
    free(in->hub_prefix);
    *in = (struct intake){0};
}

/* One record while it passes the rules and the steps. */
struct passage {
    struct intake *in;
    const struct intake_sink *sink;
    struct intake_result *result;
    uint64_t seen;         /* records so far, for "record 17" */
    bool own_id;           /* of the record being looked at */
    unsigned outputs;      /* messages that the steps made of it */
    struct message **held; /* those, until all steps are through: of a record that a step refuses
                              nothing is taken */
    size_t held_n, held_cap;
    bool refused; /* a rule refused one of them */
    bool stop;
};

static void say(struct passage *p, const struct message *m, uint32_t severity, const char *code,
                const char *found, const char *text)
{
    char where[32];
    const char *subject = message_get(m, "subject");
    (void)snprintf(where, sizeof(where), "record %llu", (unsigned long long)p->seen);
    issues_say(p->in->room->issues, severity, code, where, subject ? subject : message_get(m, "id"),
               found, "%s", text);
}

static void refuse(struct passage *p, const struct message *m, const char *code, const char *found,
                   const char *text)
{
    say(p, m, REEVE_ISSUE_ERROR, code, found, text);
    p->refused = true;
}

/* What may not come in. */
static bool admissible(struct passage *p, const struct message *m)
{
    const char *source = message_get(m, "source"), *party = message_get(m, "party");
    if (party && p->in->party) {
        refuse(p, m, "party-set", party,
               "the attribute party is set by the hub, from who sent the message; leave it out");
        return false;
    }
    if (p->own_id && strncmp(source, p->in->hub_prefix, strlen(p->in->hub_prefix)) == 0) {
        refuse(p, m, "source-of-hub", source,
               "this source names the hub's own messages; use a source of your own");
        return false;
    }
    return true;
}

static bool type_known(struct passage *p, const struct message *m)
{
    const char *type = message_get(m, "type");
    if (type && (p->in->any_type || message_type_find(type)))
        return true;
    const char *names[64], *near = NULL;
    size_t n = 0;
    for (; n < message_types_n && n < ARRAY_SIZE(names); n++)
        names[n] = message_types[n].name;
    if (type)
        near = did_you_mean(type, names, n);
    bool of_hub = p->in->party; /* the list is a rule of hubs, not of the standard */
    char text[300];
    (void)snprintf(text, sizeof(text), "this type is not in the list of message types%s%s%s%s",
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "",
                   of_hub ? "" : " (a hub takes it where the connector has `types: open`)");
    say(p, m, of_hub ? REEVE_ISSUE_ERROR : REEVE_ISSUE_WARNING, "type-unknown",
        type ? type : "no type", text);
    p->refused = p->refused || of_hub;
    return !of_hub;
}

static bool emitted_as_personal(const struct instance *adapter, const char *type)
{
    struct reeve_emits row;
    for (size_t i = 0; plugin_emits(adapter->plugin, i, &row); i++)
        if ((row.flags & REEVE_EMITS_PERSONAL) && strcmp(row.type, type) == 0)
            return true;
    return false;
}

/* Sets what is the hub's. */
static int stamp(struct passage *p, struct message *m, struct err *e)
{
    const struct intake *in = p->in;
    int rc = 0;
    if (!p->own_id) {
        message_remove(m, "id");
        rc = message_sets(m, "source", in->source, e);
    }
    if (rc == 0 && in->party)
        rc = message_sets(m, "party", in->party, e);
    if (rc == 0)
        rc = trace_settle(m, in->trace, e);
    if (rc == 0 && in->set_time && !message_get(m, "time"))
        rc = message_sets(m, "time", in->now, e);
    const char *type = message_get(m, "type");
    if (rc == 0 && type && !message_is_personal(m) && emitted_as_personal(in->adapter, type)) {
        char both[300];
        const char *have = message_get(m, "datacategory");
        (void)snprintf(both, sizeof(both), "%s%spersonal", have ? have : "", have ? "," : "");
        rc = message_sets(m, "datacategory", both, e);
    }
    return rc;
}

static void identify(struct intake *in, struct record *r)
{
    struct digest *d = in->digest;
    message_content_digest(r->m, d, r->content);
    hex_lower(r->content, SHA256_LEN, r->hex);
    const char *subject = message_get(r->m, "subject"), *source = message_get(r->m, "source");
    const char *type = message_get(r->m, "type"), *id = message_get(r->m, "id");
    r->subject = subject && *subject ? subject : r->hex;
    digest_start(d);
    digest_field(d, source, strlen(source));
    if (r->own_id) {
        digest_field(d, "id", 2);
        digest_field(d, id, strlen(id));
        digest_field(d, "", 0); /* four fields here, three there: the two kinds never meet */
    } else {
        digest_field(d, type, strlen(type));
        digest_field(d, r->subject, strlen(r->subject));
    }
    digest_end(d, r->key);
}

void record_id(const struct record *r, uint64_t generation, struct digest *scratch,
               char out[MESSAGE_ID_LEN], const char **ret_id)
{
    *ret_id = r->own_id ? message_get(r->m, "id") : out;
    if (!r->own_id)
        message_make_id(message_get(r->m, "source"), message_get(r->m, "type"), r->subject,
                        r->content, generation, scratch, out);
}

static int fail(struct passage *p, int rc)
{
    p->stop = true;
    p->result->rc = REEVE_RETRY;
    return rc;
}

/* Behind the steps. Takes m. */
static int finish(void *arg, struct message *m)
{
    struct passage *p = arg;
    struct err e;
    p->outputs++;
    int rc = 0;
    if (p->own_id && p->outputs > 1) { /* one id cannot name two messages */
        char id[512];
        const char *own = message_get(m, "id");
        (void)snprintf(id, sizeof(id), "%s-%u", own ? own : "", p->outputs);
        rc = message_sets(m, "id", id, &e);
    }
    if (rc == 0)
        rc = stamp(p, m, &e);
    if (rc < 0) {
        refuse(p, m, e.code, NULL, e.text);
    } else if (type_known(p, m)) {
        struct record r = {.m = m, .own_id = p->own_id};
        identify(p->in, &r);
        rc = p->sink->record(p->sink->arg, &r, &p->result->why);
        if (rc > 0)
            p->refused = true;
        else if (rc < 0)
            (void)fail(p, rc);
    }
    message_free(m);
    return p->stop ? -ECANCELED : 0;
}

/* Takes m. */
static int hold(void *arg, struct message *m)
{
    struct passage *p = arg;
    if (p->held_n == p->held_cap) {
        size_t cap = p->held_cap ? p->held_cap * 2 : 16;
        struct message **more = realloc(p->held, cap * sizeof(struct message *));
        if (!more) {
            message_free(m);
            return -ENOMEM;
        }
        p->held = more;
        p->held_cap = cap;
    }
    p->held[p->held_n++] = m;
    return 0;
}

/* ok: they go on, else they are forgotten. */
static void held_end(struct passage *p, bool ok)
{
    for (size_t i = 0; i < p->held_n; i++)
        if (ok && !p->stop)
            (void)finish(p, p->held[i]);
        else
            message_free(p->held[i]);
    p->held_n = 0;
}

static void stepped(struct passage *p, const struct message *m, const struct steps_result *s)
{
    if (s->rc == REEVE_REJECT) {
        refuse(p, m, "step-rejected", NULL, s->reason);
    } else if (s->rc != REEVE_OK) {
        (void)err_set(&p->result->why, -EAGAIN, "step-failed", "%s", s->reason);
        p->result->after_ms = s->after_ms;
        (void)fail(p, -EAGAIN);
        p->result->rc = s->rc == REEVE_FATAL ? REEVE_FATAL : REEVE_RETRY;
    }
}

/* From the adapter. Takes m. */
static int on_emit(void *arg, struct message *m)
{
    struct passage *p = arg;
    struct err e;
    if (p->stop) {
        message_free(m);
        return -ECANCELED;
    }
    p->seen++;
    p->outputs = 0;
    p->refused = false;
    p->own_id = message_get(m, "id") && message_get(m, "source");
    if (!admissible(p, m)) {
        message_free(m);
    } else if (p->in->steps.n == 0) {
        (void)finish(p, m);
    } else if (stamp(p, m, &e) < 0) {
        refuse(p, m, e.code, NULL, e.text);
        message_free(m);
    } else {
        struct message *kept = message_copy(m); /* for the words of a refusal */
        struct steps_result s;
        steps_run(&p->in->steps, m, hold, p, &s);
        held_end(p, s.rc == REEVE_OK);
        if (!p->stop && kept)
            stepped(p, kept, &s);
        message_free(kept);
    }
    if (p->stop)
        return -ECANCELED;
    if (p->refused)
        p->result->refused++;
    else if (p->outputs == 0)
        p->result->dropped++;
    else
        p->result->taken++;
    return 0;
}

static void on_refuse(void *arg, const char *subject)
{
    struct passage *p = arg;
    (void)subject; /* its issues were reported with it */
    p->seen++;
    p->result->refused++;
}

/* The adapter's own word on the whole document, when it did not just read it to its end. */
static void decoded(struct intake *in, reeve_rc rc, struct intake_result *ret)
{
    struct issues *issues = in->room->issues;
    if (rc == REEVE_OK || ret->rc != REEVE_OK) /* our own failure explains its RETRY */
        return;
    if (rc == REEVE_REJECT) {
        if (!issues->package)
            issues_say(issues, REEVE_ISSUE_PACKAGE, "document-refused", NULL, NULL, NULL, "%s",
                       instance_reason(in->adapter, rc));
        return;
    }
    ret->rc = rc == REEVE_FATAL ? REEVE_FATAL : REEVE_RETRY;
    ret->after_ms = host_ctx_retry_after(in->adapter->ctx);
    (void)err_set(&ret->why, -EAGAIN, "decode-failed", "%s: %s", in->adapter->label,
                  instance_reason(in->adapter, rc));
}

void intake_document(struct intake *in, reeve_reader *r, const char *content_type,
                     const struct intake_sink *sink, struct intake_result *ret)
{
    *ret = (struct intake_result){.rc = REEVE_OK};
    struct passage p = {.in = in, .sink = sink, .result = ret};
    struct reeve_out out = {.emit = on_emit, .refuse = on_refuse, .arg = &p};
    struct reeve_emits row;
    bool any = false, all_personal = true;
    for (size_t i = 0; plugin_emits(in->adapter->plugin, i, &row); i++) {
        any = true;
        all_personal &= (row.flags & REEVE_EMITS_PERSONAL) || strncmp(row.type, "client.", 7) == 0;
    }
    in->room->issues->personal = any && all_personal;
    rfc3339_ms(wall_ms(), in->now);
    struct guard_mark m = instance_enter(in->adapter, in->adapter->label);
    reeve_rc rc = in->adapter->plugin->api.decode(in->adapter->ctx, in->adapter->inst, r,
                                                  content_type ? content_type : "", &out);
    instance_leave(in->adapter, m);
    free(p.held);
    decoded(in, rc, ret);
}
