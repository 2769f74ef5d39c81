/* SPDX-License-Identifier: Apache-2.0 */
/* The CSV reader: what the records are, and that the size of the pieces does not matter. */
#include "lib/csv.h"
#include "lib/csv_bytes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define OUT 4096
struct seen {
    struct csv csv;
    enum csv_verdict verdict;
    char out[OUT];
    size_t n, records;
};

/* "1[a|b] 3[c|] ": the line, the fields, the faults behind a ! */
static int on_record(void *arg, const struct csv_record *r)
{
    struct seen *s = arg;
    s->records++;
    s->n += (size_t)snprintf(s->out + s->n, OUT - s->n, "%llu[", (unsigned long long)r->line);
    for (size_t i = 0; i < r->n && s->n < OUT; i++)
        s->n +=
            (size_t)snprintf(s->out + s->n, OUT - s->n, "%s%s", i > 0 ? "|" : "", r->field[i].p);
    if (r->faults != 0 && s->n < OUT)
        s->n += (size_t)snprintf(s->out + s->n, OUT - s->n, "!%u", r->faults);
    if (s->n < OUT)
        s->n += (size_t)snprintf(s->out + s->n, OUT - s->n, "] ");
    assert_true(s->n < OUT);
    return 0;
}

static int on_text(void *arg, const char *p, size_t len)
{
    struct seen *s = arg;
    s->verdict = csv_feed(&s->csv, p, len);
    return s->verdict != CSV_OK;
}

static void read_by(struct seen *s, const char *p, size_t len, size_t piece, char separator)
{
    struct csv_bytes bytes = {.broken = false};
    memset(s, 0, sizeof *s);
    csv_begin(&s->csv, separator, on_record, s);
    for (size_t at = 0; at < len && s->verdict == CSV_OK; at += piece)
        (void)csv_bytes_feed(&bytes, p + at, len - at < piece ? len - at : piece, on_text, s);
    if (s->verdict == CSV_OK && csv_bytes_end(&bytes, on_text, s) == 0)
        s->verdict = csv_end(&s->csv);
    (void)snprintf(s->out + s->n, OUT - s->n, "%s%s",
                   s->verdict == CSV_OK         ? "end"
                   : s->verdict == CSV_NUL      ? "zero"
                   : s->verdict == CSV_UNCLOSED ? "open"
                                                : "?",
                   bytes.broken ? " broken" : "");
    if (s->verdict == CSV_NUL || s->verdict == CSV_UNCLOSED) {
        char line[32];
        (void)snprintf(
            line, sizeof line, ":%llu",
            (unsigned long long)(s->verdict == CSV_NUL ? s->csv.line : s->csv.quote_line));
        (void)strncat(s->out, line, OUT - strlen(s->out) - 1);
    }
    csv_done(&s->csv);
}

#define BYTES(s) s, sizeof(s) - 1
static void records_are_the_same_by_pieces_of_any_size(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        char separator;
        const char *want;
    } cases[] = {
        {BYTES(""), ',', "end"},
        {BYTES("\n\r\n\r"), ',', "end"},
        {BYTES("a,b\n1,2\n"), ',', "1[a|b] 2[1|2] end"},
        {BYTES("a,b\r\n1,2\r\n"), ',', "1[a|b] 2[1|2] end"},
        {BYTES("a,b\r1,2\r"), ',', "1[a|b] 2[1|2] end"},
        {BYTES("a,b\n1,2"), ',', "1[a|b] 2[1|2] end"},
        {BYTES("a;b\n1;2,5"), ';', "1[a|b] 2[1|2,5] end"},
        {BYTES("a\tb\n\t"), '\t', "1[a|b] 2[|] end"},
        {BYTES("a\n\n\r\n\rb\n"), ',', "1[a] 5[b] end"},
        {BYTES(",\n"), ',', "1[|] end"},
        {BYTES("a,"), ',', "1[a|] end"},
        {BYTES("\"\"\n"), ',', "1[] end"},
        {BYTES("\"\""), ',', "1[] end"},
        /* quotes */
        {BYTES("\"a,b\",\"c\"\"d\"\n"), ',', "1[a,b|c\"d] end"},
        {BYTES("\"a\nb\",c\nd\n"), ',', "1[a\nb|c] 3[d] end"},
        {BYTES("\"a\r\nb\",c\r\nd\r\n"), ',', "1[a\r\nb|c] 3[d] end"},
        {BYTES("\"a\r\rb\"\rd"), ',', "1[a\r\rb] 4[d] end"},
        {BYTES("\"\"\"\"\n"), ',', "1[\"] end"},
        {BYTES("a\"b,c\"\n"), ',', "1[a\"b|c\"] end"},
        {BYTES(" \"a,b\"\n"), ',', "1[ \"a|b\"] end"},
        {BYTES("\"a\"b,c\n"), ',', "1[ab|c!2] end"},
        {BYTES("\"a\" ,c\n"), ',', "1[a |c] end"},
        {BYTES("\"a\"b\"c\"\n"), ',', "1[ab\"c\"!2] end"},
        {BYTES("x\n\"a\nb\n"), ',', "1[x] open:2"},
        {BYTES("x,\"a\"\"\n"), ',', "open:1"},
        {BYTES("\""), ',', "open:1"},
        /* encodings */
        {BYTES("\xef\xbb\xbf"
               "a,b\n"),
         ',', "1[a|b] end"},
        {BYTES("\xef\xbb\xbf"
               "\"a\",b\n"),
         ',', "1[a|b] end"},
        {BYTES("\xef\xbb"), ',', "1[\xc3\xaf\xc2\xbb!4] end"},
        {BYTES("\xef"), ',', "1[\xc3\xaf!4] end"},
        {BYTES("\xc2\xa3"
               "5,caf\xe9,\xe2\x82\xac\n"),
         ',',
         "1[\xc2\xa3"
         "5|caf\xc3\xa9|\xe2\x82\xac!4] end"},
        {BYTES("\x80\x9f,\x93x\x94\n"), ',',
         "1[\xe2\x82\xac\xc5\xb8|\xe2\x80\x9cx\xe2\x80\x9d!4] end"},
        {BYTES("a\n\x81,b\nc\n"), ',', "1[a] 2[!8] 3[c] end"},
        {BYTES("a,\xed\xa0\x80\n"), ',', "1[a|\xc3\xad\xc2\xa0\xe2\x82\xac!4] end"},
        {BYTES("\xff\xfe"
               "a\0,\0b\0\n\0"
               "1\0,\0\xac\x20\n\0"),
         ',', "1[a|b] 2[1|\xe2\x82\xac] end"},
        {BYTES("\xfe\xff\0a\0,\xd8\x3d\xde\0\0\r\0\n\0b"), ',', "1[a|\xf0\x9f\x98\x80] 2[b] end"},
        {BYTES("\xff\xfe"
               "a\0b"),
         ',', "1[a] end broken"},
        {BYTES("\xfe\xff\xd8\x3d"), ',', "end broken"},
        {BYTES("\xfe\xff\xde\0\0a"), ',', "end broken"},
        {BYTES("a\0,\0b\0\n\0"), ',', "zero:1"},
        {BYTES("a,b\n\"x\n\0\"\n"), ',', "1[a|b] zero:3"},
        {BYTES("a,b\nx\0\n"), ',', "1[a|b] zero:2"},
        {BYTES("\0"), ',', "zero:1"},
    };
    static const size_t pieces[] = {1, 2, 3, 7, 4096};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            struct seen s;
            read_by(&s, cases[i].text, cases[i].len, pieces[k], cases[i].separator);
            if (strcmp(s.out, cases[i].want) != 0)
                fail_msg("case %zu by %zu: %s, wanted %s", i, pieces[k], s.out, cases[i].want);
        }
    }
}

/* A record over a bound has no fields, and the next one is whole. */
static void too_large(const char *text, size_t len, const char *want)
{
    struct seen s;
    read_by(&s, text, len, 4096, ',');
    assert_string_equal(s.out, want);
}

static void a_record_over_a_bound_is_told_and_passed_over(void **state)
{
    (void)state;
    size_t len = CSV_RECORD_MAX + 100;
    char *p = malloc(len);
    assert_non_null(p);
    memset(p, 'x', len);
    memcpy(p, "a\n", 2);
    memcpy(p + len - 3, "\nb\n", 3);
    too_large(p, len, "1[a] 2[!1] 3[b] end");
    p[2] = '"'; /* lines inside of it are counted */
    p[100] = '\n';
    memcpy(p + len - 4, "\"\nb\n", 4);
    too_large(p, len, "1[a] 2[!1] 4[b] end");
    memset(p, ',', len);
    memcpy(p + CSV_FIELDS_MAX, "\nb\n", 3);
    too_large(p, CSV_FIELDS_MAX + 3, "1[!1] 2[b] end");
    struct seen s; /* a quote that is never closed, in more bytes than a record may have */
    memset(p, 'x', len);
    memcpy(p, "a\n\"", 3);
    read_by(&s, p, len, 4096, ',');
    assert_string_equal(s.out, "1[a] open:2");
    free(p);
}

static int stop(void *arg, const struct csv_record *r)
{
    (void)r;
    return ++*(int *)arg == 2;
}

static void the_callback_stops_the_reading(void **state)
{
    int n = 0;
    struct csv c;
    (void)state;
    csv_begin(&c, ',', stop, &n);
    assert_int_equal(csv_feed(&c, "a\nb\nc\n", 6), CSV_STOPPED);
    assert_int_equal(n, 2);
    csv_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_the_same_by_pieces_of_any_size),
        cmocka_unit_test(a_record_over_a_bound_is_told_and_passed_over),
        cmocka_unit_test(the_callback_stops_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
