/* SPDX-License-Identifier: Apache-2.0 */
/* jq_program - see map.h. libjq 1.6: a value is taken by every function that it is handed to,
 * unless jv_copy() is written around it. */
#include "map.h"
#include <jq.h>
#include <jv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (64u << 20) /* of all that is made of one message */

struct jq_program {
    jq_state *jq;
    char *why; /* while it compiles: where the reason goes */
    size_t why_size;
};

/* A message of the compiler, or of the interpreter; kept without its line break. */
static void on_message(void *user, jv text)
{
    struct jq_program *p = user;
    if (p->why && *p->why == '\0' && jv_get_kind(text) == JV_KIND_STRING) {
        const char *said = jv_string_value(text);
        (void)snprintf(p->why, p->why_size, "%.*s", (int)strcspn(said, "\n"), said);
    }
    jv_free(text);
}

/* There is one input and `input` finds no other; libjq asks without looking whether it can. */
static jv no_more(jq_state *jq, void *user)
{
    (void)jq, (void)user;
    return jv_invalid();
}

struct jq_program *jq_program_new(const char *text, const char *from, char *why, size_t size)
{
    struct jq_program *p = calloc(1, sizeof *p);
    char said[300] = "";
    if (p == NULL || (p->jq = jq_init()) == NULL) {
        (void)snprintf(why, size, "out of memory");
        free(p);
        return NULL;
    }
    p->why = said;
    p->why_size = sizeof said;
    jq_set_error_cb(p->jq, on_message, p);
    jq_set_input_cb(p->jq, no_more, NULL);
    jq_set_attr(p->jq, jv_string("JQ_LIBRARY_PATH"), jv_array()); /* `import` finds nothing */
    int ok = jq_compile(p->jq, text);
    p->why = NULL;
    if (ok)
        return p;
    (void)snprintf(why, size, "%s: %s", from, *said ? said : "it does not compile");
    jq_program_free(p);
    return NULL;
}

void jq_program_free(struct jq_program *p)
{
    if (p == NULL)
        return;
    jq_teardown(&p->jq);
    free(p);
}

/* ---- input ---- */

static jv attribute(const reeve_msg *msg, const char *name)
{
    const char *text = reeve_msg_get(msg, name);
    switch (reeve_msg_kind(msg, name)) {
    case 'i':
        return jv_number(strtod(text, NULL)); /* 32 bits: exact */
    case 'b':
        return strcmp(text, "true") == 0 ? jv_true() : jv_false();
    default:
        return jv_string(text ? text : "");
    }
}

static jv event(const reeve_msg *msg, jv data)
{
    jv event = jv_object();
    const char *name;
    for (size_t i = 0; (name = reeve_msg_name(msg, i)) != NULL; i++)
        event = jv_object_set(event, jv_string(name), attribute(msg, name));
    return jv_object_set(event, jv_string("data"), data);
}

static int is_json(const char *type)
{
    size_t n = type ? strcspn(type, "; \t") : 0;
    return (n == 16 && strncmp(type, "application/json", n) == 0) ||
           (n > 5 && strncmp(type + n - 5, "+json", 5) == 0);
}

/* The program's input, or an invalid value after reeve_fail(). */
static jv input(reeve_ctx *ctx, int whole, const reeve_msg *msg)
{
    size_t len = 0, bad_len = 0;
    const char *body = reeve_msg_body(msg, &len), *type = reeve_msg_get(msg, "datacontenttype");
    if (body == NULL && whole)
        return event(msg, jv_null());
    if (body == NULL || !is_json(type)) {
        (void)reeve_fail(ctx, REEVE_REJECT, "the body is %s and not JSON",
                         body && type ? type : "absent");
        return jv_invalid();
    }
    const char *bad = unsafe_number(body, len, &bad_len);
    jv data = bad || len > INT32_MAX ? jv_invalid() : jv_parse_sized(body, (int)len);
    if (bad)
        (void)reeve_fail(ctx, REEVE_REJECT,
                         "jq would change the number %.*s: it keeps 15 digits; numbers with more "
                         "have to be strings",
                         bad_len > 60 ? 60 : (int)bad_len, bad);
    else if (!jv_is_valid(data))
        (void)reeve_fail(ctx, REEVE_REJECT, "jq cannot read the body");
    return whole && jv_is_valid(data) ? event(msg, data) : data;
}

/* ---- output ---- */

/* What the hub decides is not the program's to change. */
static int is_the_hubs(const char *name)
{
    static const char *const own[] = {"id", "source", "time", "party", "specversion"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(name, own[i]) == 0)
            return 1;
    }
    return 0;
}

/* Sets one attribute; 0, or -1 with the reason in why[]. */
static int set(reeve_msg *m, const char *name, jv value, char *why, size_t size)
{
    int rc = -1;
    jv_kind kind = jv_get_kind(value);
    double n = kind == JV_KIND_NUMBER ? jv_number_value(value) : 0;
    const char *old = reeve_msg_get(m, name);
    if (is_the_hubs(name)) {
        rc = kind == JV_KIND_STRING && old && strcmp(old, jv_string_value(value)) == 0 ? 0 : -1;
        if (rc != 0)
            (void)snprintf(why, size, "%s is the hub's and cannot be changed", name);
        return rc;
    }
    if (kind == JV_KIND_NULL)
        rc = reeve_msg_set(m, name, NULL);
    else if (kind == JV_KIND_STRING)
        rc = reeve_msg_set(m, name, jv_string_value(value));
    else if (kind == JV_KIND_TRUE || kind == JV_KIND_FALSE)
        rc = reeve_msg_set_bool(m, name, kind == JV_KIND_TRUE);
    else if (kind == JV_KIND_NUMBER && n >= INT32_MIN && n <= INT32_MAX && (double)(int32_t)n == n)
        rc = reeve_msg_set_int(m, name, (int32_t)n);
    if (rc != 0)
        (void)snprintf(why, size,
                       "%.40s cannot be an attribute: a name is of a-z and 0-9, a value "
                       "a string, a whole number of 32 bits, true or false",
                       name);
    return rc;
}

/* Attributes that the program left out are taken away. */
static void remove_missing(reeve_msg *m, const reeve_msg *in, jv made)
{
    const char *name;
    for (size_t i = 0; (name = reeve_msg_name(in, i)) != NULL; i++) {
        if (!is_the_hubs(name) && strcmp(name, "datacontenttype") != 0 &&
            !jv_object_has(jv_copy(made), jv_string(name)))
            (void)reeve_msg_set(m, name, NULL);
    }
}

static int set_all(reeve_msg *m, jv made, char *why, size_t size)
{
    int rc = 0;
    jv_object_foreach(made, key, value)
    {
        if (rc == 0 && strcmp(jv_string_value(key), "data") != 0)
            rc = set(m, jv_string_value(key), value, why, size);
        jv_free(key);
        jv_free(value);
    }
    return rc;
}

static int set_body(reeve_msg *m, const char *type, jv data, char *why, size_t size)
{
    jv text = jv_dump_string(data, 0);
    int rc = reeve_msg_set_body(m, type, jv_string_value(text),
                                (size_t)jv_string_length_bytes(jv_copy(text)));
    jv_free(text);
    if (rc != 0)
        (void)snprintf(why, size, "what the program made is not a body (too large?)");
    return rc;
}

/* One output of the program as a message; takes it. NULL: the reason is in why[]. */
static reeve_msg *message(const reeve_msg *in, int whole, jv made, char *why, size_t size)
{
    const char *type = reeve_msg_get(in, "datacontenttype");
    reeve_msg *m = reeve_msg_copy(in);
    int rc = m ? 0 : -1;
    if (m == NULL) {
        (void)snprintf(why, size, "out of memory");
    } else if (!whole) {
        rc = set_body(m, type ? type : "application/json", jv_copy(made), why, size);
    } else if (jv_get_kind(made) != JV_KIND_OBJECT) {
        rc = -1;
        (void)snprintf(why, size, "what the program made is not an event: no object");
    } else {
        jv data = jv_object_get(jv_copy(made), jv_string("data"));
        if (!jv_is_valid(data) || jv_get_kind(data) == JV_KIND_NULL) {
            jv_free(data);
            rc = reeve_msg_set_body(m, NULL, NULL, 0);
        } else {
            rc = set_body(m, type ? type : "application/json", data, why, size);
        }
        remove_missing(m, in, made);
        if (rc == 0)
            rc = set_all(m, made, why, size);
    }
    jv_free(made);
    if (rc == 0)
        return m;
    reeve_msg_free(m);
    return NULL;
}

/* ---- the run ---- */

struct results {
    reeve_msg **msg;
    size_t n, bytes;
};

static void drop(struct results *r)
{
    for (size_t i = 0; i < r->n; i++)
        reeve_msg_free(r->msg[i]);
    free(r->msg);
}

/* Takes m. */
static int keep(struct results *r, reeve_msg *m, char *why, size_t size)
{
    size_t len = 0;
    (void)reeve_msg_body(m, &len);
    reeve_msg **more = r->n % 64 ? r->msg : realloc(r->msg, (r->n + 64) * sizeof *more);
    if (more != NULL)
        r->msg = more;
    r->bytes += len;
    if (more == NULL || r->n == OUTPUTS_MAX || r->bytes > BYTES_MAX) {
        (void)snprintf(why, size, "the program makes more than %u messages or %u MiB of one",
                       OUTPUTS_MAX, BYTES_MAX >> 20);
        reeve_msg_free(m);
        return -1;
    }
    r->msg[r->n++] = m;
    return 0;
}

/* The program's own error, or nothing when it just ended. */
static int ended_well(struct jq_program *p, jv last, char *why, size_t size)
{
    int failed = jv_invalid_has_msg(jv_copy(last));
    jv said = jv_invalid_get_msg(last);
    if (failed && jv_get_kind(said) != JV_KIND_STRING)
        said = jv_dump_string(said, 0);
    if (failed)
        (void)snprintf(why, size, "jq: %.300s", jv_string_value(said));
    jv_free(said);
    if (!failed && jq_halted(p->jq)) {
        (void)snprintf(why, size, "jq: the program halted");
        failed = 1;
    }
    return failed ? -1 : 0;
}

static int collect(struct jq_program *p, int whole, const reeve_msg *in, struct results *r,
                   char *why, size_t size)
{
    for (;;) {
        jv made = jq_next(p->jq);
        if (!jv_is_valid(made))
            return ended_well(p, made, why, size);
        reeve_msg *m = message(in, whole, made, why, size);
        if (m == NULL || keep(r, m, why, size) < 0)
            return -1;
    }
}

static reeve_rc emit_all(reeve_ctx *ctx, const reeve_msg *in, struct results *r, reeve_out *out)
{
    if (r->n == 0)
        map_dropped(ctx, in, "the jq program made nothing of it");
    for (size_t i = 0; i < r->n; i++) {
        reeve_msg *m = r->msg[i];
        r->msg[i] = NULL;
        if (reeve_emit(out, m) != 0)
            return REEVE_RETRY;
    }
    return REEVE_OK;
}

reeve_rc jq_program_run(struct jq_program *p, reeve_ctx *ctx, int whole, const reeve_msg *in,
                        reeve_out *out)
{
    char why[400] = "";
    struct results r = {0};
    jv first = input(ctx, whole, in);
    if (!jv_is_valid(first)) {
        jv_free(first);
        return REEVE_REJECT;
    }
    jq_start(p->jq, first, 0);
    reeve_rc rc = collect(p, whole, in, &r, why, sizeof why) < 0
                      ? reeve_fail(ctx, REEVE_REJECT, "%s", why)
                      : emit_all(ctx, in, &r, out);
    drop(&r);
    return rc;
}
