/* SPDX-License-Identifier: Apache-2.0 */
/* receive - a directory whose files are documents. A file is offered when it is whole, and moved
 * when the hub has taken it (done/) or refused it (failed/, with a report beside it); until then it
 * stays where it is, so a crash anywhere only offers it again.
 *
 * Whole: moved in by rename, or not changed for the settle time and open for writing nowhere (a
 * lease on it is given). inotify only shortens the wait: a scan of the directory at the start and
 * every `rescan` finds everything, also on file systems that tell nothing.
 *
 * Known limits: at most FILES_MAX files are looked after at a time, the others wait for the next
 * scan; whether an other machine still writes through a network file system is known by the settle
 * time only. */
#include "file.h"
#include "lib/mono.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX   4096u
#define OFFERED_MAX 8u
#define BACKOFF_MIN 1000u
#define BACKOFF_MAX 300000u
#define REPORT_TEXT ".report.txt"
#define REPORT_JSON ".report.json"
#define WATCHED     (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

enum state { WATCHING, OFFERED };

struct entry {
    char name[NAME_BYTES];
    enum state state;
    uint64_t token;
    struct stat seen;    /* when last looked at */
    uint64_t same_since; /* mono ms */
    uint64_t not_before; /* mono ms */
    uint64_t backoff;    /* ms */
    bool moved_in, present;
};

struct inbox {
    int dir, done, failed, notify;
    struct entry *files;
    size_t n, cap, offered;
    uint64_t next_scan, next_token;
    bool more; /* there were more files than places */
    struct keeper keeper;
};

/* ---- opening ---- */

static int subfolder(int dir, const char *name)
{
    (void)mkdirat(dir, name, 0777);
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

static int open_folders(reeve_ctx *ctx, struct inbox *in)
{
    const char *path = reeve_conf(ctx, "directory", 0);
    in->dir = path ? folder_open(path) : -EINVAL;
    if (in->dir >= 0)
        in->done = subfolder(in->dir, "done");
    if (in->dir >= 0 && in->done >= 0)
        in->failed = subfolder(in->dir, "failed");
    int bad = in->dir < 0 ? in->dir : in->done < 0 ? in->done : in->failed < 0 ? in->failed : 0;
    if (bad < 0)
        (void)reeve_fail(ctx, REEVE_DOWN, "%s: cannot be used: %s", path ? path : "directory",
                         strerror(-bad));
    return bad;
}

static void watch(reeve_ctx *ctx, struct inbox *in)
{
    in->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (in->notify >= 0 &&
        inotify_add_watch(in->notify, reeve_conf(ctx, "directory", 0), WATCHED | IN_ONLYDIR) >= 0)
        return;
    reeve_log(ctx, 4, "the directory cannot be watched (%s): it is scanned only", strerror(errno));
    if (in->notify >= 0)
        (void)close(in->notify);
    in->notify = -1;
}

struct inbox *inbox_new(reeve_ctx *ctx)
{
    struct inbox *in = calloc(1, sizeof(*in));
    if (!in) {
        (void)reeve_fail(ctx, REEVE_FATAL, "out of memory");
        return NULL;
    }
    in->dir = in->done = in->failed = in->notify = -1;
    in->next_token = 1;
    if (open_folders(ctx, in) < 0) {
        inbox_free(in);
        return NULL;
    }
    watch(ctx, in);
    return in;
}

void inbox_free(struct inbox *in)
{
    if (!in)
        return;
    const int fds[] = {in->dir, in->done, in->failed, in->notify};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    keeper_done(&in->keeper);
    free(in->files);
    free(in);
}

/* ---- the table of files ---- */

static struct entry *find(struct inbox *in, const char *name)
{
    for (size_t i = 0; i < in->n; i++) {
        if (strcmp(in->files[i].name, name) == 0)
            return &in->files[i];
    }
    return NULL;
}

static struct entry *add(struct inbox *in, const char *name)
{
    if (in->n >= FILES_MAX || strlen(name) >= NAME_BYTES) {
        in->more = true;
        return NULL;
    }
    if (in->n == in->cap) {
        size_t cap = in->cap ? in->cap * 2 : 16;
        struct entry *files = reallocarray(in->files, cap, sizeof(*files));
        if (!files)
            return NULL;
        in->files = files;
        in->cap = cap;
    }
    struct entry *f = &in->files[in->n++];
    memset(f, 0, sizeof(*f));
    (void)snprintf(f->name, sizeof(f->name), "%s", name);
    f->same_since = monotonic_ms();
    return f;
}

static void forget(struct inbox *in, struct entry *f)
{
    *f = in->files[--in->n];
}

static bool wanted(reeve_ctx *ctx, const char *name)
{
    const char *match = reeve_conf(ctx, "match", 0);
    return !name_ignored(name) && (!match || fnmatch(match, name, FNM_PERIOD) == 0);
}

static void note(reeve_ctx *ctx, struct inbox *in, const char *name, bool moved_in)
{
    if (!wanted(ctx, name))
        return;
    struct entry *f = find(in, name);
    if (!f)
        f = add(in, name);
    if (!f)
        return;
    f->present = true;
    if (moved_in)
        f->moved_in = true;
}

static void scan(reeve_ctx *ctx, struct inbox *in)
{
    int fd = openat(in->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    in->more = false;
    if (!d) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (size_t i = 0; i < in->n; i++)
        in->files[i].present = false;
    while ((entry = readdir(d)))
        note(ctx, in, entry->d_name, false);
    (void)closedir(d);
    for (size_t i = in->n; i-- > 0;) {
        if (!in->files[i].present && in->files[i].state == WATCHING)
            forget(in, &in->files[i]);
    }
}

static void read_events(reeve_ctx *ctx, struct inbox *in)
{
    char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len;
    while (in->notify >= 0 && (len = read(in->notify, buf, sizeof(buf))) > 0) {
        for (const char *p = buf; p < buf + len;) {
            struct inotify_event ev;
            memcpy(&ev, p, sizeof(ev));
            const char *name = p + sizeof(ev);
            p += sizeof(ev) + ev.len;
            if (ev.mask & (IN_Q_OVERFLOW | IN_IGNORED))
                in->next_scan = 0;
            else if (ev.len > 0 && (ev.mask & (IN_CLOSE_WRITE | IN_MOVED_TO)))
                note(ctx, in, name, ev.mask & IN_MOVED_TO);
        }
    }
}

/* ---- one file ---- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Nobody has it open for writing, as far as this machine can tell. The break of the lease would be
 * told by a signal that is ignored by default; the lease is given back at once. */
static bool nobody_writes(int fd)
{
    (void)fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        (void)fcntl(fd, F_SETLEASE, F_UNLCK);
        return true;
    }
    return errno != EAGAIN; /* not ours, or no leases here: not known */
}

/* -1: not whole yet (not_before says when to look again); else an open descriptor. *gone: it is no
 * file (any more). */
static int open_whole(reeve_ctx *ctx, struct inbox *in, struct entry *f, uint64_t now, bool *gone)
{
    struct stat st;
    uint64_t settle = (uint64_t)reeve_conf_int(ctx, "settle");
    int fd = openat(in->dir, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        *gone = fd >= 0 || errno == ENOENT || errno == ELOOP;
        f->not_before = now + BACKOFF_MIN;
        if (fd >= 0)
            (void)close(fd);
        else if (!*gone)
            reeve_log(ctx, 4, "%s: cannot be opened: %s", f->name, strerror(errno));
        return -1;
    }
    if (!same(&st, &f->seen)) {
        bool first = f->seen.st_ino == 0;
        time_t age = time(NULL) - st.st_mtime;
        f->seen = st;
        f->same_since = now;
        /* Found at a scan, untouched for long: it need not be waited for. */
        if (first && age > 0 && (uint64_t)age * 1000u > settle)
            f->same_since = now >= settle ? now - settle : 0;
    }
    if (!f->moved_in && now - f->same_since < settle)
        f->not_before = f->same_since + settle;
    else if (!nobody_writes(fd))
        f->not_before = now + (settle > 100 ? settle : 100);
    else
        return fd;
    (void)close(fd);
    return -1;
}

static const char *type_for(reeve_ctx *ctx, const char *name)
{
    const char *type = reeve_conf(ctx, "content_type", 0);
    return type ? type : type_of_name(name);
}

/* false: the host takes no more now. */
static bool offer(reeve_ctx *ctx, struct inbox *in, struct entry *f, int fd, uint64_t now)
{
    f->token = in->next_token++;
    f->state = OFFERED;
    f->moved_in = false;
    in->offered++;
    reeve_rc rc = reeve_submit(ctx, f->token, type_for(ctx, f->name),
                               text_is_utf8(f->name) ? f->name : NULL, fd, NULL, 0);
    if (rc == REEVE_OK)
        return true;
    f->state = WATCHING;
    f->moved_in = true; /* it was whole */
    f->not_before = now + BACKOFF_MIN;
    in->offered--;
    return false;
}

/* ---- what became of it ---- */

static bool reported(int dir, const char *name)
{
    char report[NAME_BYTES + 16];
    struct stat st;
    (void)snprintf(report, sizeof(report), "%s" REPORT_TEXT, name);
    if (fstatat(dir, report, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    (void)snprintf(report, sizeof(report), "%s" REPORT_JSON, name);
    return fstatat(dir, report, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int write_report(int dir, const char *name, const char *ending, const char *text)
{
    char report[NAME_BYTES + 16];
    (void)snprintf(report, sizeof(report), "%s%s", name, ending);
    return text ? folder_write(dir, report, text, strlen(text)) : 0;
}

/* The file as it was offered is still there under its name. */
static bool still_there(const struct inbox *in, const struct entry *f)
{
    struct stat st;
    return fstatat(in->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && same(&st, &f->seen);
}

/* The folder, made anew when somebody has removed it meanwhile. */
static int folder_of(struct inbox *in, bool taken)
{
    int *fd = taken ? &in->done : &in->failed;
    struct stat st;
    if (fstat(*fd, &st) == 0 && st.st_nlink > 0)
        return *fd;
    int fresh = subfolder(in->dir, taken ? "done" : "failed");
    if (fresh < 0)
        return fresh;
    (void)close(*fd);
    *fd = fresh;
    return fresh;
}

static void unwrite_report(int dir, const char *name, const char *ending)
{
    char report[NAME_BYTES + 16];
    (void)snprintf(report, sizeof(report), "%s%s", name, ending);
    (void)unlinkat(dir, report, 0);
}

/* The report first: a refused file is never found without its reason. When it cannot be written (a
 * full disk) or the file not be moved, nothing has happened. */
static int file_away(const struct inbox *in, const struct entry *f, int to,
                     const reeve_report *report, char name[NAME_BYTES])
{
    int r = to < 0 ? to : folder_free_name(to, f->name, reported, name);
    if (r < 0)
        return r;
    if (report)
        r = write_report(to, name, REPORT_TEXT, reeve_report_get(report, "text"));
    if (r == 0 && report)
        r = write_report(to, name, REPORT_JSON, reeve_report_get(report, "json"));
    if (r == 0)
        r = folder_move(in->dir, f->name, to, name);
    if (r < 0 && report && still_there(in, f)) {
        unwrite_report(to, name, REPORT_TEXT);
        unwrite_report(to, name, REPORT_JSON);
    }
    return r;
}

/* It is offered again, each time after twice as long. */
static void later(struct entry *f)
{
    f->state = WATCHING;
    f->backoff = f->backoff ? f->backoff * 2 : BACKOFF_MIN;
    if (f->backoff > BACKOFF_MAX)
        f->backoff = BACKOFF_MAX;
    f->not_before = monotonic_ms() + f->backoff;
}

/* report: NULL when there is nothing to tell. */
static void move(reeve_ctx *ctx, struct inbox *in, struct entry *f, bool taken,
                 const reeve_report *report)
{
    char name[NAME_BYTES] = "";
    const char *folder = taken ? "done" : "failed";
    if (!still_there(in, f)) {
        reeve_log(ctx, 4, "%s was changed or taken away while it was being read; left where it is",
                  f->name);
        f->state = WATCHING; /* if it is there, it is an other document now */
        memset(&f->seen, 0, sizeof(f->seen));
        return;
    }
    int r = file_away(in, f, folder_of(in, taken), report, name);
    if (r < 0) {
        /* Offering it again changes nothing: the hub knows it. But it must not be forgotten. */
        reeve_log(ctx, 3, "%s cannot be moved to %s: %s", f->name, folder, strerror(-r));
        later(f);
        return;
    }
    reeve_log(ctx, 6, "%s: moved to %s/%s", f->name, folder, name);
    forget(in, f);
}

void inbox_settled(reeve_ctx *ctx, struct inbox *in, uint64_t token, reeve_rc rc,
                   const reeve_report *report)
{
    struct entry *f = NULL;
    for (size_t i = 0; i < in->n; i++) {
        if (in->files[i].state == OFFERED && in->files[i].token == token)
            f = &in->files[i];
    }
    if (!f)
        return;
    in->offered--;
    if (rc == REEVE_OK) {
        bool remarks = report && (reeve_report_count(report, "refused") > 0 ||
                                  reeve_report_count(report, "warnings") > 0);
        move(ctx, in, f, true, remarks ? report : NULL);
    } else if (rc == REEVE_REJECT) {
        move(ctx, in, f, false, report);
    } else {
        later(f);
    }
}

/* ---- one turn ---- */

static int by_time(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->seen.st_mtim.tv_sec != y->seen.st_mtim.tv_sec)
        return x->seen.st_mtim.tv_sec < y->seen.st_mtim.tv_sec ? -1 : 1;
    if (x->seen.st_mtim.tv_nsec != y->seen.st_mtim.tv_nsec)
        return x->seen.st_mtim.tv_nsec < y->seen.st_mtim.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Offers what is whole, oldest first. A file that vanished is dropped after the walk. */
static void offer_ready(reeve_ctx *ctx, struct inbox *in, uint64_t now)
{
    for (size_t i = 0; i < in->n; i++) { /* for the order */
        struct entry *f = &in->files[i];
        if (f->state == WATCHING && f->seen.st_ino == 0) {
            struct stat st;
            if (fstatat(in->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                f->seen.st_mtim = st.st_mtim;
        }
    }
    if (in->n > 1)
        qsort(in->files, in->n, sizeof(*in->files), by_time);
    for (size_t i = 0; i < in->n && in->offered < OFFERED_MAX;) {
        struct entry *f = &in->files[i];
        bool gone = false;
        if (f->state != WATCHING || f->not_before > now) {
            i++;
            continue;
        }
        int fd = open_whole(ctx, in, f, now, &gone);
        if (gone) {
            *f = in->files[in->n - 1];
            in->n--;
            continue;
        }
        if (fd >= 0 && !offer(ctx, in, f, fd, now))
            return;
        i++;
    }
}

static uint64_t next_turn(reeve_ctx *ctx, const struct inbox *in, uint64_t now)
{
    uint64_t at = in->next_scan, keeper = keeper_next(ctx, &in->keeper);
    at = keeper < at ? keeper : at;
    for (size_t i = 0; in->offered < OFFERED_MAX && i < in->n; i++) {
        const struct entry *f = &in->files[i];
        if (f->state == WATCHING && f->not_before < at)
            at = f->not_before;
    }
    return at > now ? at - now : 1;
}

reeve_rc inbox_poll(reeve_ctx *ctx, struct inbox *in)
{
    uint64_t now = monotonic_ms();
    struct stat st;
    if (fstat(in->dir, &st) < 0 || st.st_nlink == 0)
        return reeve_fail(ctx, REEVE_FATAL, "%s was removed", reeve_conf(ctx, "directory", 0));
    read_events(ctx, in);
    if (now >= in->next_scan || (in->more && in->n == 0)) {
        scan(ctx, in);
        in->next_scan = now + (uint64_t)reeve_conf_int(ctx, "rescan");
    }
    offer_ready(ctx, in, now);
    keeper_turn(ctx, &in->keeper, in->done, now);
    (void)reeve_wait(ctx, in->notify, next_turn(ctx, in, monotonic_ms()));
    return REEVE_OK;
}
