/* SPDX-License-Identifier: Apache-2.0 */
/* schema: walks a value beside its table and reports every place where the official schema would
 * refuse it. */
#include "giving.h"
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

static const char *found_text(struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_null:
        return "null";
    case json_type_object:
        return "an object";
    case json_type_array:
        return json_object_array_length(v) == 0 ? "an empty array" : "an array";
    default:
        return json_object_get_string(v);
    }
}

static void report(struct check *c, uint32_t severity, const char *code, const struct place *at,
                   const char *found, const char *wanted, const char *text)
{
    char pointer[POINTER_MAX];
    place_pointer(at, pointer);
    struct reeve_issue issue = {.size = sizeof issue,
                                .severity = severity,
                                .flags = c->personal ? REEVE_ISSUE_PERSONAL : 0,
                                .code = code,
                                .where = pointer,
                                .subject = c->subject,
                                .found = found,
                                .wanted = wanted,
                                .text = text};
    if (severity == REEVE_ISSUE_WARNING)
        c->warnings++;
    else
        c->errors++;
    reeve_issue(c->ctx, &issue);
}

void check_report(struct check *c, uint32_t severity, const char *code, const struct place *at,
                  struct json_object *value, const char *wanted, const char *text)
{
    report(c, severity, code, at, value != NULL ? found_text(value) : NULL, wanted, text);
}

/* v NULL: JSON null, which has no object in json-c, was found. */
static void wrong(struct check *c, const char *code, const struct place *at, struct json_object *v,
                  const char *wanted, const char *text)
{
    report(c, REEVE_ISSUE_ERROR, code, at, found_text(v), wanted,
           v == NULL ? "null stands where a value is wanted; leave the member out instead" : text);
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
                         struct json_object *v)
{
    static const char want_date[] = "YYYY-MM-DD, or an RFC 3339 date-time";
    const char *s = json_object_get_string(v);
    size_t len = (size_t)json_object_get_string_len(v);
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
        if (strlen(s) != len || !currency_known(s))
            wrong(c, "currency-unknown", at, v, "an ISO 4217 code such as GBP",
                  "this is not a currency code");
        break;
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
    if (f->codes != NULL && (strlen(s) != len || !codelist_has(f->codes, s)))
        check_report(c, REEVE_ISSUE_WARNING, "codelist", at, v, codelist_wanted(f->codes),
                     "the code is not in its list");
}

static const char *number_advice(struct json_object *v)
{
    if (json_object_is_type(v, json_type_string)) {
        const char *s = json_object_get_string(v);
        if (s[0] != 0 && strspn(s, "0123456789.,- ") == strlen(s))
            return "the number stands in quotes; write it without quotes and without thousands "
                   "separators";
        if (strpbrk(s, "0123456789") != NULL)
            return "write the number alone: no currency sign, no separators, no quotes";
    }
    return "the value is not a number";
}

static void check_items(struct check *c, const struct field *f, const struct place *at,
                        struct json_object *v);

static void check_value(struct check *c, const struct field *f, const struct place *at,
                        struct json_object *v)
{
    if (v == NULL && (f->flags & FIELD_NULL) != 0)
        return;
    switch (f->kind) {
    case KIND_NUMBER:
        if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
            wrong(c, "not-a-number", at, v, "a number", number_advice(v));
        else if ((f->flags & FIELD_NOT_NEGATIVE) != 0 && json_object_get_double(v) < 0)
            wrong(c, "negative", at, v, "0 or more", "the value is below zero");
        break;
    case KIND_OBJECT:
        schema_check(c, f->of, at, v);
        break;
    case KIND_OBJECTS:
    case KIND_STRINGS:
        check_items(c, f, at, v);
        break;
    default:
        if (!json_object_is_type(v, json_type_string))
            wrong(c, "not-a-string", at, v, "text in quotes", "the value is not text");
        else
            check_string(c, f, at, v);
    }
}

static void check_items(struct check *c, const struct field *f, const struct place *at,
                        struct json_object *v)
{
    if (!json_object_is_type(v, json_type_array)) {
        wrong(c, "not-an-array", at, v, "an array in [ ]", "the value is not an array");
        return;
    }
    size_t n = json_object_array_length(v);
    if (n == 0 && (f->flags & FIELD_SOME) != 0)
        wrong(c, "empty-array", at, v, "at least one item", "the array is empty");
    struct print_set *seen = (f->flags & FIELD_UNIQUE) != 0 ? print_set_new() : NULL;
    for (size_t i = 0; i < n; i++) {
        struct place here = {.up = at, .index = i};
        struct json_object *item = json_object_array_get_idx(v, i);
        if (f->kind == KIND_OBJECTS) {
            schema_check(c, f->of, &here, item);
            continue;
        }
        const struct field one = {.kind = KIND_STRING, .codes = f->codes};
        check_value(c, &one, &here, item);
        if (seen != NULL && print_set_add(seen, json_print(item)) == 0)
            wrong(c, "duplicate-item", &here, item, "each item once",
                  "the item stands in the array twice");
    }
    print_set_free(seen);
}

static void check_required(struct check *c, const struct object *o, const struct place *at,
                           struct json_object *value)
{
    for (size_t i = 0; i < o->n; i++) {
        if ((o->fields[i].flags & FIELD_REQUIRED) == 0 ||
            json_object_object_get_ex(value, o->fields[i].name, NULL))
            continue;
        struct place here = {.up = at, .name = o->fields[i].name};
        check_report(c, REEVE_ISSUE_ERROR, "missing", &here, NULL, o->fields[i].name,
                     "a required member is missing");
    }
}

void schema_check(struct check *c, const struct object *o, const struct place *at,
                  struct json_object *value)
{
    if (!json_object_is_type(value, json_type_object)) {
        wrong(c, "not-an-object", at, value, "an object in { }", "the value is not an object");
        return;
    }
    check_required(c, o, at, value);
    json_object_object_foreach(value, key, member)
    {
        for (size_t i = 0; i < o->n; i++) {
            if (o->fields[i].name[0] != key[0] || strcmp(o->fields[i].name, key) != 0)
                continue;
            struct place here = {.up = at, .name = key};
            check_value(c, &o->fields[i], &here, member);
            break;
        }
    }
}
