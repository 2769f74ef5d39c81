/* SPDX-License-Identifier: Apache-2.0 */
/* fields - what the store holds is lines of fields that are parted by tabs; one line, read field by
 * field. Pure. */
#ifndef REEVE_RECONCILE_FIELDS_H
#define REEVE_RECONCILE_FIELDS_H
#include "money.h"
#include <stdint.h>

struct fields {
    const char *at, *end;
    bool bad; /* a field was too long or not what it has to be; all further ones are empty */
};

/* The next field, as text; cut off at the end it is empty. Returns out. */
const char *field_text(struct fields *f, char *out, size_t size);
money field_money(struct fields *f, size_t digits_max); /* see money_parse() */
int64_t field_number(struct fields *f);
/* All was read, and was right. */
bool fields_end(const struct fields *f);

#endif
