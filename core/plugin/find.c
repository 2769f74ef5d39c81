/* SPDX-License-Identifier: Apache-2.0 */
/* find - names of plugins and adapters to files, in the module directory of this installation. */
#include "base/buf.h"
#include "base/places.h"
#include "base/util.h"
#include "loader.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAMES_MAX 1024u

static const char *kind_word(enum plugin_kind kind)
{
    return kind == PLUGIN_KIND_PLUGIN ? "plugin" : "adapter";
}

/* free() it; NULL: *e says why. */
static char *kind_dir(enum plugin_kind kind, struct err *e)
{
    char base[PATH_MAX];
    int r = places_module_dir(base, sizeof(base));
    if (r < 0) {
        (void)err_set(e, r, "plugin-missing",
                      "the directory of plugins and adapters of this installation is not there");
        return NULL;
    }
    char *dir = path_join(base, kind == PLUGIN_KIND_PLUGIN ? "plugins" : "adapters");
    if (!dir)
        (void)err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    return dir;
}

static int is_module(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return d->d_name[0] != '.' && len > 3 && strcmp(d->d_name + len - 3, ".so") == 0;
}

/* What there is instead: a near name, else all of them. */
static void say_missing(enum plugin_kind kind, const char *name, const char *dir, struct err *e)
{
    struct dirent **all = NULL;
    const char *names[NAMES_MAX];
    struct buf list = BUF_INIT(256);
    int found = scandir(dir, &all, is_module, alphasort);
    size_t n = found < 0 ? 0 : (size_t)found;
    for (size_t i = 0; i < n; i++) {
        all[i]->d_name[strlen(all[i]->d_name) - 3] = '\0';
        (void)buf_addf(&list, "%s%s", i ? ", " : "", all[i]->d_name);
        if (i < NAMES_MAX)
            names[i] = all[i]->d_name;
    }
    const char *near = did_you_mean(name, names, n < NAMES_MAX ? n : NAMES_MAX);
    if (near)
        (void)err_set(e, -ENOENT, "plugin-missing", "there is no %s \"%s\": did you mean \"%s\"?",
                      kind_word(kind), name, near);
    else
        (void)err_set(e, -ENOENT, "plugin-missing",
                      "there is no %s \"%s\" in %s, which has: %s; a path needs a slash: ./%s.so",
                      kind_word(kind), name, dir, n ? buf_str(&list) : "nothing", name);
    for (size_t i = 0; i < n; i++)
        free(all[i]);
    free(all);
    buf_done(&list);
}

static char *find_path(const char *name, struct err *e)
{
    char *file = realpath(name, NULL);
    if (!file)
        (void)err_set(e, -errno, "plugin-missing", "%s: %s", name, strerror(errno));
    return file;
}

char *plugin_find(enum plugin_kind kind, const char *name, struct err *e)
{
    struct stat st;
    if (strchr(name, '/'))
        return find_path(name, e);
    _cleanup_free_ char *dir = kind_dir(kind, e);
    char *file = NULL;
    if (!dir)
        return NULL;
    if (asprintf(&file, "%s/%s.so", dir, name) < 0) {
        (void)err_set(e, -ENOMEM, "out-of-memory", "out of memory");
        return NULL;
    }
    if (*name && *name != '.' && stat(file, &st) == 0)
        return file;
    free(file);
    say_missing(kind, name, dir, e);
    return NULL;
}

int plugin_list(enum plugin_kind kind, struct tree **ret, struct err *e)
{
    _cleanup_free_ char *dir = kind_dir(kind, e);
    struct dirent **all = NULL;
    if (!dir)
        return -ENOENT;
    int found = scandir(dir, &all, is_module, alphasort);
    if (found < 0 && errno != ENOENT)
        return err_set(e, -errno, "plugin-missing", "%s: %s", dir, strerror(errno));
    size_t n = found < 0 ? 0 : (size_t)found;
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (r == 0)
            r = tree_append(list, tree_scalarf(false, "%s/%s", dir, all[i]->d_name));
        free(all[i]);
    }
    free(all);
    if (r < 0) {
        tree_free(list);
        return err_set(e, r, "out-of-memory", "out of memory");
    }
    *ret = list;
    return 0;
}
