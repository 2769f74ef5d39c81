/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/spool_wire.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static struct buf b;

static int setup(void **state)
{
    (void)state;
    buf_init(&b, 1u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&b);
    return 0;
}

static struct frame as_frame(void)
{
    return (struct frame){.p = (const uint8_t *)b.p, .len = b.len, .fd = -1};
}

static void a_publish_is_read_as_it_was_written(void **state)
{
    static const char *const dests[] = {"register", "foodbank"};
    struct spool_publish p;
    (void)state;
    assert_int_equal(spool_put_publish(&b, 77, "the-id", "a\0b", 3, dests, 2), 0);
    struct frame f = as_frame();
    assert_int_equal(spool_get_publish(&f, &p), 0);
    assert_int_equal(p.no, 77);
    assert_int_equal(p.n, 2);
    assert_memory_equal(p.id.p, "the-id", 6);
    assert_memory_equal(p.event.p, "a\0b", 3);
    for (size_t i = 0; i < 2; i++) {
        struct spool_text t = spool_next_name(&p);
        assert_int_equal(t.len, strlen(dests[i]));
        assert_memory_equal(t.p, dests[i], t.len);
    }
}

static void a_publish_that_is_cut_anywhere_is_refused(void **state)
{
    static const char *const dests[] = {"register"};
    struct spool_publish p;
    (void)state;
    assert_int_equal(spool_put_publish(&b, 1, "id", "event", 5, dests, 1), 0);
    for (size_t len = 0; len < b.len; len++) {
        struct frame f = {.p = (const uint8_t *)b.p, .len = len, .fd = -1};
        assert_int_equal(spool_get_publish(&f, &p), -EPROTO);
    }
    assert_int_equal(pack_u8(&b, 0), 0); /* and one byte over */
    struct frame f = as_frame();
    assert_int_equal(spool_get_publish(&f, &p), -EPROTO);
}

static void put_publish_raw(uint32_t n, const char *name, size_t name_len)
{
    buf_reset(&b);
    assert_int_equal(pack_u64(&b, 1), 0);
    assert_int_equal(pack_str(&b, "id"), 0);
    assert_int_equal(pack_u32(&b, n), 0);
    assert_int_equal(pack_bytes(&b, name, name_len), 0);
    assert_int_equal(pack_bytes(&b, "x", 1), 0);
}

static void no_destination_a_bad_name_and_too_many_are_refused(void **state)
{
    struct spool_publish p;
    char longest[SPOOL_NAME_MAX];
    (void)state;
    memset(longest, 'n', sizeof longest);
    static const struct {
        uint32_t n;
        const char *name;
        size_t len;
    } rows[] = {{0, "a", 1},          {1, "", 0},
                {1, "a\0b", 3},       {SPOOL_DESTINATIONS_MAX + 1, "a", 1},
                {UINT32_MAX, "a", 1}, {2, "a", 1}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put_publish_raw(rows[i].n, rows[i].name, rows[i].len);
        struct frame f = as_frame();
        assert_int_equal(spool_get_publish(&f, &p), -EPROTO);
    }
    put_publish_raw(1, longest, sizeof longest);
    struct frame f = as_frame();
    assert_int_equal(spool_get_publish(&f, &p), -EPROTO);
    put_publish_raw(1, longest, sizeof longest - 1);
    f = as_frame();
    assert_int_equal(spool_get_publish(&f, &p), 0);
}

static void words_are_cut_between_characters(void **state)
{
    char text[SPOOL_TEXT_MAX + 8];
    struct unpack u;
    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + SPOOL_TEXT_MAX - 1, "\xe2\x82\xac", 4); /* a euro sign over the edge */
    assert_int_equal(spool_put_words(&b, NULL, text), 0);
    unpack_start(&u, b.p, b.len);
    assert_int_equal(spool_get_text(&u, SPOOL_CODE_MAX).len, 0);
    assert_int_equal(spool_get_text(&u, SPOOL_TEXT_MAX).len, SPOOL_TEXT_MAX - 1);
    assert_int_equal(unpack_end(&u), 0);
}

static void an_unknown_settlement_and_no_prefetch_are_refused(void **state)
{
    struct spool_settle s;
    struct spool_consume c;
    (void)state;
    assert_int_equal(pack_u64(&b, 1), 0);
    assert_int_equal(pack_u8(&b, SETTLE_DEAD + 1), 0);
    assert_int_equal(pack_u64(&b, 0), 0);
    assert_int_equal(spool_put_words(&b, "", ""), 0);
    struct frame f = as_frame();
    assert_int_equal(spool_get_settle(&f, &s), -EPROTO);
    static const uint32_t prefetch[] = {0, SPOOL_PREFETCH_MAX + 1};
    for (size_t i = 0; i < 2; i++) {
        buf_reset(&b);
        assert_int_equal(pack_u32(&b, 0), 0);
        assert_int_equal(pack_u32(&b, prefetch[i]), 0);
        assert_int_equal(pack_str(&b, "a"), 0);
        f = as_frame();
        assert_int_equal(spool_get_consume(&f, &c), -EPROTO);
    }
}

static void a_list_is_whole_entries(void **state)
{
    size_t n = 0;
    (void)state;
    assert_int_equal(pack_u64(&b, 5), 0);
    assert_int_equal(pack_u64(&b, UINT64_MAX), 0);
    struct frame f = as_frame();
    assert_int_equal(spool_list_count(&f, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(spool_list_at(&f, 0), 5);
    assert_true(spool_list_at(&f, 1) == UINT64_MAX);
    f.len--;
    assert_int_equal(spool_list_count(&f, &n), -EPROTO);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(a_publish_is_read_as_it_was_written),
        T(a_publish_that_is_cut_anywhere_is_refused),
        T(no_destination_a_bad_name_and_too_many_are_refused),
        T(words_are_cut_between_characters),
        T(an_unknown_settlement_and_no_prefetch_are_refused),
        T(a_list_is_whole_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
