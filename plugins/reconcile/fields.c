/* SPDX-License-Identifier: Apache-2.0 */
/* fields: see fields.h. */
#include "fields.h"
#include <stdlib.h>
#include <string.h>

const char *field_text(struct fields *f, char *out, size_t size)
{
    const char *tab = f->at < f->end ? memchr(f->at, '\t', (size_t)(f->end - f->at)) : NULL;
    size_t len = (size_t)((tab != NULL ? tab : f->end) - f->at);
    f->bad |= len >= size;
    if (f->bad)
        len = 0;
    memcpy(out, f->at, len);
    out[len] = '\0';
    f->at = tab != NULL ? tab + 1 : f->end;
    return out;
}

money field_money(struct fields *f, size_t digits_max)
{
    char text[MONEY_TEXT_MAX];
    money v = 0;
    if (!money_parse(field_text(f, text, sizeof text), digits_max, &v))
        f->bad = true;
    return v;
}

int64_t field_number(struct fields *f)
{
    char text[24], *rest;
    const char *p = field_text(f, text, sizeof text);
    long long v = strtoll(p, &rest, 10);
    f->bad |= *p == '\0' || *rest != '\0';
    return v;
}

bool fields_end(const struct fields *f)
{
    return !f->bad && f->at == f->end;
}
