/* SPDX-License-Identifier: Apache-2.0 */
/* The small helpers: numbers, text, files, memory. */
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static void durations_and_sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms, bytes;
        int duration, size;
    } rows[] = {
        {"250ms", 250, 0, 0, -EINVAL},
        {"90s", 90000, 0, 0, -EINVAL},
        {"5m", 300000, 0, 0, -EINVAL},
        {"2h", 7200000, 0, 0, -EINVAL},
        {"14d", 1209600000, 0, 0, -EINVAL},
        {"0s", 0, 0, 0, -EINVAL},
        {"007s", 7000, 0, 0, -EINVAL},
        {"512", 0, 512, -EINVAL, 0},
        {"64k", 0, 65536, -EINVAL, 0},
        {"64K", 0, 65536, -EINVAL, 0},
        {"10M", 0, 10485760, -EINVAL, 0},
        {"1G", 0, 1073741824, -EINVAL, 0},
        {"2T", 0, 2199023255552, -EINVAL, 0},
        {"18446744073709551615", 0, UINT64_MAX, -EINVAL, 0},
        {"", 0, 0, -EINVAL, -EINVAL},
        {"s", 0, 0, -EINVAL, -EINVAL},
        {"-1s", 0, 0, -EINVAL, -EINVAL},
        {"+1s", 0, 0, -EINVAL, -EINVAL},
        {" 1s", 0, 0, -EINVAL, -EINVAL},
        {"1 s", 0, 0, -EINVAL, -EINVAL},
        {"1s ", 0, 0, -EINVAL, -EINVAL},
        {"1.5h", 0, 0, -EINVAL, -EINVAL},
        {"1S", 0, 0, -EINVAL, -EINVAL},
        {"1h30m", 0, 0, -EINVAL, -EINVAL},
        {"18446744073709551616", 0, 0, -EINVAL, -EINVAL},
        {"18446744073709551615d", 0, 0, -EINVAL, -EINVAL},
        {"99999999999T", 0, 0, -EINVAL, -EINVAL},
        {"0x10", 0, 0, -EINVAL, -EINVAL},
        {"1kB", 0, 0, -EINVAL, -EINVAL},
        {"\xd9\xa1s", 0, 0, -EINVAL, -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t v = 42;
        int r = parse_duration_ms(rows[i].text, &v);
        if (r != rows[i].duration || v != (r == 0 ? rows[i].ms : 42))
            fail_msg("duration %s", rows[i].text);
        v = 42;
        r = parse_bytes(rows[i].text, &v);
        if (r != rows[i].size || v != (r == 0 ? rows[i].bytes : 42))
            fail_msg("bytes %s", rows[i].text);
    }
    assert_int_equal(parse_duration_ms(NULL, NULL), -EINVAL);
}

static void integers_are_read_whole(void **state)
{
    static const struct {
        const char *text;
        int64_t n;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"12", 12},
                {"-12", -12},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {
        "",   "-", "+1", " 1", "1 ", "1x", "--1", "9223372036854775808", "-9223372036854775809",
        "1.0"};
    int64_t n = 42;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(parse_i64(bad[i], &n), -EINVAL);
    assert_int_equal(parse_i64(NULL, &n), -EINVAL);
    assert_int_equal(n, 42);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(parse_i64(good[i].text, &n), 0);
        assert_true(n == good[i].n);
    }
}

static void durations_are_written_for_people(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {{0, "0ms"},
                {350, "350ms"},
                {1000, "1s"},
                {1050, "1s"},
                {1500, "1.5s"},
                {59999, "59.9s"},
                {60000, "1m"},
                {90000, "1m 30s"},
                {7500000, "2h 5m"},
                {7200000, "2h"},
                {86400000, "1d"},
                {100800000, "1d 4h"},
                {UINT64_MAX, "213503982334d 14h"}};
    char out[32];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        format_duration(rows[i].ms, out);
        assert_string_equal(out, rows[i].text);
    }
}

static void near_names_are_suggested(void **state)
{
    static const char *const names[] = {"url",     "timeout",     "max-body",
                                        "deliver", "retry-after", "a"};
    static const struct {
        const char *said, *meant;
    } rows[] = {{"timeuot", "timeout"},
                {"time-out", "timeout"},
                {"URL", "url"},
                {"urll", "url"},
                {"max_body", "max-body"},
                {"delvier", "deliver"},
                {"retry", NULL},
                {"b", NULL},
                {"", NULL},
                {"something", NULL},
                {"timeout", "timeout"},
                {"Deliver", "deliver"},
                {"retryafter", "retry-after"}};
    char long_name[200];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *got = did_you_mean(rows[i].said, names, ARRAY_SIZE(names));
        if (!rows[i].meant)
            assert_null(got);
        else if (!got)
            fail_msg("nothing for %s", rows[i].said);
        else
            assert_string_equal(got, rows[i].meant);
    }
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_null(did_you_mean(long_name, names, ARRAY_SIZE(names)));
    assert_null(did_you_mean("url", names, 0));
}

static void utf8_is_checked(void **state)
{
    static const char *const good[] = {"", "ascii", "eight or more ascii", "\xc3\xa9",
                                       "12345678\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",         "\xc0\x80", "\xed\xa0\x80",   "\xf4\x90\x80\x80",
        "12345678\xc3", "\xe2\x82", "1234567\xff\x39"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_true(utf8_valid("\0", 1));
}

static void foreign_text_is_made_printable(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *out;
    } rows[] = {
        {"plain caf\xc3\xa9", 11, "plain caf\xc3\xa9"},
        {"a\nb\0c\x1b[1m\x7f", 10, "a\\x0ab\\x00c\\x1b[1m\\x7f"},
        {"\xff\xc3(", 3, "\\xff\\xc3("},
        {"\xc2\x85", 2, "\\xc2\\x85"},
        {"\xe2\x80\xae", 3, "\\xe2\\x80\\xae"},
        {"\xe2\x80\xa6", 3, "\xe2\x80\xa6"},
        {"\xe2\x81\xa6", 3, "\\xe2\\x81\\xa6"},
        {"", 0, ""},
    };
    char out[64], tiny[6] = "ab";
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        out[0] = '\0';
        assert_ptr_equal(escape_text(out, sizeof(out), rows[i].text, rows[i].len), out);
        assert_string_equal(out, rows[i].out);
    }
    assert_string_equal(escape_text(tiny, sizeof(tiny), "\n", 1), "ab"); /* whole escapes or none */
    assert_string_equal(escape_text(tiny, sizeof(tiny), "cd\xc3\xa9", 4), "abcd");
    assert_string_equal(escape_text(tiny, sizeof(tiny), "efg", 3), "abcde");
    assert_string_equal(escape_text(tiny, sizeof(tiny), "x", 1), "abcde");
}

static void make_temp(char dir[256])
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, 256, "%s/reeve-util-XXXXXX", tmp ? tmp : P_tmpdir);
    assert_non_null(mkdtemp(dir));
}

static void files_are_read_up_to_a_limit(void **state)
{
    static char data[200000];
    char dir[256], *text = NULL;
    size_t len = 0;
    (void)state;
    make_temp(dir);
    char *path = path_join(dir, "file");
    assert_non_null(path);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 31);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write_all(fd, data, sizeof(data)), 0);
    (void)close(fd);
    assert_int_equal(read_file(path, sizeof(data) - 1, &text, &len), -EFBIG);
    assert_null(text);
    assert_int_equal(read_file(path, sizeof(data), &text, &len), 0);
    assert_int_equal(len, sizeof(data));
    assert_memory_equal(text, data, len);
    assert_int_equal(text[len], 0);
    free(text);
    assert_int_equal(read_file(path, SIZE_MAX, &text, NULL), 0);
    free(text);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(read_file(path, 0, &text, &len), 0);
    assert_int_equal(len, 0);
    assert_string_equal(text, "");
    free(text);
    text = NULL;
    assert_int_equal(read_file(dir, 100, &text, &len), -EISDIR);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_file(path, 100, &text, &len), -ENOENT);
    assert_null(text);
    free(path);
    assert_int_equal(rmdir(dir), 0);
}

static void pipes_are_read_to_their_end(void **state)
{
    static char data[60000];
    int fd[2];
    char *text = NULL;
    size_t len = 0;
    (void)state;
    memset(data, 'x', sizeof(data));
    for (size_t max = sizeof(data) - 1; max <= sizeof(data); max++) {
        assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
        assert_int_equal(write_all(fd[1], data, sizeof(data)), 0);
        (void)close(fd[1]);
        assert_int_equal(read_fd(fd[0], max, &text, &len), max < sizeof(data) ? -EFBIG : 0);
        (void)close(fd[0]);
    }
    assert_int_equal(len, sizeof(data));
    free(text);
    assert_int_equal(read_fd(-1, 10, &text, &len), -EBADF);
    assert_int_equal(write_all(-1, "x", 1), -EBADF);
}

static void directories_are_made_with_their_parents(void **state)
{
    char dir[256];
    struct stat st;
    (void)state;
    make_temp(dir);
    char *deep = path_join(dir, "a//b/c/");
    char *file = path_join(dir, "a/file"), *below = path_join(dir, "a/file/x");
    assert_int_equal(make_dirs(deep), 0);
    assert_int_equal(make_dirs(deep), 0);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    (void)close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(make_dirs(file), -ENOTDIR);
    assert_int_equal(make_dirs(below), -ENOTDIR);
    assert_int_equal(make_dirs(""), -EINVAL);
    char *too_long = malloc(5001);
    assert_non_null(too_long);
    memset(too_long, 'x', 5000);
    too_long[5000] = '\0';
    assert_int_equal(make_dirs(too_long), -ENAMETOOLONG);
    free(too_long);
    (void)unlink(file);
    for (int i = 0; i < 3; i++) {
        static const char *const made[] = {"a/b/c", "a/b", "a"};
        char *p = path_join(dir, made[i]);
        assert_int_equal(rmdir(p), 0);
        free(p);
    }
    assert_int_equal(rmdir(dir), 0);
    free(deep);
    free(file);
    free(below);
}

static void unlinked_files_leave_no_name(void **state)
{
    char dir[256], back[3];
    (void)state;
    make_temp(dir);
    int fd = unlinked_file(dir);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write_all(fd, "abc", 3), 0);
    assert_int_equal(pread(fd, back, 3, 0), 3);
    assert_int_equal(rmdir(dir), 0); /* empty */
    (void)close(fd);
    assert_int_equal(unlinked_file(dir), -ENOENT);
}

static void paths_are_joined(void **state)
{
    static const char *const rows[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *p = path_join(rows[i][0], rows[i][1]);
        assert_string_equal(p, rows[i][2]);
        free(p);
    }
}

static void impossible_sizes_get_no_memory(void **state)
{
    void *arr = NULL;
    size_t cap = 0;
    (void)state;
    assert_null(xcalloc(SIZE_MAX / 2, 3));
    free(xcalloc(0, 0));
    assert_int_equal(grow_array(&arr, &cap, SIZE_MAX / 4, 8), -ENOMEM);
    assert_int_equal(grow_array(&arr, &cap, 3, 8), 0);
    assert_true(cap >= 3);
    size_t before = cap;
    assert_int_equal(grow_array(&arr, &cap, before + 1, 8), 0);
    assert_true(cap >= 2 * before);
    assert_int_equal(grow_array(&arr, &cap, SIZE_MAX, 8), -ENOMEM);
    free(arr);
}

static void the_hash_depends_on_every_byte_and_the_length(void **state)
{
    uint8_t p[100] = {0};
    (void)state;
    for (size_t len = 0; len <= sizeof(p); len++) {
        uint64_t h = hash_bytes(p, len);
        assert_true(h == hash_bytes(p, len));
        if (len < sizeof(p))
            assert_true(h != hash_bytes(p, len + 1));
        for (size_t i = 0; i < len; i++) {
            p[i] = 1;
            assert_true(h != hash_bytes(p, len));
            p[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_and_sizes_are_read),
        cmocka_unit_test(integers_are_read_whole),
        cmocka_unit_test(durations_are_written_for_people),
        cmocka_unit_test(near_names_are_suggested),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(foreign_text_is_made_printable),
        cmocka_unit_test(files_are_read_up_to_a_limit),
        cmocka_unit_test(pipes_are_read_to_their_end),
        cmocka_unit_test(directories_are_made_with_their_parents),
        cmocka_unit_test(unlinked_files_leave_no_name),
        cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(impossible_sizes_get_no_memory),
        cmocka_unit_test(the_hash_depends_on_every_byte_and_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
