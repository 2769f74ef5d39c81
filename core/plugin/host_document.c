/* SPDX-License-Identifier: Apache-2.0 */
/* host_document - documents being read, requests, and what became of submissions. */
#include "ctx.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#define READ_STEP (64u << 10)

void host_reader_memory(reeve_reader *r, const char *p, size_t len)
{
    *r = (reeve_reader){.p = p ? p : "", .len = p ? len : 0, .fd = -1};
    memcpy(r->peek, r->p, r->len < sizeof r->peek ? r->len : sizeof r->peek - 1);
}

void host_reader_fd(reeve_reader *r, int fd)
{
    *r = (reeve_reader){.fd = fd};
    if (pread(fd, r->peek, sizeof r->peek - 1, 0) < 0)
        r->peek[0] = '\0'; /* the first read will say why */
}

void host_reader_done(reeve_reader *r)
{
    buf_done(&r->all);
}

ptrdiff_t reeve_read(reeve_reader *r, void *p, size_t len)
{
    if (r->error)
        return -1;
    if (len > READ_STEP * 64u)
        len = READ_STEP * 64u;
    if (r->p) {
        size_t left = r->len - r->at;
        if (len > left)
            len = left;
        if (len > 0)
            memcpy(p, r->p + r->at, len);
        r->at += len;
        return (ptrdiff_t)len;
    }
    ssize_t n;
    do
        n = pread(r->fd, p, len, (off_t)r->at);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        r->error = -errno;
        return -1;
    }
    r->at += (size_t)n;
    return n;
}

const void *reeve_read_all(reeve_reader *r, size_t max, size_t *len)
{
    buf_done(&r->all);
    buf_init(&r->all, max < SIZE_MAX - READ_STEP ? max + READ_STEP : SIZE_MAX);
    if (r->p && r->len - r->at > max)
        return NULL;
    for (;;) {
        size_t step = r->p && r->len - r->at > 0 ? r->len - r->at : READ_STEP;
        if (r->all.len > max || buf_reserve(&r->all, step) < 0)
            return NULL;
        ptrdiff_t n = reeve_read(r, r->all.p + r->all.len, step);
        if (n < 0)
            return NULL;
        if (n == 0)
            break;
        r->all.len += (size_t)n;
    }
    if (r->all.len > max)
        return NULL;
    r->all.p[r->all.len] = '\0';
    if (len)
        *len = r->all.len;
    return r->all.p;
}

static const char *find_header(const struct door_header *headers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(headers[i].name, name) == 0)
            return headers[i].value;
    }
    return NULL;
}

const char *reeve_reader_get(const reeve_reader *r, const char *what)
{
    if (strcmp(what, "name") == 0)
        return r->name;
    if (strcmp(what, "peek") == 0)
        return r->peek;
    return strncmp(what, "h:", 2) == 0 ? find_header(r->headers, r->headers_n, what + 2) : NULL;
}

const char *reeve_reader_header(const reeve_reader *r, size_t i, const char **value)
{
    if (i >= r->headers_n)
        return NULL;
    if (value)
        *value = r->headers[i].value;
    return r->headers[i].name;
}

const char *reeve_req_get(const reeve_req *req, const char *what)
{
    if (strcmp(what, "method") == 0)
        return req->method;
    if (strcmp(what, "path") == 0)
        return req->path;
    if (strcmp(what, "query") == 0)
        return req->query;
    return strncmp(what, "h:", 2) == 0 ? find_header(req->headers, req->headers_n, what + 2) : NULL;
}

uint64_t reeve_report_count(const reeve_report *r, const char *what)
{
    const struct {
        const char *what;
        uint64_t n;
    } counts[] = {
        {"accepted", r->accepted}, {"refused", r->refused},     {"new", r->fresh},
        {"changed", r->changed},   {"unchanged", r->unchanged}, {"warnings", r->warnings},
        {"errors", r->errors},
    };
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        if (strcmp(what, counts[i].what) == 0)
            return counts[i].n;
    }
    return 0;
}

const char *reeve_report_get(const reeve_report *r, const char *what)
{
    if (strcmp(what, "receipt") == 0)
        return r->receipt;
    if (strcmp(what, "text") == 0)
        return r->text;
    return strcmp(what, "json") == 0 ? r->json : NULL;
}
