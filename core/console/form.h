/* SPDX-License-Identifier: Apache-2.0 */
/* form - application/x-www-form-urlencoded, of a query or a body (WHATWG URL, section 5.1), strict
 * and bounded: good escapes, UTF-8, no control characters but line feed and tab. Pure. */
#ifndef REEVE_CONSOLE_FORM_H
#define REEVE_CONSOLE_FORM_H
#include <stddef.h>

#define FORM_BYTES_MAX  65536u
#define FORM_FIELDS_MAX 256u

struct form {
    char *text; /* owned; the fields point into it */
    struct form_field {
        const char *name, *value;
    } field[FORM_FIELDS_MAX];
    size_t n;
};

/* 0, -EINVAL (not a form), -EFBIG (over the limits) or -ENOMEM; nothing to free then. */
int form_read(const char *p, size_t len, struct form *ret);
void form_done(struct form *f);
/* The first value of a name, NULL when it is absent or empty. */
const char *form_get(const struct form *f, const char *name);

#endif
