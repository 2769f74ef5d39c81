/* SPDX-License-Identifier: Apache-2.0 */
/* hub_record: see hub_record.h. */
#include "lib/hub_record.h"
#include "lib/formats.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_PREFIX "urn:reeve:hub:1:"

/* ---- a record as a whole ---- */
void hub_head(struct json_write *w, const char *type)
{
    json_write_name(w, "record");
    json_write_bare(w, "1", 1);
    json_write_member(w, "type", type);
}

reeve_rc hub_emit(reeve_ctx *ctx, reeve_out *out, const reeve_msg *in, const char *type,
                  const struct json_write *w)
{
    char schema[128];
    if (w->failed)
        return reeve_fail(ctx, REEVE_REJECT,
                          "the hub record would be over the message limit or nested too deep");
    (void)snprintf(schema, sizeof schema, SCHEMA_PREFIX "%s", type);
    reeve_msg *m = reeve_msg_copy(in);
    if (m == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    if (reeve_msg_set(m, "dataschema", schema) != 0 ||
        reeve_msg_set_body(m, "application/json", w->p, w->len) != 0) {
        reeve_msg_free(m);
        return reeve_fail(ctx, REEVE_REJECT, "the hub record cannot be the body of a message");
    }
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

static const struct json_node *refuse(reeve_ctx *ctx, reeve_rc *ret, const char *reason)
{
    *ret = reeve_fail(ctx, REEVE_REJECT, "%s", reason);
    return NULL;
}

const struct json_node *hub_read(reeve_ctx *ctx, struct json_parser *p, const reeve_msg *in,
                                 const char *type, reeve_rc *ret)
{
    size_t len = 0, at = 0;
    const char *body = reeve_msg_body(in, &len), *sentence = "";
    const struct json_node *r = body != NULL ? json_parse(p, body, len) : NULL;
    if (r == NULL && body != NULL && json_parser_fault(p, &sentence, &at) == JSON_NO_MEMORY) {
        *ret = reeve_fail(ctx, REEVE_RETRY, "out of memory");
        return NULL;
    }
    const struct json_node *version = node_member(r, "record"), *id = node_member(r, "id"),
                           *kind = node_member(r, "type");
    if (!node_is(version, JSON_NUMBER) || !node_is(kind, JSON_STRING))
        return refuse(ctx, ret, "the message has no hub record as its body");
    if (strcmp(version->text, "1") != 0) {
        *ret = reeve_fail(ctx, REEVE_REJECT, "the hub record is of version %.20s, known is %d",
                          version->text, HUB_RECORD);
        return NULL;
    }
    if (strcmp(kind->text, type) != 0) {
        *ret = reeve_fail(ctx, REEVE_REJECT, "there is no place for %.64s", kind->text);
        return NULL;
    }
    if (!node_is(id, JSON_STRING) || id->len == 0)
        return refuse(ctx, ret, "the hub record has no id");
    return r;
}

/* ---- simple values ---- */
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

bool hub_is_decimal(const struct json_node *v)
{
    if (!node_is(v, JSON_STRING) || v->len > HUB_DECIMAL_MAX)
        return false;
    const char *s = v->text + (v->text[0] == '-');
    size_t n = digits(s);
    if (n == 0 || (n > 1 && s[0] == '0'))
        return false;
    if (s[n] == '.') {
        size_t behind = digits(s + n + 1);
        n = behind == 0 ? 0 : n + 1 + behind;
    }
    return n > 0 && s + n == v->text + v->len;
}

bool hub_decimal(const char *number, char out[HUB_DECIMAL_MAX + 1])
{
    const char *e = strpbrk(number, "eE");
    size_t len = e != NULL ? (size_t)(e - number) : strlen(number), n = 0, at = 0;
    if (len > HUB_DECIMAL_MAX)
        return false;
    if (e == NULL) {
        memcpy(out, number, len + 1);
        return true;
    }
    char all[HUB_DECIMAL_MAX + 1]; /* its digits, and where the point stands in them */
    long point = -1, power = strtol(e + 1, NULL, 10);
    for (const char *s = number + (*number == '-'); s < number + len; s++) {
        if (*s == '.')
            point = (long)n;
        else
            all[n++] = *s;
    }
    if (power < -(long)HUB_DECIMAL_MAX || power > (long)HUB_DECIMAL_MAX)
        return false;
    long whole = (point < 0 ? (long)n : point) + power; /* digits before the point */
    long skip = 0; /* zeros in front that a decimal does not begin with */
    while (skip + 1 < whole && (skip >= (long)n || all[skip] == '0'))
        skip++;
    long behind = (long)n > whole ? (long)n - whole : 0, before = whole > 0 ? whole - skip : 1;
    if ((*number == '-') + before + (behind > 0) + behind > (long)HUB_DECIMAL_MAX)
        return false;
    if (*number == '-')
        out[at++] = '-';
    for (long i = whole > 0 ? skip : -1; i < (whole > 0 ? whole : 0); i++)
        out[at++] = i >= 0 && i < (long)n ? all[i] : '0';
    if (behind > 0)
        out[at++] = '.';
    for (long i = whole; i < (long)n; i++)
        out[at++] = i >= 0 ? all[i] : '0';
    out[at] = 0;
    return true;
}

bool hub_is_date(const struct json_node *v)
{
    return node_is(v, JSON_STRING) &&
           (format_month_shape(v->text, v->len) || format_date_shape(v->text, v->len) ||
            format_date_time(v->text, v->len));
}

static bool capitals(const struct json_node *v, size_t n)
{
    return node_is(v, JSON_STRING) && v->len == n && strspn(v->text, CAPITALS) == n;
}

bool hub_is_currency(const struct json_node *v)
{
    return capitals(v, 3);
}

bool hub_is_country(const struct json_node *v)
{
    return capitals(v, 2);
}

bool hub_is_url(const struct json_node *v)
{
    return node_is(v, JSON_STRING) && format_uri(v->text, v->len);
}

bool hub_is_gss(const char *s)
{
    return s != NULL && strlen(s) == 9 && s[0] >= 'A' && s[0] <= 'Z' && digits(s + 1) == 8;
}

/* ---- identifiers ---- */
/* Length of the list code that an identifier begins with (org-id.guide: country or XM, XI …, with
 * the part of the country behind an underscore, hyphen, list), or 0. */
static size_t scheme_length(const char *s, size_t len)
{
    size_t n = 2;
    if (len > 5 && memcmp(s, "360G-", 5) == 0)
        return 4;
    if (strspn(s, CAPITALS) < 2)
        return 0;
    if (s[n] == '_') {
        size_t part = strspn(s + n + 1, CAPITALS);
        if (part == 0)
            return 0;
        n += 1 + part;
    }
    if (s[n] != '-')
        return 0;
    size_t list = strspn(s + n + 1, CAPITALS "0123456789_");
    n += 1 + list;
    return list > 0 && s[n] == '-' && n + 1 < len ? n : 0;
}

void hub_identifier(struct json_write *w, const char *text, size_t len)
{
    size_t scheme = scheme_length(text, len), from = scheme > 0 ? scheme + 1 : 0;
    json_write_object(w);
    json_write_name(w, "scheme");
    if (scheme > 0)
        json_write_text(w, text, scheme);
    else
        json_write_text(w, "local", 5);
    json_write_name(w, "id");
    json_write_text(w, text + from, len - from);
    json_write_end(w);
}

int hub_identifier_text(const struct json_node *identifier, char *out, size_t cap)
{
    const struct json_node *scheme = node_member(identifier, "scheme"),
                           *id = node_member(identifier, "id");
    if (!node_is(scheme, JSON_STRING) || !node_is(id, JSON_STRING) || id->len == 0)
        return -1;
    bool local = strcmp(scheme->text, "local") == 0;
    int n = snprintf(out, cap, "%s%s%s", local ? "" : scheme->text, local ? "" : "-", id->text);
    return n > 0 && (size_t)n < cap ? 0 : -1;
}

const struct json_node *hub_identifier_of(const struct json_node *list, const char *scheme)
{
    if (!node_is(list, JSON_ARRAY))
        return NULL;
    for (const struct json_node *i = list->first; i != NULL; i = i->next) {
        const struct json_node *s = node_member(i, "scheme");
        if (scheme == NULL || (node_is(s, JSON_STRING) && strcmp(s->text, scheme) == 0))
            return i;
    }
    return NULL;
}
