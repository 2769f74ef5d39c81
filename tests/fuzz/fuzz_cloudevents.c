/* SPDX-License-Identifier: Apache-2.0 */
/* CloudEvents in structured JSON: what was read and written is read again as the same, and written
 * as the same bytes; a copy writes the same; a batch gives elements that lie inside of it. */
#include "message/identity.h"
#include "message/message.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void same(const struct message *a, const struct message *b)
{
    size_t na, nb;
    const char *pa = message_body(a, &na), *pb = message_body(b, &nb);
    must(message_count(a) == message_count(b) && message_body_kind(a) == message_body_kind(b));
    must(na == nb && (na == 0 || memcmp(pa, pb, na) == 0));
    for (size_t i = 0; i < message_count(a); i++) {
        struct attribute x = message_at(a, i), y = message_at(b, i);
        must(x.type == y.type && x.integer == y.integer && x.text_len == y.text_len);
        must(strcmp(x.name, y.name) == 0 && memcmp(x.text, y.text, x.text_len) == 0);
        must(strlen(x.text) == x.text_len);
    }
}

static void event(const char *p, size_t len)
{
    struct message *m = NULL, *again = NULL;
    struct err e;
    char where[64];
    if (message_parse(p, len, 0, &m, where, &e) < 0) {
        must(e.code[0] && strlen(where) < sizeof(where));
        return;
    }
    must(message_complete(m, &e) == 0);
    (void)message_is_personal(m);
    struct buf first = BUF_INIT(1 << 24), second = BUF_INIT(1 << 24);
    must(message_write(m, &first) == 0);
    must(message_parse(first.p, first.len, 0, &again, where, &e) == 0);
    same(m, again);
    struct message *copy = message_copy(again);
    message_free(again);
    must(copy && message_write(copy, &second) == 0);
    must(first.len == second.len && memcmp(first.p, second.p, first.len) == 0);
    /* every attribute that was read may also be set */
    for (size_t i = 0; i < message_count(m); i++) {
        struct attribute a = message_at(m, i);
        if (a.type == ATTRIBUTE_STRING)
            must(message_set(copy, a.name, a.text, a.text_len, &e) == 0);
    }
    same(m, copy);
    message_free(copy);
    message_free(m);
    buf_done(&first);
    buf_done(&second);
}

struct range {
    const char *p, *end;
};

static int element(void *arg, size_t index, const char *p, size_t len)
{
    const struct range *r = arg;
    must(p >= r->p && p + len <= r->end && len > 0);
    event(p, len);
    return index > 100;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    struct range r = {p, p + size};
    struct err e;
    event(p, size);
    (void)message_each_in_batch(p, size, element, &r, &e);
    return 0;
}
