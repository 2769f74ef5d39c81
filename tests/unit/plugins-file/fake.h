/* SPDX-License-Identifier: Apache-2.0 */
/* fake - a host for the tests of plugin file: options from texts, submissions kept for the test to
 * settle, a scratch directory, and small helpers with files. */
#ifndef REEVE_TESTS_FILE_FAKE_H
#define REEVE_TESTS_FILE_FAKE_H
#include "plugin/host.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

const struct reeve_plugin *reeve_plugin_entry(void);

struct submission {
    uint64_t token;
    char name[256], type[128], text[256];
};

static struct fake {
    struct plugin plugin;
    struct tree *options;
    reeve_ctx *ctx;
    void *inst;
    char dir[PATH_MAX];
    struct submission got[64];
    size_t got_n;
    reeve_rc take; /* what submit answers */
} fake;

static inline reeve_rc fake_submit(void *host, uint64_t token, const char *type, const char *name,
                                   int fd, const void *p, size_t len)
{
    struct submission *s = &fake.got[fake.got_n];
    (void)host, (void)p, (void)len;
    assert_true(fd >= 0);
    ssize_t n = pread(fd, s->text, sizeof(s->text) - 1, 0);
    (void)close(fd);
    if (fake.take != REEVE_OK)
        return fake.take;
    assert_true(fake.got_n < ARRAY_SIZE(fake.got));
    s->text[n > 0 ? n : 0] = '\0';
    s->token = token;
    (void)snprintf(s->name, sizeof(s->name), "%s", name ? name : "(none)");
    (void)snprintf(s->type, sizeof(s->type), "%s", type ? type : "(none)");
    fake.got_n++;
    return REEVE_OK;
}

/* Never for long: the tests take turns. */
static inline int fake_wait(void *host, int fd, uint64_t ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    (void)host;
    return poll(&p, fd >= 0 ? 1 : 0, ms < 100 ? (int)ms : 100) > 0;
}

static inline char *fake_path(const char *name)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", fake.dir, name) > 0);
    return path;
}

/* options: KEY=VALUE, ends with NULL; directory is always the scratch directory. */
static inline void fake_open(const char *const *options)
{
    static const struct host_ops ops = {.submit = fake_submit, .wait = fake_wait};
    const char *kv[16];
    size_t n = 0;
    struct err e;
    char *directory = NULL;
    memcpy(&fake.plugin.api, reeve_plugin_entry(), sizeof(fake.plugin.api));
    assert_true(asprintf(&directory, "directory=%s", fake.dir) > 0);
    kv[n++] = directory;
    while (options && options[n - 1]) {
        kv[n] = options[n - 1];
        n++;
    }
    if (host_options(&fake.plugin, kv, n, &fake.options, &e) < 0)
        fail_msg("%s", e.text);
    fake.ctx = host_ctx_new(&fake.plugin, fake.options, &ops, NULL, 1 << 20);
    assert_int_equal(fake.plugin.api.open(fake.ctx, &fake.inst), REEVE_OK);
    free(directory);
}

static inline void fake_close(void)
{
    fake.plugin.api.close(fake.ctx, fake.inst);
    host_ctx_free(fake.ctx);
    tree_free(fake.options);
    fake.ctx = NULL;
}

static inline void remove_all(const char *path)
{
    struct dirent **all = NULL;
    int n = scandir(path, &all, NULL, NULL);
    for (int i = 0; i < n; i++) {
        char *inner = path_join(path, all[i]->d_name);
        if (strcmp(all[i]->d_name, ".") != 0 && strcmp(all[i]->d_name, "..") != 0 &&
            unlink(inner) < 0)
            remove_all(inner);
        free(inner);
        free(all[i]);
    }
    free(all);
    (void)rmdir(path);
}

static inline int fake_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    memset(&fake, 0, sizeof(fake));
    (void)snprintf(fake.dir, sizeof(fake.dir), "%s/reeve-file-XXXXXX", base ? base : P_tmpdir);
    return mkdtemp(fake.dir) ? 0 : -1;
}

static inline int fake_teardown(void **state)
{
    (void)state;
    if (fake.ctx)
        fake_close();
    remove_all(fake.dir);
    return 0;
}

static inline void put(const char *name, const char *text)
{
    char *path = fake_path(name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(path);
}

/* Written elsewhere and renamed into the directory. */
static inline void hand_over(const char *name, const char *text)
{
    char *from = fake_path(".handed"), *to = fake_path(name);
    put(".handed", text);
    assert_int_equal(rename(from, to), 0);
    free(from);
    free(to);
}

static inline bool there(const char *name)
{
    char *path = fake_path(name);
    bool is = access(path, F_OK) == 0;
    free(path);
    return is;
}

static inline void has_text(const char *name, const char *want)
{
    char *path = fake_path(name), *text = NULL;
    assert_int_equal(read_file(path, 1 << 20, &text, NULL), 0);
    assert_string_equal(text, want);
    free(text);
    free(path);
}

static inline size_t count_files(const char *name)
{
    char *path = fake_path(name);
    DIR *d = opendir(path);
    size_t n = 0;
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    (void)closedir(d);
    free(path);
    return n;
}

#endif
