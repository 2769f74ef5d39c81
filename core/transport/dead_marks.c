/* SPDX-License-Identifier: Apache-2.0 */
/* dead_marks - see dead_marks.h. Everybody holds a lock on the file while reading or writing it. It
 * is written anew in place: one that is cut short by a crash has fewer marks, which is allowed. */
#include "dead_marks.h"
#include "base/buf.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct mark {
    uint64_t number, seen_ms, warned_ms;
    bool there;
};

struct dead_marks {
    struct mark *mark; /* by number, each once */
    size_t n, cap;
    size_t read; /* bytes of the file that are in it */
};

static int open_locked(const char *path, int how)
{
    int fd = open_private(path, O_RDWR | O_APPEND);
    if (fd < 0)
        return fd;
    while (flock(fd, how) < 0) {
        if (errno != EINTR) {
            int r = -errno;
            (void)close(fd);
            return r;
        }
    }
    return fd;
}

static int add_line(struct buf *b, bool seen, uint64_t number, uint64_t ms)
{
    return buf_addf(b, "%s %" PRIu64 " %" PRIu64 "\n", seen ? "seen" : "warned", number, ms);
}

int dead_marks_add(const char *path, bool seen, const uint64_t *numbers, size_t n, uint64_t ms)
{
    struct buf b = BUF_INIT(DEAD_MARKS_MAX);
    struct stat st;
    int r = 0;
    if (n == 0)
        return 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_line(&b, seen, numbers[i], ms);
    _cleanup_close_ int fd = r == 0 ? open_locked(path, LOCK_EX) : -1;
    if (r == 0 && fd < 0)
        r = fd;
    if (r == 0 && fstat(fd, &st) < 0)
        r = -errno;
    if (r == 0 && (size_t)st.st_size + b.len > DEAD_MARKS_MAX)
        r = -EFBIG;
    if (r == 0)
        r = write_all(fd, b.p, b.len);
    buf_done(&b);
    return r;
}

/* ---- reading ---- */

static bool take_line(const char *line, struct mark *ret)
{
    char what[8];
    uint64_t ms;
    int end = 0;
    *ret = (struct mark){0};
    if (sscanf(line, "%7s %" SCNu64 " %" SCNu64 "%n", what, &ret->number, &ms, &end) != 3 ||
        line[end] != '\n')
        return false;
    if (strcmp(what, "seen") == 0)
        ret->seen_ms = ms;
    else if (strcmp(what, "warned") == 0)
        ret->warned_ms = ms;
    return ret->seen_ms || ret->warned_ms;
}

static int by_number(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* The latest look counts, and the first warning. */
static void fold(struct dead_marks *m)
{
    size_t kept = 0;
    if (m->n)
        qsort(m->mark, m->n, sizeof *m->mark, by_number);
    for (size_t i = 0; i < m->n; i++) {
        struct mark *last = kept ? &m->mark[kept - 1] : NULL, *x = &m->mark[i];
        if (!last || last->number != x->number) {
            m->mark[kept++] = *x;
            continue;
        }
        if (x->seen_ms > last->seen_ms)
            last->seen_ms = x->seen_ms;
        if (x->warned_ms && (!last->warned_ms || x->warned_ms < last->warned_ms))
            last->warned_ms = x->warned_ms;
    }
    m->n = kept;
}

static int take_text(struct dead_marks *m, const char *text)
{
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n');
        struct mark x;
        if (take_line(line, &x)) {
            void *p = m->mark;
            int r = grow_array(&p, &m->cap, m->n + 1, sizeof *m->mark);
            m->mark = p;
            if (r < 0)
                return r;
            m->mark[m->n++] = x;
        }
        if (!end)
            break;
        line = end + 1;
    }
    fold(m);
    return 0;
}

int dead_marks_read(const char *path, struct dead_marks **ret, struct err *e)
{
    struct dead_marks *m = xcalloc(1, sizeof *m);
    _cleanup_free_ char *text = NULL;
    if (!m)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    _cleanup_close_ int fd = open_locked(path, LOCK_SH);
    int r = fd < 0 ? fd : read_fd(fd, 2 * DEAD_MARKS_MAX, &text, &m->read);
    if (r == 0)
        r = take_text(m, text);
    if (r < 0) {
        dead_marks_free(m);
        return err_set(e, r, "dead-marks", "%s: %s", path, strerror(-r));
    }
    *ret = m;
    return 0;
}

void dead_marks_free(struct dead_marks *m)
{
    if (!m)
        return;
    free(m->mark);
    free(m);
}

void dead_marks_find(struct dead_marks *m, uint64_t number, uint64_t *ret_seen_ms,
                     uint64_t *ret_warned_ms)
{
    const struct mark key = {.number = number};
    struct mark *x = m->n ? bsearch(&key, m->mark, m->n, sizeof key, by_number) : NULL;
    *ret_seen_ms = x ? x->seen_ms : 0;
    *ret_warned_ms = x ? x->warned_ms : 0;
    if (x)
        x->there = true;
}

/* ---- tidying ---- */

static int write_anew(const struct dead_marks *m, int fd)
{
    struct buf b = BUF_INIT(2 * DEAD_MARKS_MAX);
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : read_fd(fd, 2 * DEAD_MARKS_MAX, &text, &len);
    for (size_t i = 0; r == 0 && i < m->n; i++) {
        const struct mark *x = &m->mark[i];
        if (x->there && x->seen_ms)
            r = add_line(&b, true, x->number, x->seen_ms);
        if (r == 0 && x->there && x->warned_ms)
            r = add_line(&b, false, x->number, x->warned_ms);
    }
    if (r == 0 && len > m->read)
        r = buf_add(&b, text + m->read, len - m->read);
    if (r == 0 && ftruncate(fd, 0) < 0)
        r = -errno;
    if (r == 0)
        r = write_all(fd, b.p, b.len);
    buf_done(&b);
    return r;
}

int dead_marks_tidy(struct dead_marks *m, const char *path, struct err *e)
{
    _cleanup_close_ int fd = open_locked(path, LOCK_EX);
    int r = fd < 0 ? fd : write_anew(m, fd);
    return r < 0 ? err_set(e, r, "dead-marks", "%s: %s", path, strerror(-r)) : 0;
}
