/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a table: the size of the pieces does not matter, and every text is valid UTF-8 with
 * a zero behind it and none inside. The first byte says how long the pieces are. */
#include "lib/csv.h"
#include "lib/csv_bytes.h"
#include "lib/print.h"
#include "lib/utf8.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct table {
    struct csv csv;
    struct print seen;
    enum csv_verdict verdict;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int on_record(void *arg, const struct csv_record *r)
{
    struct table *t = arg;
    print_add(&t->seen, r->line);
    print_add(&t->seen, r->faults);
    print_add(&t->seen, r->n);
    check(r->n > 0 || (r->faults & (CSV_TOO_LARGE | CSV_NO_CHARACTER)) != 0);
    for (size_t i = 0; i < r->n; i++) {
        const struct csv_field *f = &r->field[i];
        check(f->p[f->len] == 0 && strlen(f->p) == f->len && utf8_whole(f->p, f->len));
        print_join(&t->seen, text_print(f->p, f->len));
    }
    return 0;
}

static int on_text(void *arg, const char *p, size_t len)
{
    struct table *t = arg;
    t->verdict = csv_feed(&t->csv, p, len);
    return t->verdict != CSV_OK;
}

static struct table read_by(const char *p, size_t len, size_t piece)
{
    struct table t = {.verdict = CSV_OK};
    struct csv_bytes bytes = {.broken = false};
    csv_begin(&t.csv, ',', on_record, &t);
    for (size_t at = 0; at < len && t.verdict == CSV_OK; at += piece)
        (void)csv_bytes_feed(&bytes, p + at, len - at < piece ? len - at : piece, on_text, &t);
    if (t.verdict == CSV_OK && csv_bytes_end(&bytes, on_text, &t) == 0)
        t.verdict = csv_end(&t.csv);
    print_add(&t.seen, t.csv.line);
    print_add(&t.seen, t.verdict);
    print_add(&t.seen, t.verdict == CSV_OK && bytes.broken);
    csv_done(&t.csv);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct table whole = read_by((const char *)data + 1, size - 1, size);
    struct table pieces = read_by((const char *)data + 1, size - 1, 1 + data[0] % 16u);
    check(whole.seen.a == pieces.seen.a && whole.seen.b == pieces.seen.b);
    return 0;
}
