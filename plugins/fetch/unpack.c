/* SPDX-License-Identifier: Apache-2.0 */
/* unpack - see fetch.h. */
#include "fetch.h"
#include "lib/write_whole.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK 65536u

int nameless_file(void)
{
    const char *dir = getenv("TMPDIR");
    if (dir == NULL || *dir != '/')
        dir = "/var/tmp"; /* /tmp may be memory */
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd >= 0 ? fd : -errno;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/reeve-fetch-XXXXXX", dir);
    fd = n > 0 && (size_t)n < sizeof path ? mkostemp(path, O_CLOEXEC) : -1;
    if (fd < 0)
        return -errno;
    (void)unlink(path);
    return fd;
}

bool is_gzip(int fd)
{
    unsigned char magic[2];
    return pread(fd, magic, sizeof magic, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

static int fail(char *why, size_t size, const char *text)
{
    (void)snprintf(why, size, "%s", text);
    return -1;
}

struct unpacking {
    z_stream z;
    int from, to;
    uint64_t max, made;
    off_t at;
    bool whole; /* a member has just ended */
    unsigned char in[CHUNK], out[CHUNK];
};

/* What inflate() makes of the input that is there. 0, or -1 with why[]. */
static int some(struct unpacking *u, char *why, size_t size)
{
    while (u->z.avail_in > 0) {
        if (u->whole && inflateReset(&u->z) != Z_OK)
            return fail(why, size, "it is damaged");
        u->whole = false;
        int z = Z_OK;
        do {
            u->z.next_out = u->out;
            u->z.avail_out = sizeof u->out;
            z = inflate(&u->z, Z_NO_FLUSH);
            size_t n = sizeof u->out - u->z.avail_out;
            if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
                return fail(why, size, "it is packed and damaged");
            if (n > u->max - u->made)
                return fail(why, size, "it unpacks to more than max_size");
            u->made += n;
            int r = write_whole(u->to, u->out, n);
            if (r < 0)
                return fail(why, size, strerror(-r));
        } while (z == Z_OK && u->z.avail_out == 0);
        u->whole = z == Z_STREAM_END;
        if (!u->whole && u->z.avail_in > 0)
            return fail(why, size, "it is packed and damaged");
    }
    return 0;
}

static int all(struct unpacking *u, char *why, size_t size)
{
    for (;;) {
        ssize_t n = pread(u->from, u->in, sizeof u->in, u->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(why, size, strerror(errno));
        if (n == 0)
            return u->whole ? 0 : fail(why, size, "it is packed and cut short");
        u->at += n;
        u->z.next_in = u->in;
        u->z.avail_in = (uInt)n;
        if (some(u, why, size) < 0)
            return -1;
    }
}

int unpack(int from, int to, uint64_t max, char *why, size_t size)
{
    struct unpacking *u = calloc(1, sizeof *u);
    if (u == NULL || inflateInit2(&u->z, 15 + 16) != Z_OK) {
        free(u);
        return fail(why, size, "out of memory");
    }
    u->from = from;
    u->to = to;
    u->max = max;
    int rc = all(u, why, size);
    (void)inflateEnd(&u->z);
    free(u);
    return rc;
}

int file_digest(int fd, char out[65])
{
    unsigned char piece[16384], sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    ssize_t got = 0;
    off_t at = 0;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL);
    while (ok && (got = pread(fd, piece, sizeof piece, at)) > 0) {
        ok = EVP_DigestUpdate(c, piece, (size_t)got);
        at += got;
    }
    ok = ok && got == 0 && EVP_DigestFinal_ex(c, sum, &n) && n == 32;
    EVP_MD_CTX_free(c);
    for (unsigned i = 0; ok && i < n; i++)
        (void)snprintf(out + (size_t)2 * i, 3, "%02x", sum[i]);
    return ok ? 0 : -1;
}
