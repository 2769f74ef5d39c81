/* SPDX-License-Identifier: Apache-2.0 */
/* places - see places.h. The candidates are a table; the first that exists is the answer. */
#include "places.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char kind;        /* 'p' program, 'm' module directory */
    const char *from; /* relative to the directory of the running program */
};

/* The build tree first: a tree inside a prefix must not pick up an older installation. */
static const struct place places[] = {
    {'p', ""}, {'p', "/../libexec/reeve"}, {'p', "/../../bin"},
    {'m', ""}, {'m', "/../lib/reeve"},     {'m', "/../../lib/reeve"},
};

static int put(char *out, size_t cap, const char *text)
{
    size_t len = strlen(text);
    if (len >= cap)
        return -ENAMETOOLONG;
    memcpy(out, text, len + 1);
    return 0;
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool has_modules(const char *dir)
{
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/plugins", dir);
    if (is_dir(path))
        return true;
    (void)snprintf(path, sizeof path, "%s/adapters", dir);
    return is_dir(path);
}

int places_from(const char *program_dir, char kind, const char *name, char *out, size_t cap)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[PATH_MAX], real[PATH_MAX];
        if (places[i].kind != kind)
            continue;
        int n = kind == 'p'
                    ? snprintf(path, sizeof path, "%s%s/%s", program_dir, places[i].from, name)
                    : snprintf(path, sizeof path, "%s%s", program_dir, places[i].from);
        if (n < 0 || (size_t)n >= sizeof path)
            return -ENAMETOOLONG;
        if (kind == 'p' ? !is_program(path) : !has_modules(path))
            continue;
        if (!realpath(path, real))
            return -errno;
        return put(out, cap, real);
    }
    return -ENOENT;
}

static int program_dir(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash)
        return -ENOENT;
    *slash = '\0';
    return 0;
}

int places_program(const char *name, char *out, size_t cap)
{
    char dir[PATH_MAX];
    int r = program_dir(dir);
    return r < 0 ? r : places_from(dir, 'p', name, out, cap);
}

int places_module_dir(char *out, size_t cap)
{
    const char *set = getenv("REEVE_MODULES");
    if (set && *set) {
        char real[PATH_MAX];
        if (!realpath(set, real))
            return -errno;
        return is_dir(real) ? put(out, cap, real) : -ENOTDIR;
    }
    char dir[PATH_MAX];
    int r = program_dir(dir);
    return r < 0 ? r : places_from(dir, 'm', NULL, out, cap);
}
