/* SPDX-License-Identifier: Apache-2.0 */
/* issues - see issues.h. One allocation an issue kept, none for those that are only counted. */
#include "issues.h"
#include "base/json.h"
#include "base/utf8.h"
#include "base/util.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIELD_MAX 200
#define TEXT_MAX  1000

struct issues *issues_new(void)
{
    return xcalloc(1, sizeof(struct issues));
}

void issues_reset(struct issues *s)
{
    for (size_t i = 0; i < s->kept_n; i++)
        free(s->kept[i].code);
    s->kept_n = s->total_n = 0;
    s->warnings = s->errors = 0;
    s->package = s->unreadable = false;
}

void issues_free(struct issues *s)
{
    if (!s)
        return;
    issues_reset(s);
    free(s->kept);
    free(s);
}

static void count(struct issues *s, const char *code, uint32_t severity)
{
    size_t i = 0;
    while (i < s->total_n && strncmp(s->total[i].code, code, sizeof(s->total[i].code) - 1) != 0)
        i++;
    if (i == s->total_n) {
        if (i >= ISSUES_CODES) { /* the last place is for all the others */
            i = ISSUES_CODES;
            code = "other";
        }
        if (i == s->total_n) {
            (void)snprintf(s->total[i].code, sizeof(s->total[i].code), "%s", code);
            s->total[i].severity = 0;
            s->total[i].n = 0;
            s->total_n++;
        }
    }
    s->total[i].n++;
    if (severity > s->total[i].severity)
        s->total[i].severity = severity;
}

/* Copies at most max bytes, whole characters, with line breaks and other control characters as
 * spaces. No byte of the copy comes from more than two; further than that nobody reads: a million
 * issues may all name one subject of megabytes. */
static char *put(char *at, const char *s, size_t max)
{
    size_t len = strnlen(s, 2 * max + 4), n = 0;
    const uint8_t *p = (const uint8_t *)s;
    for (size_t i = 0; i < len && n < max;) {
        size_t k = utf8_step(p + i, p + len);
        if (k == 0) {
            at[n++] = '?';
            i++;
            continue;
        }
        if (n + k > max)
            break;
        if ((k == 1 && (p[i] < 0x20 || p[i] == 0x7f)) ||
            (k == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0))
            at[n++] = ' '; /* C0 and C1: some terminals obey both */
        else
            for (size_t j = 0; j < k; j++)
                at[n++] = s[i + j];
        i += k;
    }
    at[n] = '\0';
    return at + n + 1;
}

static size_t room(const char *s, size_t max)
{
    size_t n = strnlen(s, max);
    return n + 1;
}

static bool keep(struct issue *to, uint32_t severity, const char *const f[6])
{
    size_t need = 0;
    for (int i = 0; i < 6; i++)
        need += room(f[i], i == 5 ? TEXT_MAX : FIELD_MAX);
    char *p = malloc(need);
    if (!p)
        return false;
    to->severity = severity;
    char **field[6] = {&to->code, &to->where, &to->subject, &to->found, &to->wanted, &to->text};
    for (int i = 0; i < 6; i++) {
        *field[i] = p;
        p = put(p, f[i], i == 5 ? TEXT_MAX : FIELD_MAX);
    }
    return true;
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

void issues_add(struct issues *s, const struct reeve_issue *i)
{
    uint32_t severity = i->severity >= REEVE_ISSUE_WARNING && i->severity <= REEVE_ISSUE_UNREADABLE
                            ? i->severity
                            : REEVE_ISSUE_ERROR;
    const char *code = i->code && *i->code ? i->code : "issue";
    count(s, code, severity);
    if (severity == REEVE_ISSUE_WARNING)
        s->warnings++;
    else
        s->errors++;
    s->package |= severity >= REEVE_ISSUE_PACKAGE;
    s->unreadable |= severity == REEVE_ISSUE_UNREADABLE;
    bool hide = s->personal || (i->flags & REEVE_ISSUE_PERSONAL);
    const char *f[6] = {code,
                        or_empty(i->where),
                        or_empty(i->subject),
                        hide ? "" : or_empty(i->found),
                        or_empty(i->wanted),
                        or_empty(i->text)};
    if (s->kept_n < ISSUES_KEPT) {
        if (grow_array((void **)&s->kept, &s->kept_cap, s->kept_n + 1, sizeof(*s->kept)) < 0 ||
            !keep(&s->kept[s->kept_n], severity, f))
            return; /* counted all the same */
        if (s->tap)
            s->tap(s->tap_arg, &s->kept[s->kept_n]);
        s->kept_n++;
        return;
    }
    struct issue passing;
    if (s->tap && keep(&passing, severity, f)) {
        s->tap(s->tap_arg, &passing);
        free(passing.code);
    }
}

void issues_say(struct issues *s, uint32_t severity, const char *code, const char *where,
                const char *subject, const char *found, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    issues_add(s, &(struct reeve_issue){.size = sizeof(struct reeve_issue),
                                        .severity = severity,
                                        .code = code,
                                        .where = where,
                                        .subject = subject,
                                        .found = found,
                                        .text = text});
}

const char *issue_severity(uint32_t severity)
{
    return severity == REEVE_ISSUE_WARNING ? "warning" : "error";
}

int issue_line(const struct issue *i, const char *file, struct buf *out)
{
    int rc = 0;
    if (file)
        rc |= buf_addf(out, "%s: ", file);
    if (*i->where || file)
        rc |= buf_addf(out, "%s: ", *i->where ? i->where : "document");
    rc |= buf_addf(out, "%s: %s", issue_severity(i->severity), *i->text ? i->text : i->code);
    if (*i->found)
        rc |= buf_addf(out, ": found %s", i->found);
    if (*i->wanted)
        rc |= buf_addf(out, ", wanted %s", i->wanted);
    if (*i->subject)
        rc |= buf_addf(out, " (record %s)", i->subject);
    return rc | buf_addf(out, " [%s]", i->code);
}

int issues_totals(const struct issues *s, struct buf *out)
{
    int rc = buf_addc(out, '[');
    for (size_t i = 0; i < s->total_n; i++) {
        rc |= buf_adds(out, i ? ",{\"code\":" : "{\"code\":");
        rc |= json_add_string(out, s->total[i].code, strlen(s->total[i].code));
        rc |= buf_addf(out, ",\"severity\":\"%s\",\"count\":%llu}",
                       issue_severity(s->total[i].severity), (unsigned long long)s->total[i].n);
    }
    return rc | buf_addc(out, ']');
}

static int field(struct buf *out, const char *name, const char *v)
{
    if (!*v)
        return 0;
    int rc = buf_addf(out, ",\"%s\":", name);
    return rc | json_add_string(out, v, strlen(v));
}

int issues_list(const struct issues *s, size_t max, struct buf *out)
{
    int rc = buf_addc(out, '[');
    for (size_t i = 0; i < s->kept_n && i < max; i++) {
        const struct issue *x = &s->kept[i];
        rc |= buf_addf(out, "%s{\"severity\":\"%s\"", i ? "," : "", issue_severity(x->severity));
        rc |= field(out, "code", x->code) | field(out, "id", x->subject) |
              field(out, "pointer", x->where);
        rc |= field(out, "found", x->found) | field(out, "wanted", x->wanted) |
              field(out, "text", x->text);
        rc |= buf_addc(out, '}');
    }
    return rc | buf_addc(out, ']');
}
