/* SPDX-License-Identifier: Apache-2.0 */
/* stage - see stage.h. A record in either place: 4 bytes of length (native order: it never leaves
 * the process), then its bytes. */
#include "stage.h"
#include "base/buf.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define RECORD_MAX (256u << 20)
#define READ_AHEAD (256u << 10)

struct stage {
    char *dir;
    int fd;             /* -1 while all is in memory */
    struct buf memory;  /* not yet written, or everything */
    struct buf window;  /* reading from the file: a piece of it */
    uint64_t written;   /* bytes in the file */
    uint64_t count, at; /* records; position of the reader */
    uint64_t window_at;
};

struct stage *stage_new(const char *dir)
{
    struct stage *s = xcalloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->fd = -1;
    buf_init(&s->memory, SIZE_MAX / 2);
    buf_init(&s->window, SIZE_MAX / 2);
    if (dir && !(s->dir = strdup(dir))) {
        free(s);
        return NULL;
    }
    return s;
}

void stage_free(struct stage *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        (void)close(s->fd);
    buf_done(&s->memory);
    buf_done(&s->window);
    free(s->dir);
    free(s);
}

static int spill(struct stage *s, struct err *e)
{
    if (s->memory.len < STAGE_MEMORY_MAX || !s->dir)
        return 0;
    int rc = 0;
    if (s->fd < 0) {
        rc = make_dirs(s->dir);
        s->fd = rc < 0 ? rc : unlinked_file(s->dir);
        if (s->fd < 0) {
            rc = s->fd;
            s->fd = -1;
            return err_set(e, rc, "stage-write", "%s: %s", s->dir, strerror(-rc));
        }
    }
    rc = write_all(s->fd, s->memory.p, s->memory.len);
    if (rc < 0)
        return err_set(e, rc, "stage-write", "a file in %s: %s", s->dir, strerror(-rc));
    s->written += s->memory.len;
    buf_reset(&s->memory);
    return 0;
}

int stage_add(struct stage *s, const void *a, size_t a_len, const void *b, size_t b_len,
              struct err *e)
{
    if (a_len > RECORD_MAX || b_len > RECORD_MAX - a_len)
        return err_set(e, -EFBIG, "too-large", "a record of %zu bytes cannot be staged",
                       a_len + b_len);
    uint32_t len = (uint32_t)(a_len + b_len);
    if (buf_reserve(&s->memory, sizeof(len) + len) < 0)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    (void)buf_add(&s->memory, &len, sizeof(len));
    (void)buf_add(&s->memory, a, a_len);
    if (b_len)
        (void)buf_add(&s->memory, b, b_len);
    s->count++;
    return spill(s, e);
}

/* Makes the bytes [at, at + want) of the stage available, from memory or through the window. */
static int look(struct stage *s, uint64_t at, size_t want, const uint8_t **ret, struct err *e)
{
    if (at >= s->written) {
        *ret = (const uint8_t *)s->memory.p + (at - s->written);
        return 0;
    }
    if (at >= s->window_at && at + want <= s->window_at + s->window.len) {
        *ret = (const uint8_t *)s->window.p + (at - s->window_at);
        return 0;
    }
    size_t n = want > READ_AHEAD ? want : READ_AHEAD;
    if (n > s->written - at)
        n = (size_t)(s->written - at);
    buf_reset(&s->window);
    if (n < want || buf_reserve(&s->window, n) < 0)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    for (size_t got = 0; got < n;) {
        ssize_t k = pread(s->fd, s->window.p + got, n - got, (off_t)(at + got));
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return err_set(e, -EIO, "stage-read", "the staged submission cannot be read back: %s",
                           k < 0 ? strerror(errno) : "it is cut short");
        got += (size_t)k;
    }
    s->window.len = n;
    s->window_at = at;
    *ret = (const uint8_t *)s->window.p;
    return 0;
}

int stage_next(struct stage *s, const uint8_t **ret, size_t *ret_len, struct err *e)
{
    if (s->at >= s->written + s->memory.len)
        return 0;
    const uint8_t *p;
    uint32_t len;
    int rc = look(s, s->at, sizeof(len), &p, e);
    if (rc < 0)
        return rc;
    memcpy(&len, p, sizeof(len));
    rc = look(s, s->at, sizeof(len) + len, &p, e);
    if (rc < 0)
        return rc;
    s->at += sizeof(len) + len;
    *ret = p + sizeof(len);
    *ret_len = len;
    return 1;
}

void stage_rewind(struct stage *s)
{
    s->at = 0;
}

uint64_t stage_tell(const struct stage *s)
{
    return s->at;
}

void stage_seek(struct stage *s, uint64_t at)
{
    s->at = at;
}

uint64_t stage_count(const struct stage *s)
{
    return s->count;
}

uint64_t stage_bytes(const struct stage *s)
{
    return s->written + s->memory.len;
}

size_t stage_memory(const struct stage *s)
{
    return stage_bytes(s) < STAGE_MEMORY_MAX ? (size_t)stage_bytes(s) : STAGE_MEMORY_MAX;
}
