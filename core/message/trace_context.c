/* SPDX-License-Identifier: Apache-2.0 */
/* trace_context - see trace_context.h. */
#include "trace_context.h"
#include "base/digest.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MEMBERS_MAX 32
#define KEY_MAX     256
#define VALUE_MAX   256
#define LONG_MEMBER 128
#define SAMPLED     1u
#define RANDOM_ID   2u

/* ---- traceparent */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (hex_value(p[i]) < 0)
            return false;
    return true;
}

static bool all_zero(const char *p, size_t n)
{
    return strspn(p, "0") >= n;
}

bool traceparent_read(const char *p, size_t len, char ret[TRACEPARENT_LEN])
{
    char t[TRACEPARENT_LEN];
    if (len < TRACEPARENT_LEN - 1)
        return false;
    memcpy(t, p, sizeof t - 1);
    t[sizeof t - 1] = '\0';
    if (t[2] != '-' || t[35] != '-' || t[52] != '-' || !is_hex(t, 2) || !is_hex(t + 3, 32) ||
        !is_hex(t + 36, 16) || !is_hex(t + 53, 2))
        return false;
    bool known = t[0] == '0' && t[1] == '0';
    if ((t[0] == 'f' && t[1] == 'f') || all_zero(t + 3, 32) || all_zero(t + 36, 16))
        return false;
    if (len > sizeof t - 1 && (known || p[sizeof t - 1] != '-'))
        return false;
    t[0] = t[1] = t[53] = '0';
    t[54] = (char)('0' + (hex_value(t[54]) & (int)(SAMPLED | RANDOM_ID)));
    memcpy(ret, t, sizeof t);
    return true;
}

void trace_id_of(const char parent[TRACEPARENT_LEN], char ret[TRACE_ID_LEN])
{
    memcpy(ret, parent + 3, TRACE_ID_LEN - 1);
    ret[TRACE_ID_LEN - 1] = '\0';
}

static void random_hex(char *out, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[16];
    if (random_bytes(raw, sizeof raw) < 0) {
        uint64_t a = mono_us(), b = hash_bytes(&a, sizeof a);
        memcpy(raw, &a, 8);
        memcpy(raw + 8, &b, 8);
    }
    raw[0] |= 1; /* never all zero */
    for (size_t i = 0; i < n / 2; i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
}

void trace_new(struct trace_context *ret)
{
    memcpy(ret->parent, "00-", 3);
    random_hex(ret->parent + 3, 32);
    ret->parent[35] = '-';
    random_hex(ret->parent + 36, 16);
    memcpy(ret->parent + 52, "-03", 4);
    ret->state[0] = '\0';
}

void trace_next(const struct trace_context *t, char ret[TRACEPARENT_LEN])
{
    memcpy(ret, t->parent, TRACEPARENT_LEN);
    random_hex(ret + 36, 16);
}

/* ---- tracestate */

struct member {
    const char *p;
    size_t len, key_len;
};

/* Section 3.3.1.3.1: simple keys, and those of several tenants, as Level 2 has them in one rule. */
static bool key_ok(const char *p, size_t n)
{
    static const char other[] = "_-*/@";
    if (n == 0 || n > KEY_MAX || !((p[0] >= 'a' && p[0] <= 'z') || (p[0] >= '0' && p[0] <= '9')))
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (!c || !strchr(other, c)))
            return false;
    }
    return true;
}

static bool value_ok(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '=')
            return false;
    return n > 0 && n <= VALUE_MAX && p[n - 1] != ' ';
}

static bool member_ok(const char *p, size_t n, struct member *ret)
{
    const char *equals = memchr(p, '=', n);
    if (!equals || !key_ok(p, (size_t)(equals - p)) ||
        !value_ok(equals + 1, n - (size_t)(equals - p) - 1))
        return false;
    *ret = (struct member){p, n, (size_t)(equals - p)};
    return true;
}

static bool known_key(const struct member *list, size_t n, const struct member *m)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].key_len == m->key_len && memcmp(list[i].p, m->p, m->key_len) == 0)
            return true;
    return false;
}

/* The members, or -1. */
static int split(const char *p, size_t len, struct member *list)
{
    const char *end = p + len;
    int n = 0;
    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *q = comma ? comma : end;
        const char *next = comma ? comma + 1 : end;
        while (p < q && (*p == ' ' || *p == '\t'))
            p++;
        while (q > p && (q[-1] == ' ' || q[-1] == '\t'))
            q--;
        struct member m;
        if (q > p) {
            if (n == MEMBERS_MAX || !member_ok(p, (size_t)(q - p), &m) ||
                known_key(list, (size_t)n, &m))
                return -1;
            list[n++] = m;
        }
        p = next;
    }
    return n;
}

static size_t total(const struct member *list, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += list[i].len ? list[i].len + 1 : 0;
    return sum ? sum - 1 : 0;
}

bool tracestate_read(const char *p, size_t len, char ret[TRACESTATE_MAX + 1])
{
    struct member list[MEMBERS_MAX];
    int n = split(p, len, list);
    size_t at = 0;
    if (n < 0)
        return false;
    for (int i = n - 1; i >= 0 && total(list, n) > TRACESTATE_MAX; i--)
        if (list[i].len > LONG_MEMBER)
            list[i].len = 0;
    while (n > 0 && total(list, n) > TRACESTATE_MAX)
        n--;
    for (int i = 0; i < n; i++) {
        if (!list[i].len)
            continue;
        if (at)
            ret[at++] = ',';
        memcpy(ret + at, list[i].p, list[i].len);
        at += list[i].len;
    }
    ret[at] = '\0';
    return true;
}

/* ---- of a message */

bool trace_of_message(const struct message *m, struct trace_context *ret)
{
    const char *parent = message_get(m, "traceparent"), *state = message_get(m, "tracestate");
    if (!parent || !traceparent_read(parent, strlen(parent), ret->parent))
        return false;
    if (!state || !tracestate_read(state, strlen(state), ret->state))
        ret->state[0] = '\0';
    return true;
}

static int put(struct message *m, const char *name, const char *value, struct err *e)
{
    const char *have = message_get(m, name);
    if (!*value) {
        if (have)
            message_remove(m, name);
        return 0;
    }
    return have && strcmp(have, value) == 0 ? 0 : message_sets(m, name, value, e);
}

int trace_settle(struct message *m, const struct trace_context *given, struct err *e)
{
    struct trace_context own;
    const struct trace_context *t = trace_of_message(m, &own) ? &own : given;
    int r = put(m, "traceparent", t ? t->parent : "", e);
    return r < 0 ? r : put(m, "tracestate", t ? t->state : "", e);
}
