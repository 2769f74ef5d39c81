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
