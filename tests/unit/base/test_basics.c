/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, errors, maps, digests and the log. */
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static void a_buffer_grows_to_its_ceiling_and_no_further(void **state)
{
    struct buf b = BUF_INIT(100);
    (void)state;
    assert_string_equal(buf_str(&b), "");
    assert_null(b.p);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(buf_addc(&b, 'x'), 0);
        assert_int_equal(b.p[b.len], 0);
    }
    assert_int_equal(buf_addc(&b, 'x'), -EFBIG);
    assert_int_equal(buf_adds(&b, ""), 0);
    assert_int_equal(buf_addf(&b, "%d", 1), -EFBIG);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), -EFBIG);
    assert_int_equal(b.len, 100);
    buf_reset(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.p, "");
    assert_int_equal(buf_addf(&b, "%s-%d", "a", 7), 0);
    assert_string_equal(b.p, "a-7");
    buf_done(&b);
    assert_null(b.p);
    assert_int_equal(buf_adds(&b, "again"), 0);
    buf_done(&b);
    buf_done(NULL);
}

static void long_formats_and_binary_bytes_fit(void **state)
{
    struct buf b;
    char text[1000];
    size_t len = 0;
    (void)state;
    buf_init(&b, SIZE_MAX);
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(buf_add(&b, "a\0b", 3), 0);
    assert_int_equal(buf_addf(&b, "<%s>", text), 0);
    assert_int_equal(b.len, 3 + 1001);
    assert_memory_equal(b.p, "a\0b<y", 5);
    char *p = buf_take(&b, &len);
    assert_int_equal(len, 1004);
    assert_null(b.p);
    assert_int_equal(b.len, 0);
    free(p);
    p = buf_take(&b, NULL);
    assert_string_equal(p, "");
    free(p);
}

static void errors_are_one_clean_line(void **state)
{
    struct err e;
    char text[2000];
    (void)state;
    assert_int_equal(err_set(&e, -EINVAL, "some-code", "line\n%s\xff", "two"), -EINVAL);
    assert_string_equal(e.code, "some-code");
    assert_string_equal(e.text, "line\\x0atwo\\xff");
    assert_int_equal(err_set(&e, -EIO, "other", "again: %s", e.text), -EIO); /* from itself */
    assert_string_equal(e.text, "again: line\\x0atwo\\xff");
    assert_int_equal(err_prefix(&e, -EIO, "file %d", 3), -EIO);
    assert_string_equal(e.text, "file 3: again: line\\x0atwo\\xff");
    assert_string_equal(e.code, "other");
    for (size_t shift = 0; shift < 4; shift++) { /* the cut never splits a character */
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        (void)err_set(&e, -EIO, "a-code-which-is-much-longer-than-the-field-for-it", "%s", text);
        assert_true(utf8_valid(e.text, strlen(e.text)));
        assert_true(strlen(e.text) > ERR_TEXT_MAX - 8);
        assert_string_equal(e.text + strlen(e.text) - 3, "\xe2\x80\xa6");
        assert_int_equal(strlen(e.code), ERR_CODE_MAX - 1);
    }
    (void)err_prefix(&e, -EIO, "%s", "front");
    assert_memory_equal(e.text, "front: ", 7);
    assert_string_equal(e.text + strlen(e.text) - 3, "\xe2\x80\xa6");
}

static size_t freed;
static void count_free(void *p)
{
    freed++;
    free(p);
}

static int sum_lengths(void *arg, const char *key, size_t len, void *value)
{
    size_t *sum = arg;
    assert_int_equal(key[len], 0);
    assert_non_null(value);
    *sum += len;
    return 0;
}

static int stop_at_once(void *arg, const char *key, size_t len, void *value)
{
    (void)arg;
    (void)key;
    (void)len;
    (void)value;
    return 17;
}

static void a_map_keeps_what_was_put_and_frees_it(void **state)
{
    struct map *m = map_new(count_free);
    size_t sum = 0;
    (void)state;
    assert_null(map_get(m, "a", 1));
    assert_null(map_take(m, "a", 1));
    assert_int_equal(map_put(m, "a", 1, strdup("1")), 0);
    assert_int_equal(map_put(m, "a\0b", 3, strdup("2")), 0);
    assert_int_equal(map_put(m, "", 0, strdup("3")), 0);
    assert_int_equal(map_count(m), 3);
    freed = 0;
    assert_int_equal(map_put(m, "a", 1, strdup("4")), 0);
    assert_int_equal(freed, 1);
    assert_string_equal(map_get(m, "a", 1), "4");
    assert_string_equal(map_get(m, "a\0b", 3), "2");
    assert_string_equal(map_get(m, "", 0), "3");
    assert_int_equal(map_each(m, sum_lengths, &sum), 0);
    assert_int_equal(sum, 4);
    assert_int_equal(map_each(m, stop_at_once, NULL), 17);
    char *taken = map_take(m, "a", 1);
    assert_string_equal(taken, "4");
    free(taken);
    assert_false(map_has(m, "a", 1));
    map_clear(m);
    assert_int_equal(freed, 3);
    assert_int_equal(map_count(m), 0);
    assert_int_equal(map_put(m, "x", 1, strdup("5")), 0);
    map_free(m);
    assert_int_equal(freed, 4);
    map_free(NULL);
}

static void a_map_agrees_with_a_plain_table(void **state)
{
    enum { KEYS = 500, STEPS = 60000 };
    static char there[KEYS];
    struct map *m = map_new(NULL);
    uint32_t random = 1;
    size_t count = 0;
    (void)state;
    for (int i = 0; i < STEPS; i++) {
        random = random * 1664525 + 1013904223;
        unsigned k = (random >> 8) % KEYS;
        char key[16];
        int len = snprintf(key, sizeof(key), "%u", k);
        assert_int_equal(map_has(m, key, (size_t)len), there[k] != 0);
        if (random >> 31) {
            count += !there[k];
            there[k] = 1;
            assert_int_equal(map_put(m, key, (size_t)len, &there[k]), 0);
        } else {
            assert_ptr_equal(map_take(m, key, (size_t)len), there[k] ? &there[k] : NULL);
            count -= there[k] != 0;
            there[k] = 0;
        }
        assert_int_equal(map_count(m), count);
    }
    for (unsigned k = 0; k < KEYS; k++) {
        char key[16];
        int len = snprintf(key, sizeof(key), "%u", k);
        assert_ptr_equal(map_get(m, key, (size_t)len), there[k] ? &there[k] : NULL);
    }
    map_free(m);
}

static void digests_are_right(void **state)
{
    char hex[SHA256_HEX];
    uint8_t a[SHA256_LEN], b[SHA256_LEN];
    (void)state;
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct digest *d = digest_new();
    digest_add(d, "a", 1);
    digest_add(d, NULL, 0);
    digest_add(d, "bc", 2);
    digest_end(d, a);
    hex_lower(a, sizeof(a), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_start(d);
    digest_field(d, "ab", 2);
    digest_end(d, a);
    sha256("\0\0\0\0\0\0\0\2ab", 10, b);
    assert_memory_equal(a, b, sizeof(a));
    assert_true(equal_constant_time(a, b, sizeof(a)));
    b[31] ^= 1;
    assert_false(equal_constant_time(a, b, sizeof(a)));
    assert_true(equal_constant_time(NULL, NULL, 0));
    digest_free(d);
    digest_free(NULL);
}

static void random_bytes_differ(void **state)
{
    static uint8_t a[1000], b[1000];
    (void)state;
    assert_int_equal(random_bytes(a, sizeof(a)), 0);
    assert_int_equal(random_bytes(b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(random_bytes(NULL, 0), 0);
}

/* Standard error in a pipe while fn runs; what came out, as one text. */
static char *captured(void (*fn)(void))
{
    int fd[2], saved = dup(STDERR_FILENO);
    char *text = NULL;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_true(dup2(fd[1], STDERR_FILENO) >= 0);
    fn();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(fd[1]);
    (void)close(saved);
    assert_int_equal(read_fd(fd[0], 1 << 20, &text, NULL), 0);
    (void)close(fd[0]);
    return text;
}

static void write_some(void)
{
    log_open("grants in.receive\n", LOG_LEVEL_INFO);
    errno = ENOENT;
    log_info("worker-started", "id with\nblank", "text %d\n\x1b[31m\xff", 5);
    log_debug("not-shown", NULL, "x");
    log_error("gone", NULL, "no id: %s", strerror(errno));
}

static void a_record_is_one_escaped_line(void **state)
{
    (void)state;
    char *text = captured(write_some);
    assert_int_equal(errno, ENOENT);
    int64_t when;
    assert_int_equal(rfc3339_parse(text, 24, &when), 0);
    char *second = strchr(text, '\n');
    assert_non_null(second);
    *second++ = '\0';
    assert_string_equal(text + 24,
                        " info grants\\x20in.receive\\x0a id=id\\x20with\\x0ablank worker-started: "
                        "text 5\\x0a\\x1b[31m\\xff");
    assert_string_equal(
        second + 24, " error grants\\x20in.receive\\x0a gone: no id: No such file or directory\n");
    assert_int_equal(log_max_level(), LOG_LEVEL_INFO);
    free(text);
}

static void write_long(void)
{
    static char big[5000];
    memset(big, 'z', sizeof(big) - 1);
    log_open("x", LOG_LEVEL_DEBUG);
    log_warning("long", big, "%s", "the text");
    log_debug("long", NULL, "%s", big);
    memset(big, '\n', sizeof(big) - 1);
    log_debug("long", NULL, "%s", big);
}

static void a_long_record_is_cut_and_stays_one_line(void **state)
{
    (void)state;
    char *text = captured(write_long), *line = text;
    for (int i = 0; i < 3; i++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_true(end - line < 2048);
        *end = '\0';
        if (i == 0)
            assert_non_null(strstr(line, "z long: the text"));
        else
            assert_string_equal(end - 3, "\xe2\x80\xa6");
        line = end + 1;
    }
    assert_string_equal(line, "");
    free(text);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 50; i++)
        log_info("thread", NULL, "%s", (const char *)arg);
    return NULL;
}

static void write_from_threads(void)
{
    static char letters[4][100];
    pthread_t threads[4];
    log_open("t", LOG_LEVEL_INFO);
    for (int i = 0; i < 4; i++) {
        memset(letters[i], 'a' + i, sizeof(letters[i]) - 1);
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, letters[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    char *text = captured(write_from_threads), *line = text;
    int lines = 0;
    for (char *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        const char *body = strstr(line, "thread: ");
        assert_non_null(body);
        assert_int_equal(end - body, 8 + 99);
        for (const char *p = body + 8; p < end; p++)
            assert_int_equal(*p, body[8]);
    }
    assert_int_equal(lines, 200);
    free(text);
}

/* RFC 4231, test cases 1, 2 and 6 */
static void hmacs_are_those_of_the_rfc(void **state)
{
    uint8_t key[131], mac[SHA256_LEN];
    char hex[SHA256_HEX];
    (void)state;
    memset(key, 0x0b, 20);
    hmac_sha256(key, 20, "Hi There", 8, mac);
    hex_lower(mac, sizeof mac, hex);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    hex_lower(mac, sizeof mac, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
    hex_lower(mac, sizeof mac, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmacs_are_those_of_the_rfc),
        cmocka_unit_test(a_buffer_grows_to_its_ceiling_and_no_further),
        cmocka_unit_test(long_formats_and_binary_bytes_fit),
        cmocka_unit_test(errors_are_one_clean_line),
        cmocka_unit_test(a_map_keeps_what_was_put_and_frees_it),
        cmocka_unit_test(a_map_agrees_with_a_plain_table),
        cmocka_unit_test(digests_are_right),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(a_record_is_one_escaped_line),
        cmocka_unit_test(a_long_record_is_cut_and_stays_one_line),
        cmocka_unit_test(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
