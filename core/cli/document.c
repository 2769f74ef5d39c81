/* SPDX-License-Identifier: Apache-2.0 */
/* document - see document.h. */
#include "document.h"
#include "cli.h"
#include "base/util.h"
#include "plugin/loader.h"
#include "worker/sniff.h"
#include <errno.h>
#include <fcntl.h>
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

struct tree *adapter_part(const char *name, struct err *e)
{
    struct plugin *p = NULL;
    struct tree *options = NULL, *part = NULL;
    char *file = plugin_find(PLUGIN_KIND_ADAPTER, name, e);
    if (!file)
        return NULL;
    if (plugin_load(file, &p, e) == 0 && host_options(p, NULL, 0, &options, e) == 0) {
        part = tree_map();
        if (tree_puts(part, "name", p->api.name) < 0 || tree_puts(part, "file", file) < 0 ||
            tree_put(part, "options", TAKE_PTR(options)) < 0) {
            tree_free(part);
            part = NULL;
            (void)err_set(e, -ENOMEM, "out-of-memory", "out of memory");
        }
    }
    tree_free(options);
    if (p)
        plugin_unload(p);
    free(file);
    return part;
}

int document_dry(const char *adapter, struct dry *d, struct tree **ret_part, struct err *e)
{
    struct tree *a = adapter_part(adapter, e);
    if (!a)
        return -1;
    struct tree *part = tree_map();
    int rc = tree_puts(part, "hub", "local") | tree_put(part, "adapter", a);
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
    ssize_t n = f->fd >= 0 ? pread(f->fd, head, sizeof(head), 0) : (ssize_t)f->len;
    const char *what = n >= 0 ? sniff(f->fd >= 0 ? head : f->p, (size_t)n) : NULL;
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
