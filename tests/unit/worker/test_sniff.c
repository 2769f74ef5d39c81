/* SPDX-License-Identifier: Apache-2.0 */
/* What bytes look like, in words; and that no bytes at all make it read past them. */
#include "worker/sniff.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define B(s) s, sizeof(s) - 1

static void what_people_send_instead(void **state)
{
    static const struct {
        const char *p;
        size_t len;
        const char *words;
    } table[] = {
        {B("PK\x03\x04....xl/workbook.xml"), "Excel"},
        {B("PK\x03\x04....word/document.xml"), "Word"},
        {B("PK\x05\x06"), "zip"},
        {B("PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheet"), "OpenDocument"},
        {B("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "old Office"},
        {B("<!DOCTYPE html>"), "HTML"},
        {B("  <HTML lang=en>"), "HTML"},
        {B("<?xml version=\"1.0\"?><a/>"), "XML"},
        {B("a=b&c=d"), "form-encoded"},
        {B("payload=%7B%22a%22%3A1%7D"), "form-encoded"},
        {B("\xff\xfe{\0"), "UTF-16"},
        {B("\xfe\xff\0{"), "UTF-16"},
        {B("{\0\"\0a\0\"\0:\0001\0}\0"), "UTF-16"},
        {B("\x1f\x8b\x08"), "gzip"},
        {B("%PDF-1.7"), "PDF"},
        {B(""), "empty"},
        {B(" \n\t"), "white space"},
        {B("{\"a\":1}"), "JSON, but broken or of another kind"},
        {B("\xef\xbb\xbf[1]"), "JSON, but broken or of another kind"},
        {B("id,amount\n1,2\n"), "CSV"},
        {B("id;amount\n1;2\n"), "CSV"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *got = sniff(table[i].p, table[i].len);
        if (!got || !strstr(got, table[i].words))
            fail_msg("%zu: %s is not %s", i, got ? got : "nothing", table[i].words);
    }
    assert_null(sniff(B("just some words")));
}

static void any_bytes_are_safe(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)(rand() % 40);
        char *p = malloc(n ? n : 1); /* exact size: the sanitizer sees any byte too far */
        for (size_t i = 0; i < n; i++)
            p[i] = round % 2 ? (char)rand() : "<!PK\x1f{=&,\n \xef\xbb\xbf"[rand() % 13];
        (void)sniff(p, n);
        free(p);
    }
}

/* What a request with this type and body is refused as; NULL: it is not. */
static const char *refused_as(const char *content_type, const char *p, size_t len)
{
    const char *other = sniff_content_type(content_type);
    return other && !sniff_may_be_csv(content_type, p, len) ? other : NULL;
}

static void content_types_of_another_kind(void **state)
{
    (void)state;
    assert_non_null(refused_as("application/pdf", B("")));
    assert_non_null(refused_as("IMAGE/png", B("")));
    assert_non_null(refused_as("multipart/form-data; boundary=x", B("")));
    assert_null(refused_as("application/json; charset=utf-8", B("")));
    assert_null(refused_as("application/x-www-form-urlencoded",
                           B(""))); /* curl's default: the bytes decide */
    assert_null(refused_as("", B("")));
    assert_null(refused_as(NULL, B("")));
}

static void what_windows_calls_a_table_is_looked_at(void **state)
{
    static const char excel[] = "application/vnd.ms-excel";
    (void)state;
    assert_null(refused_as(excel, B("Date,Amount\n")));
    assert_null(refused_as("Application/vnd.MS-Excel; charset=utf-8", B("Date\tAmount\n")));
    assert_null(refused_as(excel, B("")));
    assert_null(refused_as(excel, B("PK")));
    assert_non_null(refused_as(excel, B("PK\x03\x04 xl/")));
    assert_non_null(refused_as(excel, B("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")));
    assert_non_null(refused_as("application/vnd.ms-excel.addin.macroEnabled.12", B("a,b\n")));
    assert_non_null(refused_as("application/vnd.ms-powerpoint", B("a,b\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_people_send_instead),
                                       cmocka_unit_test(any_bytes_are_safe),
                                       cmocka_unit_test(content_types_of_another_kind),
                                       cmocka_unit_test(what_windows_calls_a_table_is_looked_at)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
