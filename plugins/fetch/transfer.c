/* SPDX-License-Identifier: Apache-2.0 */
/* transfer - see fetch.h. One document into a nameless file, through libcurl.
 *
 * Where a connection breaks, the rest is asked for with Range and If-Range (RFC 9110
 * sections 13.1.5 and 14): the server sends it only if the document is still the same, else all of
 * it anew. A weak entity tag cannot say that, so without a strong one or a date the document is
 * begun again.
 *
 * Redirections are followed here and not by libcurl, which would hand the operator's header fields
 * to whoever is named in them. */
#include "fetch.h"
#include "lib/mono.h"
#include "lib/write_whole.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define REDIRECTIONS_MAX 5u
#define BREAKS_MAX       5u /* one after the other, without a byte in between */
#define PAUSE_MS         1000u
#define LOOK_MS          200u
#define ERROR_BODY_MAX   65536u

/* What the header of an answer says. */
struct answer {
    long status; /* 0: none yet, or not HTTP */
    char etag[FIELD_MAX], modified[FIELD_MAX], type[FIELD_MAX], encoding[FIELD_MAX];
    char range[FIELD_MAX], retry_after[FIELD_MAX], link[FIELD_MAX * 4];
};

struct transfer {
    CURL *easy;
    char error[CURL_ERROR_SIZE];
    /* of one run */
    reeve_ctx *ctx;
    struct answer answer;
    struct validators of; /* what is in the file so far */
    int fd;
    uint64_t have, max, looked;
    size_t ignored; /* bytes of an answer that is an error */
    bool begun;     /* this answer's first byte has come */
    bool reached;   /* SFTP: the file is there, and */
    bool resumed;   /* the rest of it was asked for */
    bool stop, changed, large;
    int disk; /* errno, or 0 */
};

struct transfer *transfer_new(reeve_ctx *ctx)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (t != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        t->easy = curl_easy_init();
    if (t != NULL && t->easy != NULL)
        return t;
    free(t);
    (void)reeve_fail(ctx, REEVE_FATAL, "out of memory");
    return NULL;
}

void transfer_free(struct transfer *t)
{
    if (t == NULL)
        return;
    curl_easy_cleanup(t->easy);
    free(t);
}

/* ---- what libcurl calls ---- */

static void take_field(const char *line, size_t len, const char *name, char *to, size_t size)
{
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return;
    line += n + 1;
    len -= n + 1;
    while (len > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    while (len > 0 && strchr(" \t\r\n", line[len - 1]))
        len--;
    if (len < size) /* a longer one is as good as none */
        (void)snprintf(to, size, "%.*s", (int)len, line);
}

static size_t on_header(char *line, size_t one, size_t len, void *user)
{
    struct transfer *t = user;
    struct answer *a = &t->answer;
    (void)one;
    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
        *a = (struct answer){0};
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a->status);
        t->begun = false;
        t->ignored = 0;
    }
    take_field(line, len, "etag", a->etag, sizeof a->etag);
    take_field(line, len, "last-modified", a->modified, sizeof a->modified);
    take_field(line, len, "content-type", a->type, sizeof a->type);
    take_field(line, len, "content-encoding", a->encoding, sizeof a->encoding);
    take_field(line, len, "content-range", a->range, sizeof a->range);
    take_field(line, len, "retry-after", a->retry_after, sizeof a->retry_after);
    take_field(line, len, "link", a->link, sizeof a->link);
    return len;
}

/* Does a part go on exactly where the file ends, with the same document? */
static bool goes_on(const struct transfer *t)
{
    unsigned long long from = 0;
    const struct answer *a = &t->answer;
    return sscanf(a->range, "bytes %llu-", &from) == 1 && from == t->have &&
           (*a->etag == '\0' || *t->of.etag == '\0' || strcmp(a->etag, t->of.etag) == 0);
}

/* The first byte of a document or of the rest of it. */
static bool begin(struct transfer *t)
{
    t->begun = true;
    if (t->resumed)
        return true;
    if (t->answer.status == 206) {
        t->changed = t->have == 0 || !goes_on(t); /* or nobody asked for a part */
        return !t->changed;
    }
    t->have = 0; /* all of it comes */
    if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
        t->disk = errno;
    (void)snprintf(t->of.etag, FIELD_MAX, "%s", t->answer.etag);
    (void)snprintf(t->of.modified, FIELD_MAX, "%s", t->answer.modified);
    return t->disk == 0;
}

static size_t on_body(char *p, size_t one, size_t len, void *user)
{
    struct transfer *t = user;
    long status = t->answer.status;
    (void)one;
    if (status != 0 && status != 200 && status != 206) {
        t->ignored += len;
        return t->ignored > ERROR_BODY_MAX ? 0 : len;
    }
    if (!t->begun && !begin(t))
        return 0;
    if (len > t->max - t->have) {
        t->large = true;
        return 0;
    }
    int r = write_whole(t->fd, p, len);
    if (r < 0) {
        t->disk = -r;
        return 0;
    }
    t->have += len;
    return len;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct transfer *t = user;
    (void)a, (void)b, (void)c, (void)d;
    if (monotonic_ms() - t->looked < LOOK_MS)
        return 0;
    t->looked = monotonic_ms();
    t->stop = reeve_wait(t->ctx, -1, 0) < 0;
    return t->stop ? 1 : 0;
}

/* ---- one request ---- */

static struct curl_slist *add(struct curl_slist *list, const char *name, const char *value)
{
    char line[FIELD_MAX + 64];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    return n > 0 && (size_t)n < sizeof line ? curl_slist_append(list, line) : list;
}

/* The strong validator of what is in the file, or NULL. */
static const char *strong(const struct validators *v)
{
    if (*v->etag)
        return strncmp(v->etag, "W/", 2) == 0 ? NULL : v->etag;
    return *v->modified ? v->modified : NULL;
}

static struct curl_slist *fields(struct transfer *t, bool ours, const struct validators *known)
{
    struct curl_slist *list = add(NULL, "Accept-Encoding", "gzip");
    const char *name;
    for (size_t i = 0; ours && (name = reeve_conf_key(t->ctx, "headers", i)) != NULL; i++)
        list = add(list, name, reeve_conf(t->ctx, "headers", i));
    if (t->have > 0 && strong(&t->of))
        return add(list, "If-Range", strong(&t->of));
    if (*known->etag)
        list = add(list, "If-None-Match", known->etag);
    if (*known->modified)
        list = add(list, "If-Modified-Since", known->modified);
    return list;
}

static void credentials(struct transfer *t)
{
    const char *bearer = reeve_conf(t->ctx, "bearer", 0), *basic = reeve_conf(t->ctx, "basic", 0);
    if (bearer) {
        (void)curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        (void)curl_easy_setopt(t->easy, CURLOPT_XOAUTH2_BEARER, bearer);
    } else if (basic) {
        (void)curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        (void)curl_easy_setopt(t->easy, CURLOPT_USERPWD, basic);
    }
}

static void range(struct transfer *t)
{
    char from[32];
    if (t->have == 0)
        return;
    (void)snprintf(from, sizeof from, "%llu-", (unsigned long long)t->have);
    (void)curl_easy_setopt(t->easy, CURLOPT_RANGE, from);
}

static void prepare(struct transfer *t, const char *url)
{
    CURL *c = t->easy;
    const char *ca = reeve_conf(t->ctx, "ca", 0);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,file");
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "reeve");
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 15L);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME,
                           (long)((reeve_conf_int(t->ctx, "timeout") + 999) / 1000));
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    if (ca)
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, ca);
}

static CURLcode request_http(struct transfer *t, bool ours, const struct validators *known)
{
    struct curl_slist *list = fields(t, ours, known);
    (void)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, list);
    range(t);
    if (ours)
        credentials(t);
    CURLcode rc = curl_easy_perform(t->easy);
    curl_slist_free_all(list);
    return rc;
}

/* The file is looked at before and behind: what was written to meanwhile is asked for again. */
static CURLcode request_ssh(struct transfer *t, const struct validators *known)
{
    char behind[FIELD_MAX];
    ssh_prepare(t->easy, t->ctx);
    CURLcode rc = (CURLcode)ssh_look(t->easy, t->answer.modified);
    if (rc != CURLE_OK)
        return rc;
    t->reached = true;
    if (strcmp(t->of.modified, t->answer.modified) != 0)
        t->have = 0;
    if (t->have == 0 && strcmp(known->modified, t->answer.modified) == 0) {
        t->answer.status = 304; /* what an HTTP server would say */
        return CURLE_OK;
    }
    t->resumed = t->have > 0;
    range(t);
    rc = curl_easy_perform(t->easy);
    if (rc == CURLE_OK)
        rc = (CURLcode)ssh_look(t->easy, behind);
    t->changed = rc == CURLE_OK && strcmp(behind, t->answer.modified) != 0;
    return t->changed ? CURLE_PARTIAL_FILE : rc;
}

static CURLcode request(struct transfer *t, const char *url, bool ours,
                        const struct validators *known)
{
    t->answer = (struct answer){0};
    t->begun = t->stop = t->changed = t->large = t->reached = t->resumed = false;
    t->ignored = 0;
    t->error[0] = '\0';
    if (t->have > 0 && !strong(&t->of))
        t->have = 0;
    curl_easy_reset(t->easy); /* keeps the connections */
    prepare(t, url);
    return ssh_is(url) ? request_ssh(t, known) : request_http(t, ours, known);
}

/* ---- what became of it ---- */

enum outcome { DONE, AGAIN, LEADS, FAILED };

static const char *words(const struct transfer *t, CURLcode rc)
{
    return *t->error ? t->error : curl_easy_strerror(rc);
}

/* Retry-After (RFC 9110 section 10.2.3): seconds or an HTTP date; a day at most. */
static uint64_t after_ms(const char *text)
{
    const uint64_t day = 86400;
    uint64_t s = 0;
    if (*text && strspn(text, "0123456789") == strlen(text)) {
        s = strlen(text) > 6 ? day : strtoull(text, NULL, 10);
    } else {
        time_t when = curl_getdate(text, NULL), now = time(NULL);
        s = when > now ? (uint64_t)(when - now) : 0;
    }
    return (s < day ? s : day) * 1000;
}

/* An answer that is neither a document nor a part of one, nor a redirection. */
static reeve_rc refused(struct transfer *t, const char *url)
{
    long s = t->answer.status;
    if (*t->answer.retry_after)
        reeve_retry_after(t->ctx, after_ms(t->answer.retry_after));
    bool theirs = s == 408 || (s >= 500 && s != 503);
    return reeve_fail(t->ctx, theirs ? REEVE_RETRY : REEVE_DOWN, "%.*s answers HTTP %ld",
                      URL_SHOWN(url), s);
}

/* libcurl could not end it. */
static enum outcome broke(struct transfer *t, const char *url, CURLcode code, uint64_t before,
                          unsigned *breaks, reeve_rc *rc)
{
    if (t->stop)
        *rc = reeve_fail(t->ctx, REEVE_RETRY, "asked to stop");
    else if (t->disk)
        *rc = reeve_fail(t->ctx, REEVE_RETRY, "the document cannot be kept: %s", strerror(t->disk));
    else if (t->large)
        *rc = reeve_fail(t->ctx, REEVE_DOWN, "%.*s is larger than max_size", URL_SHOWN(url));
    else if (t->answer.status >= 400)
        *rc = refused(t, url);
    else if (!t->changed && !t->reached && t->answer.status == 0 && code != CURLE_GOT_NOTHING &&
             code != CURLE_RECV_ERROR && code != CURLE_OPERATION_TIMEDOUT)
        *rc = reeve_fail(t->ctx, REEVE_DOWN, "%.*s: %s", URL_SHOWN(url), words(t, code));
    else {
        *breaks = t->have > before ? 1 : *breaks + 1;
        if (t->changed)
            t->have = 0;
        if (*breaks <= BREAKS_MAX && reeve_wait(t->ctx, -1, PAUSE_MS) >= 0)
            return AGAIN;
        *rc = reeve_fail(t->ctx, REEVE_RETRY,
                         "%.*s broke off %u times, the last time after %llu "
                         "bytes: %s",
                         URL_SHOWN(url), *breaks, (unsigned long long)t->have, words(t, code));
    }
    return FAILED;
}

static enum outcome answered(struct transfer *t, const char *url, reeve_rc *rc)
{
    switch (t->answer.status) {
    case 0: /* not HTTP */
    case 200:
        if (!t->begun)
            (void)begin(t); /* it is empty */
        return DONE;
    case 206:
    case 304:
        return DONE;
    case 416: /* there is no such rest */
        if (t->have == 0)
            break;
        t->have = 0;
        return AGAIN;
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return LEADS;
    default:
        break;
    }
    *rc = refused(t, url);
    return FAILED;
}

static enum outcome lead(struct transfer *t, char url[URL_MAX], unsigned *n, reeve_rc *rc)
{
    char *to = NULL;
    char next[URL_MAX];
    (void)curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
    t->have = 0;
    if (to == NULL)
        *rc = refused(t, url);
    else if (++*n > REDIRECTIONS_MAX)
        *rc = reeve_fail(t->ctx, REEVE_DOWN, "more than %u redirections", REDIRECTIONS_MAX);
    else if (url_resolve(url, to, next) < 0)
        *rc = reeve_fail(t->ctx, REEVE_DOWN, "%.*s leads to what is no URL", URL_SHOWN(url));
    else if (!url_may_lead(url, next))
        *rc = reeve_fail(t->ctx, REEVE_DOWN, "%.*s leads to %.*s, which is not followed",
                         URL_SHOWN(url), URL_SHOWN(next));
    else {
        memcpy(url, next, URL_MAX);
        return AGAIN;
    }
    return FAILED;
}

static reeve_rc loop(struct transfer *t, char url[URL_MAX], const char *origin,
                     const struct validators *known)
{
    unsigned redirections = 0, breaks = 0, tries = 0;
    reeve_rc rc = REEVE_RETRY;
    for (;;) {
        uint64_t before = t->have;
        bool ours = url_same_origin(url, origin);
        CURLcode code = request(t, url, ours, known);
        enum outcome o =
            code == CURLE_OK ? answered(t, url, &rc) : broke(t, url, code, before, &breaks, &rc);
        if (o == LEADS)
            o = lead(t, url, &redirections, &rc);
        if (o == DONE)
            return REEVE_OK;
        if (o == FAILED)
            return rc;
        if (++tries > 1000)
            return reeve_fail(t->ctx, REEVE_RETRY, "%.*s never ends", URL_SHOWN(url));
    }
}

reeve_rc transfer_run(struct transfer *t, reeve_ctx *ctx, const char *url, const char *origin,
                      const struct validators *known, struct document *ret)
{
    *ret = (struct document){.fd = nameless_file()};
    if (ret->fd < 0)
        return reeve_fail(ctx, REEVE_RETRY, "no place for the document: %s", strerror(-ret->fd));
    t->ctx = ctx;
    t->fd = ret->fd;
    t->have = 0;
    t->disk = 0;
    t->of = (struct validators){0};
    t->max = (uint64_t)reeve_conf_int(ctx, "max_size");
    (void)snprintf(ret->url, URL_MAX, "%s", url);
    reeve_rc rc = loop(t, ret->url, origin, known);
    ret->unmodified = rc == REEVE_OK && t->answer.status == 304;
    if (rc != REEVE_OK || ret->unmodified) {
        (void)close(ret->fd);
        ret->fd = -1;
        return rc;
    }
    ret->v = t->of;
    (void)snprintf(ret->type, sizeof ret->type, "%s", t->answer.type);
    (void)snprintf(ret->encoding, sizeof ret->encoding, "%s", t->answer.encoding);
    (void)snprintf(ret->link, sizeof ret->link, "%s", t->answer.link);
    return REEVE_OK;
}
