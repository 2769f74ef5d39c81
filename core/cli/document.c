/* SPDX-License-Identifier: Apache-2.0 */
/* document - see document.h. */
#include "document.h"
#include "cli.h"
#include "base/util.h"
#include "config/config.h"
#include "plugin/loader.h"
#include "worker/sniff.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STDIN_MAX (1u << 30)

int document_open(const char *path, struct document_file *ret, struct err *e)
{
    struct document_file f = {.name = path, .path = path, .fd = -1};
    struct stat st;
    if (strcmp(path, "-") == 0) {
        int rc = read_fd(STDIN_FILENO, STDIN_MAX, &f.p, &f.len);
        if (rc < 0)
            return err_set(e, rc, "file", "standard input: %s", strerror(-rc));
        f.path = NULL;
    } else {
        f.fd = open(path, O_RDONLY | O_CLOEXEC);
        if (f.fd < 0)
            return err_set(e, -errno, "file", "%s: %s", path, strerror(errno));
        if (fstat(f.fd, &st) == 0 && !S_ISREG(st.st_mode)) { /* a pipe cannot be read at a place */
            int rc = S_ISDIR(st.st_mode) ? -EISDIR : read_fd(f.fd, STDIN_MAX, &f.p, &f.len);
            (void)close(f.fd);
            f.fd = -1;
            if (rc < 0)
                return err_set(e, rc, "file", "%s: %s", path, strerror(-rc));
        }
    }
    *ret = f;
    return 0;
}

void document_close(struct document_file *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f->p);
    *f = (struct document_file){.fd = -1};
}

void document_read(struct dry *d, const struct document_file *f, const char *content_type)
{
    const char *slash = f->path ? strrchr(f->path, '/') : NULL;
    dry_document(d, content_type, slash ? slash + 1 : f->path, f->fd, f->p ? f->p : "", f->len);
}

bool adapter_choice_add(struct adapter_choice *a, const char *option)
{
    if (a->n == ADAPTER_OPTIONS_MAX)
        return false;
    a->options[a->n++] = option;
    return true;
}

bool adapter_choice_options(struct adapter_choice *a, int argc, char **argv)
{
    int o;
    while ((o = getopt(argc, argv, "o:")) != -1)
        if (o != 'o' || !adapter_choice_add(a, optarg))
            return false;
    return true;
}

/* Which standard it speaks; what a configuration may not say cannot be said here either. NULL: *e.
 */
static const char *standard_named(const struct plugin *p, const struct tree *options, struct err *e)
{
    const char *name = p->api.name;
    struct err none;
    if (!plugin_is_named(p))
        return name;
    name = tree_text(tree_item(tree_get(options, PLUGIN_STANDARD), 0));
    _cleanup_free_ char *taken = name ? plugin_find(PLUGIN_KIND_ADAPTER, name, &none) : NULL;
    if (name && !taken && plugin_name_ok(name) && strcmp(name, CONFIG_HUB_RECORD) != 0)
        return name;
    (void)err_set(e, -EINVAL, "standard",
                  "%s needs -o " PLUGIN_STANDARD
                  "=NAME, a name of a-z, 0-9 and - that no adapter of this installation has",
                  p->api.name);
    return NULL;
}

static struct tree *part_of(const struct plugin *p, const char *file, struct tree *options,
                            struct err *e)
{
    const char *name = standard_named(p, options, e);
    struct tree *part = name ? tree_map() : NULL;
    if (!name)
        return NULL;
    if (tree_puts(part, "name", name) == 0 && tree_puts(part, "file", file) == 0 &&
        tree_put(part, "options", tree_copy(options)) == 0)
        return part;
    tree_free(part);
    (void)err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    return NULL;
}

struct tree *adapter_part(const struct adapter_choice *a, struct err *e)
{
    struct plugin *p = NULL;
    struct tree *options = NULL, *part = NULL;
    _cleanup_free_ char *file = plugin_find(PLUGIN_KIND_ADAPTER, a->name, e);
    if (!file)
        return NULL;
    if (plugin_load(file, &p, e) == 0 && host_options(p, a->options, a->n, &options, e) == 0)
        part = part_of(p, file, options, e);
    tree_free(options);
    plugin_unload(p);
    return part;
}

int document_dry(const struct adapter_choice *a, struct dry *d, struct tree **ret_part,
                 struct err *e)
{
    struct tree *adapter = adapter_part(a, e);
    if (!adapter)
        return -1;
    struct tree *part = tree_map();
    int rc = tree_puts(part, "hub", "local") | tree_put(part, "adapter", adapter);
    rc = rc ? err_set(e, rc, "out-of-memory", "out of memory") : dry_open(part, d, e);
    if (rc < 0) {
        tree_free(part);
        return rc;
    }
    d->intake.set_time = false;
    *ret_part = part;
    return 0;
}

void document_looks_like(const struct document_file *f, const char *standard)
{
    char head[SNIFF_BYTES];
    size_t len = f->len;
    const char *p = sniff_beginning(f->fd, f->p, &len, head), *what = sniff(p, len);
    if (what)
        fprintf(stderr, "%s: document: error: this is not %s; it looks like %s [unreadable]\n",
                f->name, standard, what);
}

const struct tree *source_part(const struct tree *plan, const char *connector, struct err *e)
{
    const struct tree *list = tree_get(plan, "processes");
    char names[400] = "";
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
        const struct tree *x = list->child[i];
        const char *name = tree_gets(x, "part/connector", "");
        if (strcmp(tree_gets(x, "kind", ""), "source") != 0)
            continue;
        if (strcmp(name, connector) == 0)
            return tree_get(x, "part");
        size_t at = strlen(names);
        (void)snprintf(names + at, sizeof(names) - at, "%s%s", at ? ", " : "", name);
    }
    (void)err_set(e, -ENOENT, "connector-unknown", "%s receives nothing in this configuration%s%s",
                  connector, *names ? "; those that do: " : "", names);
    return NULL;
}

void print_issue(void *arg, const struct issue *i)
{
    struct buf line = BUF_INIT(64u << 10);
    if (issue_line(i, arg, &line) == 0)
        fprintf(stderr, "%s\n", buf_str(&line));
    buf_done(&line);
}
