/* SPDX-License-Identifier: Apache-2.0 */
/* form - see form.h. */
#include "form.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place up to the end of a name or a value; returns what is behind it, or NULL: bad. */
static char *decode(char *p, const char *until, const char **ret)
{
    char *to = p;
    *ret = p;
    while (*p && !strchr(until, *p)) {
        char c = *p++;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int a = hex(p[0]), b = a < 0 ? -1 : hex(p[1]);
            if (b < 0)
                return NULL;
            c = (char)(a << 4 | b);
            p += 2;
        }
        if ((unsigned char)c < 0x20 && c != '\n' && c != '\t' && c != '\r')
            return NULL;
        *to++ = c;
    }
    char *end = p;
    size_t len = (size_t)(to - *ret);
    if (!utf8_valid(*ret, len))
        return NULL;
    if (to < end)
        *to = '\0';
    return end;
}

static int read_fields(struct form *f)
{
    char *p = f->text;
    while (*p) {
        struct form_field *x = &f->field[f->n];
        if (*p == '&') {
            p++;
            continue;
        }
        if (f->n == FORM_FIELDS_MAX)
            return -EFBIG;
        p = decode(p, "=&", &x->name);
        if (!p)
            return -EINVAL;
        bool has_value = *p == '=';
        if (*p)
            *p++ = '\0';
        x->value = "";
        if (has_value) {
            p = decode(p, "&", &x->value);
            if (!p)
                return -EINVAL;
            if (*p)
                *p++ = '\0';
        }
        f->n++;
    }
    return 0;
}

int form_read(const char *p, size_t len, struct form *ret)
{
    struct form f = {.n = 0};
    if (len > FORM_BYTES_MAX)
        return -EFBIG;
    if (len && memchr(p, 0, len))
        return -EINVAL;
    f.text = xcalloc(1, len + 1);
    if (!f.text)
        return -ENOMEM;
    if (len)
        memcpy(f.text, p, len);
    int r = read_fields(&f);
    if (r < 0) {
        form_done(&f);
        return r;
    }
    *ret = f;
    return 0;
}

void form_done(struct form *f)
{
    free(f->text);
    f->text = NULL;
    f->n = 0;
}

const char *form_get(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->field[i].name, name) == 0)
            return *f->field[i].value ? f->field[i].value : NULL;
    return NULL;
}
