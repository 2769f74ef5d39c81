/* SPDX-License-Identifier: Apache-2.0 */
/* compile - shared objects made by a test while it runs. Tests run in the root of the sources (or
 * REEVE_SOURCE). */
#ifndef REEVE_TESTS_COMPILE_H
#define REEVE_TESTS_COMPILE_H
#include "base/util.h"
#include <limits.h>
#include <stdarg.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char scratch[PATH_MAX]; /* a directory of this run */

static inline int scratch_make(void)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(scratch, sizeof(scratch), "%s/reeve-test-XXXXXX", base ? base : P_tmpdir);
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int spawn_wait(char *const argv[])
{
    pid_t pid;
    int status = 0;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
        return -1;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void scratch_remove(void)
{
    char rm[] = "rm", rf[] = "-rf";
    char *argv[] = {rm, rf, scratch, NULL};
    if (scratch[0])
        (void)spawn_wait(argv);
}

static inline const char *source_root(void)
{
    const char *root = getenv("REEVE_SOURCE");
    return root ? root : ".";
}

static inline char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline char *format(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

/* Compiles one C file against include (a directory) to scratch/NAME.so; define may be NULL. The
 * path, to be freed; NULL: the compiler refused. */
static inline char *compile_so(const char *source, const char *include, const char *define,
                               const char *name)
{
    const char *cc = getenv("CC");
    char shared[] = "-shared", pic[] = "-fPIC", o[] = "-o", hidden[] = "-fvisibility=hidden";
    char *out = format("%s/%s.so", scratch, name), *inc = format("-I%s", include);
    char *def = format("-D%s", define ? define : "NO_DEFINE"), *src = strdup(source);
    char *program = strdup(cc && !strchr(cc, ' ') ? cc : "cc");
    char *argv[] = {program, shared, pic, hidden, inc, def, o, out, src, NULL};
    int r = spawn_wait(argv);
    free(inc);
    free(def);
    free(src);
    free(program);
    if (r == 0)
        return out;
    free(out);
    return NULL;
}

static inline char *write_text(const char *name, const char *text)
{
    char *path = format("%s/%s", scratch, name);
    FILE *f = path ? fopen(path, "we") : NULL;
    if (!f)
        return NULL;
    (void)fputs(text, f);
    return fclose(f) == 0 ? path : NULL;
}

/* A plugin from source text, against the present header. */
static inline char *compile_text(const char *name, const char *text)
{
    char *c_name = format("%s%s", name, ".c");
    char *path = write_text(c_name, text), *inc = format("%s/%s", source_root(), "core/include");
    char *so = compile_so(path, inc, NULL, name);
    free(c_name);
    free(path);
    free(inc);
    return so;
}

#endif
