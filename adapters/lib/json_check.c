/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json_check.h"
#include "lib/formats.h"
#include <stdio.h>
#include <string.h>

static size_t pointer_part(const struct place *at, char *out, size_t cap)
{
    if (at == NULL)
        return 0;
    size_t n = pointer_part(at->up, out, cap);
    char number[24];
    const char *s = at->name;
    if (s == NULL) {
        (void)snprintf(number, sizeof number, "%zu", at->index);
        s = number;
    }
    if (n + 1 < cap)
        out[n++] = '/';
    for (; *s != 0 && n + 2 < cap; s++) { /* RFC 6901 section 3 */
        if (*s == '~' || *s == '/') {
            out[n++] = '~';
            out[n++] = *s == '~' ? '0' : '1';
        } else {
            out[n++] = *s;
        }
    }
    return n;
}

void place_pointer(const struct place *at, char out[POINTER_MAX])
{
    out[pointer_part(at, out, POINTER_MAX - 1)] = 0;
}

static const char *found_text(const struct json_node *v)
{
    switch (v->kind) {
    case JSON_NULL:
        return "null";
    case JSON_FALSE:
        return "false";
    case JSON_TRUE:
        return "true";
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return v->n == 0 ? "an empty array" : "an array";
    default:
        return v->text;
    }
}

void check_report(struct check *c, uint32_t severity, const char *code, const struct place *at,
                  const struct json_node *value, const char *wanted, const char *text)
{
    char pointer[POINTER_MAX];
    if (c->where != NULL)
        c->where(c, at, pointer);
    else
        place_pointer(at, pointer);
    if (c->first != NULL) {
        if (severity == REEVE_ISSUE_ERROR && c->errors++ == 0)
            (void)snprintf(c->first, FAULT_MAX, "%s: %s%s%s", pointer, text,
                           wanted != NULL ? "; wanted: " : "", wanted != NULL ? wanted : "");
        return;
    }
    struct reeve_issue issue = {.size = sizeof issue,
                                .severity = severity,
                                .flags = c->personal ? REEVE_ISSUE_PERSONAL : 0,
                                .code = code,
                                .where = pointer,
                                .subject = c->subject,
                                .found = value != NULL ? found_text(value) : NULL,
                                .wanted = wanted,
                                .text = text};
    if (severity == REEVE_ISSUE_WARNING)
        c->warnings++;
    else
        c->errors++;
    reeve_issue(c->ctx, &issue);
}

static void wrong(struct check *c, const char *code, const struct place *at,
                  const struct json_node *v, const char *wanted, const char *text)
{
    static const char null_found[] =
        "null stands where a value is wanted; leave the member out instead";
    check_report(c, REEVE_ISSUE_ERROR, code, at, v, wanted,
                 node_is(v, JSON_NULL) ? null_found : text);
}

/* What a date that fails looks like, so that the cure can be named. */
static const char *date_advice(const char *s, size_t len)
{
    bool digits = len > 0 && strspn(s, "0123456789") == len;
    if (digits && len == 5)
        return "this looks like a spreadsheet's serial number; format the column as text "
               "YYYY-MM-DD before exporting";
    if (len >= 8 && strchr(s, '/') != NULL)
        return "dates are written year first: YYYY-MM-DD";
    return "the value is not a date";
}

static void check_string(struct check *c, const struct field *f, const struct place *at,
                         const struct json_node *v)
{
    static const char want_date[] = "YYYY-MM-DD, or an RFC 3339 date-time";
    const char *s = v->text;
    size_t len = v->len;
    switch (f->kind) {
    case KIND_DATE:
        if (!format_date_time(s, len) && !format_date_shape(s, len))
            wrong(c, "date-format", at, v, want_date, date_advice(s, len));
        break;
    case KIND_EVENT_DATE:
        if (!format_date_time(s, len) && !format_date_shape(s, len) && !format_month_shape(s, len))
            wrong(c, "date-format", at, v, "YYYY-MM-DD, YYYY-MM, YYYY, or an RFC 3339 date-time",
                  date_advice(s, len));
        break;
    case KIND_DATE_TIME:
        if (!format_date_time(s, len))
            wrong(c, "date-time-format", at, v,
                  "an RFC 3339 date-time such as 2026-01-15T09:30:00Z",
                  format_date_shape(s, len) ? "the time of day is missing" : date_advice(s, len));
        break;
    case KIND_URI:
        if (!format_uri(s, len))
            wrong(c, "uri-format", at, v,
                  "a whole web address with its scheme, such as https://example.org/",
                  strstr(s, "://") == NULL ? "the address has no http:// or https:// in front"
                                           : "the value is not a valid URI");
        break;
    case KIND_CURRENCY:
        if (strlen(s) == len && f->codes != NULL && codelist_has(f->codes, s))
            return;
        if (strlen(s) != len || !currency_known(s))
            wrong(c, "currency-unknown", at, v, "an ISO 4217 code such as GBP",
                  "this is not a currency code");
        return;
    case KIND_COUNTRY:
        if (strlen(s) != len || !country_known(s))
            wrong(c, "country-unknown", at, v, "an ISO 3166-1 two-letter code such as GB",
                  "this is not a country code");
        break;
    case KIND_YES_NO:
        if (strlen(s) != len || (strcmp(s, "Yes") != 0 && strcmp(s, "No") != 0))
            wrong(c, "yes-no", at, v, "exactly Yes or No", "only the two whole words are allowed");
        break;
    case KIND_VERSION: {
        size_t major = strspn(s, "0123456789");
        size_t minor = major > 0 && s[major] == '.' ? strspn(s + major + 1, "0123456789") : 0;
        if (minor == 0 || major + 1 + minor != len)
            wrong(c, "version-format", at, v, "major.minor such as 1.4",
                  "the value is not a version");
        break;
    }
    default:
        break;
    }
    if ((f->flags & FIELD_TEXT) != 0 && len == 0)
        wrong(c, "empty-text", at, v, "at least one character", "the text is empty");
    if (f->codes != NULL && (strlen(s) != len || !codelist_has(f->codes, s)))
        check_report(c, f->codes->closed ? REEVE_ISSUE_ERROR : REEVE_ISSUE_WARNING, "codelist", at,
                     v, f->codes->wanted != NULL ? f->codes->wanted : f->codes->words,
                     "the code is not in its list");
}

static const char *number_advice(const struct json_node *v)
{
    if (node_is(v, JSON_STRING)) {
        const char *s = v->text;
        if (s[0] != 0 && strspn(s, "0123456789.,- ") == strlen(s))
            return "the number stands in quotes; write it without quotes and without thousands "
                   "separators";
        if (strpbrk(s, "0123456789") != NULL)
            return "write the number alone: no currency sign, no separators, no quotes";
    }
    return "the value is not a number";
}

static bool is_integer(const struct json_node *v)
{
    return node_is(v, JSON_NUMBER) && strpbrk(v->text, ".eE") == NULL;
}

static void check_items(struct check *c, const struct field *f, const struct place *at,
                        const struct json_node *v);

static void check_value(struct check *c, const struct field *f, const struct place *at,
                        const struct json_node *v)
{
    if (node_is(v, JSON_NULL) && (f->flags & FIELD_NULL) != 0)
        return;
    switch (f->kind) {
    case KIND_NUMBER:
        if (!node_is(v, JSON_NUMBER))
            wrong(c, "not-a-number", at, v, "a number", number_advice(v));
        else if ((f->flags & FIELD_NOT_NEGATIVE) != 0 && node_sign(v) < 0)
            wrong(c, "negative", at, v, "0 or more", "the value is below zero");
        break;
    case KIND_INTEGER:
        if (!is_integer(v))
            wrong(c, "not-an-integer", at, v, "a whole number, digits alone",
                  "the value is not a whole number");
        break;
    case KIND_BOOLEAN:
        if (!node_is(v, JSON_TRUE) && !node_is(v, JSON_FALSE))
            wrong(c, "not-a-boolean", at, v, "true or false, without quotes",
                  "the value is neither true nor false");
        break;
    case KIND_OBJECT:
        schema_check(c, f->of, at, v);
        break;
    case KIND_OBJECTS:
    case KIND_STRINGS:
    case KIND_URIS:
        check_items(c, f, at, v);
        break;
    default:
        if (f->kind == KIND_ID && is_integer(v))
            break;
        if (!node_is(v, JSON_STRING))
            wrong(c, "not-a-string", at, v, "text in quotes", "the value is not text");
        else
            check_string(c, f, at, v);
    }
}

static void check_items(struct check *c, const struct field *f, const struct place *at,
                        const struct json_node *v)
{
    if (!node_is(v, JSON_ARRAY)) {
        wrong(c, "not-an-array", at, v, "an array in [ ]", "the value is not an array");
        return;
    }
    if (v->n == 0 && (f->flags & FIELD_SOME) != 0)
        wrong(c, "empty-array", at, v, "at least one item", "the array is empty");
    struct print_set *seen = (f->flags & FIELD_UNIQUE) != 0 ? print_set_new() : NULL;
    size_t i = 0;
    for (const struct json_node *item = v->first; item != NULL; item = item->next, i++) {
        struct place here = {.up = at, .index = i};
        if (f->kind == KIND_OBJECTS) {
            schema_check(c, f->of, &here, item);
        } else {
            const struct field one = {.kind = f->kind == KIND_URIS ? KIND_URI : KIND_STRING,
                                      .codes = f->codes};
            check_value(c, &one, &here, item);
        }
        if (seen != NULL && print_set_add(seen, json_print(item)) == 0)
            wrong(c, "duplicate-item", &here, item, "each item once",
                  "the item stands in the array twice");
    }
    print_set_free(seen);
}

static void check_required(struct check *c, const struct object *o, const struct place *at,
                           const struct json_node *value)
{
    for (size_t i = 0; i < o->n; i++) {
        if ((o->fields[i].flags & FIELD_REQUIRED) == 0 ||
            node_member(value, o->fields[i].name) != NULL)
            continue;
        struct place here = {.up = at, .name = o->fields[i].name};
        check_report(c, REEVE_ISSUE_ERROR, "missing", &here, NULL, o->fields[i].name,
                     "a required member is missing");
    }
}

/* SIZE_MAX: the schema says nothing of it. */
static size_t field_of(const struct object *o, const struct json_node *member)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->fields[i].name[0] == member->name[0] &&
            strcmp(o->fields[i].name, member->name) == 0 &&
            strlen(member->name) == member->name_len)
            return i;
    return SIZE_MAX;
}

/* title_cy beside title. */
static bool is_translation(const struct object *o, const char *name)
{
    const char *dash = strchr(name, '_');
    if (dash == NULL || o->translated == NULL || strlen(dash) > 64)
        return false;
    char base[64];
    if ((size_t)(dash - name) >= sizeof base)
        return false;
    (void)snprintf(base, sizeof base, "%.*s", (int)(dash - name), name);
    const struct codelist names = {.words = o->translated};
    return codelist_has(&names, base) && format_language_tag(dash + 1);
}

static void check_translation(struct check *c, const struct object *o, const struct place *at,
                              const struct json_node *m)
{
    if (node_is(m, JSON_STRING) || node_is(m, JSON_NULL) || strlen(m->name) != m->name_len ||
        !is_translation(o, m->name))
        return;
    struct place here = {.up = at, .name = m->name};
    wrong(c, "not-a-string", &here, m, "text in quotes", "the value is not text");
}

/* Of a member that is named twice the last one counts, in the place of the first. */
void schema_check(struct check *c, const struct object *o, const struct place *at,
                  const struct json_node *value)
{
    const struct json_node *last[OBJECT_FIELDS_MAX] = {NULL};
    size_t order[OBJECT_FIELDS_MAX], n = 0;
    if (!node_is(value, JSON_OBJECT)) {
        wrong(c, "not-an-object", at, value, "an object in { }", "the value is not an object");
        return;
    }
    check_required(c, o, at, value);
    for (const struct json_node *m = value->first; m != NULL; m = m->next) {
        size_t i = field_of(o, m);
        if (i >= OBJECT_FIELDS_MAX) {
            check_translation(c, o, at, m);
            continue;
        }
        if (last[i] == NULL)
            order[n++] = i;
        last[i] = m;
    }
    for (size_t k = 0; k < n; k++) {
        struct place here = {.up = at, .name = last[order[k]]->name};
        bool personal = c->personal;
        c->personal = personal || (o->fields[order[k]].flags & FIELD_PERSONAL) != 0;
        check_value(c, &o->fields[order[k]], &here, last[order[k]]);
        c->personal = personal;
    }
}
