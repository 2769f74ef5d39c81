/* SPDX-License-Identifier: Apache-2.0 */
/* diag - the list of what is wrong with a configuration: bounded, sorted, each finding once.
 *
 * Known limit: of more than DIAGNOSTICS_MAX findings those that came first are kept, which is in
 * the order of checking, not of files. */
#include "config.h"
#include "base/util.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 600

static int place(struct diagnostics *d, struct diagnostic *x, const char *file, const char *code,
                 const char *text)
{
    void *p = d->d;
    if (grow_array(&p, &d->cap, d->n + 1, sizeof(*d->d)) < 0)
        return -ENOMEM;
    d->d = p;
    x->file = strdup(file);
    x->code = strdup(code);
    x->text = strdup(text);
    if (!x->file || !x->code || !x->text) {
        free(x->file);
        free(x->code);
        free(x->text);
        return -ENOMEM;
    }
    d->d[d->n++] = *x;
    return 0;
}

static bool known(const struct diagnostics *d, const struct diagnostic *x, const char *file,
                  const char *code, const char *text)
{
    for (size_t i = d->n; i-- > 0;) {
        const struct diagnostic *o = &d->d[i];
        if (o->line == x->line && o->col == x->col && o->severity == x->severity &&
            strcmp(o->code, code) == 0 && strcmp(o->file, file) == 0 && strcmp(o->text, text) == 0)
            return true;
    }
    return false;
}

void diagnostics_add(struct diagnostics *d, enum severity severity, const char *file, unsigned line,
                     unsigned col, const char *code, const char *fmt, ...)
{
    char raw[TEXT_MAX], text[2 * TEXT_MAX] = "";
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    escape_text(text, sizeof(text), raw, n < 0 ? 0 : strlen(raw));
    struct diagnostic x = {.severity = severity, .line = line ? line : 1, .col = col ? col : 1};
    file = file ? file : "-";
    if (known(d, &x, file, code, text))
        return;
    if (severity == SEVERITY_ERROR)
        d->errors++;
    else
        d->warnings++;
    if (d->n >= DIAGNOSTICS_MAX)
        d->left_out++;
    else if (place(d, &x, file, code, text) < 0)
        d->no_memory = true;
}

static int compare(const void *a, const void *b)
{
    const struct diagnostic *x = a, *y = b;
    int r = strcmp(x->file, y->file);
    if (r == 0)
        r = (x->line > y->line) - (x->line < y->line);
    if (r == 0)
        r = (x->col > y->col) - (x->col < y->col);
    if (r == 0)
        r = (x->severity < y->severity) - (x->severity > y->severity);
    if (r == 0)
        r = strcmp(x->code, y->code);
    return r != 0 ? r : strcmp(x->text, y->text);
}

void diagnostics_sort(struct diagnostics *d)
{
    if (d->n > 1)
        qsort(d->d, d->n, sizeof(*d->d), compare);
}

int diagnostics_write(const struct diagnostics *d, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->n; i++) {
        const struct diagnostic *x = &d->d[i];
        r = buf_addf(out, "%s:%u:%u: %s: %s [%s]\n", x->file, x->line, x->col,
                     x->severity == SEVERITY_ERROR ? "error" : "warning", x->text, x->code);
    }
    if (r == 0 && d->left_out > 0)
        r = buf_addf(out, "and %zu more\n", d->left_out);
    return r;
}

void diagnostics_done(struct diagnostics *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->d[i].file);
        free(d->d[i].code);
        free(d->d[i].text);
    }
    free(d->d);
    memset(d, 0, sizeof(*d));
}
