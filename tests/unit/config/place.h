/* SPDX-License-Identifier: Apache-2.0 */
/* place - a directory of its own for one test of core/config, which becomes the working directory.
 */
#ifndef REEVE_TESTS_CONFIG_PLACE_H
#define REEVE_TESTS_CONFIG_PLACE_H
#include "base/util.h"
#include "fake.h"
#include "lib/remove_tree.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char place[4096];

static inline int place_setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(place, sizeof(place), "%s/reeve-config-XXXXXX", tmp && *tmp ? tmp : P_tmpdir);
    return mkdtemp(place) && chdir(place) == 0 ? 0 : -1;
}

static inline int place_teardown(void **state)
{
    (void)state;
    return chdir("/") == 0 && remove_tree(place) == 0 ? 0 : -1;
}

static inline void place_write(const char *path, const char *text, mode_t mode)
{
    char dir[256];
    (void)snprintf(dir, sizeof(dir), "%s", path);
    for (char *p = strchr(dir, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(dir, 0700);
        *p = '/';
    }
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write_all(fd, text, strlen(text)), 0);
    (void)close(fd);
}

/* "file:line:col severity code\n" each, as the tables write them. free() it. */
static inline char *place_findings(const struct diagnostics *d)
{
    struct buf b = BUF_INIT(1u << 20);
    for (size_t i = 0; i < d->n; i++)
        (void)buf_addf(&b, "%s:%u:%u %s %s\n", d->d[i].file, d->d[i].line, d->d[i].col,
                       d->d[i].severity == SEVERITY_ERROR ? "error" : "warning", d->d[i].code);
    return b.p ? buf_take(&b, NULL) : strdup("");
}

/* What is wrong with c/t.yaml ("line:col severity code\n" each), and a piece of one of the texts or
 * NULL. */
static inline void place_expect(const char *name, const struct config_env *env, unsigned flags,
                                const char *findings, const char *says)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf text = BUF_INIT(1u << 20), want = BUF_INIT(1u << 16);
    int r = config_compile("c", env, flags, &d, &plan, NULL);
    for (const char *p = findings; *p; p = strchr(p, '\n') + 1)
        (void)buf_addf(&want, "c/t.yaml:%.*s\n", (int)strcspn(p, "\n"), p);
    char *got = place_findings(&d);
    (void)diagnostics_write(&d, &text);
    if (strcmp(got, buf_str(&want)) != 0)
        print_error("%s: %s\n", name, buf_str(&text));
    assert_string_equal(got, buf_str(&want));
    assert_int_equal(r, strstr(findings, " error ") ? -EINVAL : 0);
    if (says && !strstr(buf_str(&text), says))
        fail_msg("%s: no %s in %s", name, says, buf_str(&text));
    assert_null(strstr(buf_str(&text), "hunter2\n"));
    free(got);
    buf_done(&text);
    buf_done(&want);
    diagnostics_done(&d);
    tree_free(plan);
}

static inline struct tree *place_compile(const struct config_env *env, unsigned flags,
                                         struct buf *print)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    int r = config_compile("c", env, flags, &d, &plan, print);
    for (size_t i = 0; i < d.n; i++)
        print_error("%s:%u: %s\n", d.d[i].file, d.d[i].line, d.d[i].text);
    assert_int_equal(r, 0);
    assert_int_equal(d.n, 0);
    diagnostics_done(&d);
    return plan;
}

static inline const struct tree *place_process(const struct tree *plan, const char *name)
{
    const struct tree *all = tree_get(plan, "processes");
    for (size_t i = 0; all && i < all->n; i++) {
        if (strcmp(tree_gets(all->child[i], "name", ""), name) == 0)
            return all->child[i];
    }
    return NULL;
}

static inline const struct tree *place_part(const struct tree *plan, const char *name)
{
    return tree_get(place_process(plan, name), "part");
}

/* A piece of the plan as JSON; the test's directory is written as @. */
static inline void place_piece(const struct tree *t, const char *want)
{
    struct buf b = BUF_INIT(1u << 20), out = BUF_INIT(1u << 20);
    char real[4096];
    assert_non_null(t);
    assert_int_equal(tree_to_json(t, &b, false), 0);
    assert_non_null(getcwd(real, sizeof(real)));
    for (const char *p = buf_str(&b); *p; p++) {
        if (strncmp(p, real, strlen(real)) == 0) {
            (void)buf_addc(&out, '@');
            p += strlen(real) - 1;
        } else {
            (void)buf_addc(&out, *p);
        }
    }
    assert_string_equal(buf_str(&out), want);
    buf_done(&b);
    buf_done(&out);
}

static inline void place_pems(void)
{
    place_write("c/pw", "hunter2\n", 0600);
    place_write("c/ca.pem", "-----BEGIN CERTIFICATE-----\n", 0644);
    place_write("c/key.pem", "-----BEGIN PRIVATE KEY-----\n", 0600);
}

static const char place_base[] =
    "hub: h\n"
    "unrouted: {drop: nobody}\n"
    "parties:\n"
    "  us: {name: Us, role: hub}\n"
    "  them: {name: Them, role: provider}\n"
    "  agreed: {name: Agreed, role: provider, agreements: {purpose: x, data: personal}}\n"
    "  ended: {name: Ended, role: provider, agreements: [{purpose: x, data: [personal], until: "
    "2025-01-01}]}\n";

#endif
