/* SPDX-License-Identifier: Apache-2.0 */
/* spool - opening and closing the embedded queue, and its destinations.
 *
 * DATA/spool holds spool.db (with SQLite's -wal and -shm), spool.lock (one spool at a time:
 * two writers of one file starve each other) and spool.reserve. A destination that the plan no
 * longer names but that still has messages or dead letters stays, as an orphan: publishing to it is
 * refused, everything else works. */
#include "spool.h"
#include "spool_types.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

uint64_t spool_clock(struct spool *s)
{
    s->now = s->wall_start + (mono_ms() - s->mono_start);
    return s->now;
}

struct dest *spool_dest(struct spool *s, const char *name, size_t len)
{
    return map_get(s->by_name, name, len);
}

struct dest *spool_dest_by_no(struct spool *s, uint32_t no)
{
    for (struct dest *d = s->dests; d; d = d->next)
        if (d->no == no)
            return d;
    return NULL;
}

size_t spool_message_max(const struct spool *s)
{
    return s->message_max;
}

const char *spool_disk(const struct spool *s, char *out, size_t cap)
{
    return s->disk.low ? disk_words(&s->disk, out, cap) : NULL;
}

const char *spool_trouble(const struct spool *s)
{
    return s->in_trouble ? s->trouble.text : NULL;
}

static struct dest *dest_new(struct spool *s, const char *name)
{
    struct dest *d = xcalloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->name = strdup(name);
    if (!d->name || map_put(s->by_name, name, strlen(name), d) < 0) {
        free(d->name);
        free(d);
        return NULL;
    }
    d->next = s->dests;
    s->dests = d;
    return d;
}

static int add_stored(void *arg, const struct dest_row *row)
{
    struct spool *s = arg;
    struct dest *d = dest_new(s, row->name);
    if (!d)
        return -ENOMEM;
    d->no = row->no;
    d->messages = row->messages;
    d->bytes = row->bytes;
    d->dead = row->dead;
    return 0;
}

/* Where the queue goes on: everything in the file is ready or delayed again. */
static int dest_resume(struct spool *s, struct dest *d, struct err *e)
{
    uint64_t low = (uint64_t)d->no << KEY_SHIFT, last = 0;
    int r = store_dest_last(s->store, d->no, &last, e);
    if (r == 0)
        r = store_dest_delayed(s->store, d->no, &d->delayed, e);
    if (r < 0)
        return r;
    d->next_key = last ? last + 1 : low + 1;
    d->loaded = low;
    d->more = last != 0;
    d->more_delayed = d->delayed > 0;
    return 0;
}

static int dest_configure(struct spool *s, const struct tree *t, struct err *e)
{
    const char *name = tree_gets(t, "name", NULL), *order = tree_gets(t, "order", "free");
    if (!name || !*name || strlen(name) >= SPOOL_NAME_MAX)
        return err_set(e, -EINVAL, "spool-part", "a destination of the plan has no usable name");
    if (strcmp(order, "free") != 0 && strcmp(order, "strict") != 0)
        return err_set(e, -EINVAL, "spool-part", "destination \"%s\": order must be free or strict",
                       name);
    struct dest *d = spool_dest(s, name, strlen(name));
    if (!d) {
        d = dest_new(s, name);
        if (!d)
            return err_set(e, -ENOMEM, "memory", "out of memory");
        int r = store_dest_add(s->store, name, &d->no, e);
        if (r < 0)
            return r;
    }
    d->configured = true;
    d->strict = strcmp(order, "strict") == 0;
    d->limit_messages = tree_getu(t, "limit_messages", 0);
    d->limit_bytes = tree_getu(t, "limit_bytes", 0);
    return 0;
}

/* `was:` of a connector: the queue it had under another name is its own. */
static int rename_old(struct spool *s, const struct tree *list, const struct tree *t, struct err *e)
{
    const struct tree *was = tree_get(t, "was");
    const char *name = tree_gets(t, "name", "");
    for (size_t i = 0; tree_is_list(was) && i < was->n; i++) {
        const char *old = tree_text(was->child[i]);
        if (!old || tree_named(list, old))
            continue;
        int r = store_dest_rename(s->store, old, name, e);
        if (r == -EEXIST)
            log_warning(e->code, NULL, "%s", e->text);
        else if (r < 0)
            return r;
        else if (r > 0)
            log_info("queue-renamed", NULL, "the queue %s is now %s", old, name);
    }
    return 0;
}

static int open_dests(struct spool *s, const struct tree *part, struct err *e)
{
    s->by_name = map_new(NULL);
    if (!s->by_name)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    const struct tree *list = tree_get(part, "destinations");
    int r = 0;
    for (size_t i = 0; tree_is_list(list) && i < list->n && r == 0; i++)
        r = rename_old(s, list, list->child[i], e);
    r = r < 0 ? r : store_dest_each(s->store, add_stored, s, e);
    for (size_t i = 0; tree_is_list(list) && i < list->n && r == 0; i++)
        r = dest_configure(s, list->child[i], e);
    for (struct dest *d = s->dests; d && r == 0; d = d->next)
        r = dest_resume(s, d, e);
    return r;
}

/* New files must survive a power cut, not only their contents. */
static int sync_directory(const char *data, struct err *e)
{
    _cleanup_close_ int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_set(e, -errno, "db-io", "cannot sync %s: %s", data, strerror(errno));
    return 0;
}

static int open_files(struct spool *s, const struct tree *part, struct err *e)
{
    const char *data = tree_gets(part, "data", NULL);
    if (!data || data[0] != '/')
        return err_set(e, -EINVAL, "spool-part",
                       "the spool's part of the plan needs an absolute data directory");
    s->data = strdup(data);
    if (!s->data)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    s->disk = (struct disk){.path = s->data, .keep_free = tree_getu(part, "keep_free", 0)};
    _cleanup_free_ char *dir = path_join(data, "spool");
    int r = dir ? make_dirs(dir) : -ENOMEM;
    if (r < 0)
        return err_set(e, r, "db-open", "cannot create the spool in %s: %s", data, strerror(-r));
    r = store_lock(dir, &s->lock_fd, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *path = path_join(dir, "spool.db");
    s->reserve_path = path_join(dir, "spool.reserve");
    if (!path || !s->reserve_path)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    r = store_open(path, &s->store, e);
    if (r == 0)
        r = open_dests(s, part, e);
    if (r == 0)
        r = sync_directory(dir, e);
    if (r == 0)
        reserve_make(s);
    return r;
}

int spool_open(const struct tree *part, struct spool **ret, struct err *e)
{
    struct spool *s = xcalloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    s->lock_fd = -1;
    s->wall_start = wall_ms();
    s->mono_start = mono_ms();
    (void)spool_clock(s);
    s->message_max = tree_getu(part, "message_max", SPOOL_MESSAGE_MAX);
    dead_rule_set(&s->keeping.rule, tree_getu(part, "retention/dead_ms", 0),
                  tree_getu(part, "retention/unseen_ms", 0));
    int r;
    if (s->message_max == 0 || s->message_max > SPOOL_MESSAGE_CEILING)
        r = err_set(e, -EINVAL, "spool-part", "message_max must be between 1 and %u bytes",
                    SPOOL_MESSAGE_CEILING);
    else
        r = open_files(s, part, e);
    if (r < 0) {
        spool_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->ops_n; i++) {
        if (s->ops[i].kind == OP_SETTLE)
            copy_free(s->ops[i].set.copy);
        op_done(&s->ops[i]);
    }
    free(s->ops);
    free(s->runs);
    for (struct dest *d = s->dests, *next; d; d = next) {
        next = d->next;
        queue_done(&d->q);
        free(d->name);
        free(d);
    }
    map_free(s->by_name);
    store_close(s->store);
    free(s->reserve_path);
    free(s->data);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    free(s);
}

void spool_turn(struct spool *s)
{
    (void)spool_clock(s);
    (void)disk_low(&s->disk);
    spool_commit(s);
    spool_mend(s);
    if (s->keeping.rule.keep_ms && s->now >= s->keeping.again)
        dead_expire(s); /* written by the next turn */
    deliver_all(s);
}

uint64_t spool_timeout(struct spool *s)
{
    uint64_t now = spool_clock(s), at = UINT64_MAX;
    if (s->again || (s->ops_n && s->write_again <= now))
        return 0;
    if (s->ops_n)
        at = s->write_again;
    for (const struct dest *d = s->dests; d; d = d->next) {
        uint64_t due = deliver_due(s, d);
        at = due < at ? due : at;
    }
    if (at == UINT64_MAX)
        return at;
    return at > now ? at - now : 0;
}
