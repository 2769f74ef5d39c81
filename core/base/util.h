/* SPDX-License-Identifier: Apache-2.0 */
/* util - the small helpers everything uses: cleanup attributes, sizes, durations, names. */
#ifndef REEVE_BASE_UTIL_H
#define REEVE_BASE_UTIL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_freep(void *p)
{
    free(*(void **)p);
}
static inline void cleanup_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define _cleanup_free_  __attribute__((cleanup(cleanup_freep), unused))
#define _cleanup_close_ __attribute__((cleanup(cleanup_closep), unused))
#define TAKE_PTR(p)                    \
    (__extension__({                   \
        __typeof__(p) take_ptr_ = (p); \
        (p) = NULL;                    \
        take_ptr_;                     \
    }))
#define TAKE_FD(fd)          \
    (__extension__({         \
        int take_fd_ = (fd); \
        (fd) = -1;           \
        take_fd_;            \
    }))

/* calloc(n, size) that checks the product; NULL when out of memory. free() it. */
void *xcalloc(size_t n, size_t size);
/* Grows *arr (elements of `size` bytes) to hold at least `want`; doubles. 0 or -ENOMEM (unchanged).
 */
int grow_array(void **arr, size_t *cap, size_t want, size_t size);

/* Time. The two clocks never mix: mono for deadlines, wall for what people read. */
uint64_t mono_ms(void);
uint64_t boot_ms(void); /* runs on while the machine sleeps, which mono_ms() does not */
uint64_t mono_us(void); /* the same clock, for how long something took */
uint64_t wall_ms(void); /* since 1970 UTC */
#define RFC3339_MAX 32
void rfc3339_ms(uint64_t wall, char out[RFC3339_MAX]); /* "2026-01-15T09:30:00.123Z" */
/* Strict RFC 3339 date-time (section 5.6), ranges and month lengths checked, second 60 allowed
 * where the RFC does. ret_wall (may be NULL) gets milliseconds since 1970. 0 or -EINVAL. */
int rfc3339_parse(const char *s, size_t len, int64_t *ret_wall);

/* "90s" "5m" "2h" "3d" "250ms" "14d": milliseconds. "10M" "64k" "1G" "512": bytes (powers of 1024).
 * 0 or -EINVAL. */
int parse_duration_ms(const char *s, uint64_t *ret_ms);
int parse_bytes(const char *s, uint64_t *ret_bytes);
/* What people write for a point in time: RFC 3339, a date (its first moment, UTC), a date and a
 * time of day in UTC ("2026-01-31T09:30"), or how long ago ("2h"). Milliseconds since 1970; 0 or
 * -EINVAL.
 */
int parse_when(const char *s, uint64_t now_ms, uint64_t *ret_ms);
int parse_i64(const char *s, int64_t *ret);      /* whole string, decimal */
void format_duration(uint64_t ms, char out[32]); /* "2h 5m", "350ms": for people */

/* The name of `names` (n of them) nearest to `s` by edit distance, or NULL when none is near enough
 * to suggest. */
const char *did_you_mean(const char *s, const char *const *names, size_t n);

bool utf8_valid(const char *p, size_t len);
/* Appends p to out (cap bytes, always terminated) with control characters, quotes of no use and bad
 * UTF-8 written as \xNN: for logs and messages, where nothing from outside may stand unescaped.
 * Returns out. */
char *escape_text(char *out, size_t cap, const char *p, size_t len);

/* Writes all, or fails: handles short writes and EINTR. 0 or negative errno. */
int write_all(int fd, const void *p, size_t len);
/* Whole file into memory, at most max bytes (-EFBIG). free() it. The memory is zero-terminated. */
int read_file(const char *path, size_t max, char **ret, size_t *ret_len);
int read_fd(int fd, size_t max, char **ret, size_t *ret_len);
/* Opens a regular file, making it when it is not there; mode 0600 whatever the umask says, also
 * when it was another. No link is followed. A descriptor, or negative errno. */
int open_private(const char *path, int flags);
/* Creates the directory and its parents with mode 0700, whatever the umask says. 0 or negative
 * errno. */
int make_dirs(const char *path);
/* An unlinked, empty, read-write file in dir (O_TMPFILE, or mkstemp + unlink where the file system
 * lacks it). */
int unlinked_file(const char *dir);
/* dir + "/" + name unless name is absolute. free() it; NULL when out of memory. */
char *path_join(const char *dir, const char *name);

/* Hash of bytes for in-memory tables (not for security; seeded once per process). */
uint64_t hash_bytes(const void *p, size_t len);

#endif
