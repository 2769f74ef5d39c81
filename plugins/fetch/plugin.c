/* SPDX-License-Identifier: Apache-2.0 */
/* fetch - a source that asks for documents: one URL on a schedule, page after page where there are
 * several.
 *
 * What is remembered commits with the messages of the document it is about, or not at all. A URL
 * without pages: its validators and the digest of what came, so that what has not changed gives
 * nothing, also when the server does not know. With pages: the URL of the next, so that a crash in
 * the middle goes on there; what comes twice is found by the hub. */
#include "fetch.h"
#include "lib/mono.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_MAX (64u << 20) /* of a page in which the next is looked for */

/* "url" LF etag LF modified LF digest: of the document that was taken last */
#define KEY_SEEN "seen"
/* the page to begin with */
#define KEY_NEXT "next"

struct fetch {
    struct transfer *transfer;
    char url[URL_MAX];    /* the next to ask for */
    uint64_t due;         /* mono ms */
    uint64_t token, open; /* of the submission that is under way; 0: none */
    uint64_t pages;       /* of this round */
    uint64_t *came;       /* their digests, to notice a circle */
};

static reeve_rc fetch_open(reeve_ctx *ctx, void **inst)
{
    char why[WHY_MAX];
    const char *url = reeve_conf(ctx, "url", 0), *next = reeve_conf(ctx, "next", 0);
    if (url_check(url, why, sizeof why) < 0)
        return reeve_fail(ctx, REEVE_FATAL, "url: %s", why);
    if (ssh_is(url) && ssh_check(ctx) != REEVE_OK)
        return REEVE_FATAL;
    if (next && strcmp(next, "link") != 0 && *next != '/')
        return reeve_fail(ctx, REEVE_FATAL, "next: link or a JSON pointer (/links/next)");
    struct fetch *f = calloc(1, sizeof *f);
    if (f != NULL)
        f->came = calloc((size_t)reeve_conf_int(ctx, "pages") + 1, sizeof *f->came);
    if (f == NULL || f->came == NULL) {
        free(f);
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    }
    f->transfer = transfer_new(ctx);
    if (f->transfer == NULL) {
        free(f->came);
        free(f);
        return REEVE_FATAL;
    }
    *inst = f;
    return REEVE_OK;
}

static void fetch_close(reeve_ctx *ctx, void *inst)
{
    struct fetch *f = inst;
    (void)ctx;
    transfer_free(f->transfer);
    free(f->came);
    free(f);
}

/* ---- what is remembered ---- */

/* One line of the state from *p on, into to[]. */
static void line(const char **p, const char *end, char *to, size_t size)
{
    const char *lf = memchr(*p, '\n', (size_t)(end - *p));
    size_t n = (size_t)((lf ? lf : end) - *p);
    (void)snprintf(to, size, "%.*s", (int)(n < size ? n : 0), *p);
    *p = lf ? lf + 1 : end;
}

/* What is known of the URL, from before. */
static void recall(reeve_ctx *ctx, const char *url, struct validators *v, char digest[65])
{
    size_t len = 0;
    char of[URL_MAX];
    const char *p = reeve_state_get(ctx, KEY_SEEN, &len), *end = p ? p + len : p;
    *v = (struct validators){0};
    digest[0] = '\0';
    if (p == NULL)
        return;
    line(&p, end, of, sizeof of);
    if (strcmp(of, url) != 0)
        return;
    line(&p, end, v->etag, sizeof v->etag);
    line(&p, end, v->modified, sizeof v->modified);
    line(&p, end, digest, 65);
}

static int note(reeve_ctx *ctx, const char *url, const struct validators *v, const char *digest)
{
    char text[URL_MAX + 2 * FIELD_MAX + 80];
    int n = snprintf(text, sizeof text, "%s\n%s\n%s\n%s", url, v->etag, v->modified, digest);
    return n > 0 && (size_t)n < sizeof text ? reeve_state_put(ctx, KEY_SEEN, text, (size_t)n) : -1;
}

/* Where a round begins: with the page that it came to before the process ended, if it is still of
 * the same source. */
static void begin_round(reeve_ctx *ctx, struct fetch *f)
{
    size_t len = 0;
    const char *url = reeve_conf(ctx, "url", 0);
    const char *p = reeve_conf(ctx, "next", 0) ? reeve_state_get(ctx, KEY_NEXT, &len) : NULL;
    f->pages = 0;
    (void)snprintf(f->url, sizeof f->url, "%s", url);
    if (p != NULL && len > 0 && len < URL_MAX) {
        char next[URL_MAX];
        (void)snprintf(next, sizeof next, "%.*s", (int)len, p);
        if (url_same_origin(next, url))
            memcpy(f->url, next, URL_MAX);
    }
}

/* ---- pages ---- */

static int next_by_pointer(int fd, const char *pointer, char to[URL_MAX], char *why, size_t size)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size == 0 || st.st_size > PAGE_MAX) {
        (void)snprintf(why, size, "a page is empty or larger than %u MiB", PAGE_MAX >> 20);
        return -1;
    }
    char *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        (void)snprintf(why, size, "out of memory");
        return -1;
    }
    int rc = pointer_next(p, (size_t)st.st_size, pointer, to, why, size);
    (void)munmap(p, (size_t)st.st_size);
    return rc;
}

/* FNV-1a: enough to notice that a page's address has come before. */
static uint64_t address(const char *url)
{
    uint64_t h = 14695981039346656037u;
    for (; *url; url++)
        h = (h ^ (unsigned char)*url) * 1099511628211u;
    return h;
}

static bool came_before(struct fetch *f, const char *url)
{
    uint64_t a = address(url);
    for (uint64_t i = 0; i < f->pages; i++) {
        if (f->came[i] == a)
            return true;
    }
    return false;
}

/* The page behind this one in to[]. 1, 0: it is the last, or -1 with why[]. */
static int find_next(reeve_ctx *ctx, struct fetch *f, const struct document *d, char to[URL_MAX],
                     char *why, size_t size)
{
    const char *how = reeve_conf(ctx, "next", 0);
    char found[URL_MAX];
    f->came[f->pages++] = address(f->url);
    int rc = strcmp(how, "link") == 0 ? link_next(d->link, found)
                                      : next_by_pointer(d->fd, how, found, why, size);
    if (rc <= 0)
        return rc;
    if (url_resolve(d->url, found, to) < 0) {
        (void)snprintf(why, size, "the next page is no URL: %.*s", URL_SHOWN(found));
    } else if (!url_same_origin(to, reeve_conf(ctx, "url", 0))) {
        (void)snprintf(why, size, "the next page is elsewhere: %.*s", URL_SHOWN(to));
    } else if (came_before(f, to)) {
        (void)snprintf(why, size, "the pages go round: %.*s came before", URL_SHOWN(to));
    } else if (f->pages >= (uint64_t)reeve_conf_int(ctx, "pages")) {
        (void)snprintf(why, size, "there are more than %llu pages", (unsigned long long)f->pages);
    } else {
        return 1;
    }
    return -1;
}

/* ---- one document ---- */

/* Unpacks in place: *d then has the bytes as the adapter wants them. */
static int unpacked(reeve_ctx *ctx, struct document *d, char *why, size_t size)
{
    if (strstr(d->encoding, "gzip") == NULL && !is_gzip(d->fd)) {
        if (*d->encoding == '\0' || strcmp(d->encoding, "identity") == 0)
            return 0;
        (void)snprintf(why, size, "the content encoding %.40s is not known", d->encoding);
        return -1;
    }
    int to = nameless_file();
    if (to < 0) {
        (void)snprintf(why, size, "%s", strerror(-to));
        return -1;
    }
    if (unpack(d->fd, to, (uint64_t)reeve_conf_int(ctx, "max_size"), why, size) < 0) {
        (void)close(to);
        return -1;
    }
    (void)close(d->fd);
    d->fd = to;
    return 0;
}

/* The last part of the path, without a query. */
static void name_of(const char *url, char *name, size_t size)
{
    size_t n = strcspn(url, "?#"), from = n;
    while (from > 0 && url[from - 1] != '/')
        from--;
    (void)snprintf(name, size, "%.*s", (int)(n - from < 200 ? n - from : 200), url + from);
}

/* Hands the document on; takes its descriptor. */
static reeve_rc submit(reeve_ctx *ctx, struct fetch *f, struct document *d)
{
    char name[256];
    name_of(d->url, name, sizeof name);
    int fd = d->fd;
    d->fd = -1;
    reeve_rc rc = reeve_submit(ctx, f->token + 1, *d->type ? d->type : NULL,
                               *name ? name : "fetched", fd, NULL, 0);
    if (rc == REEVE_OK)
        f->open = ++f->token;
    return rc == REEVE_OK ? rc : reeve_fail(ctx, REEVE_RETRY, "the hub takes nothing now");
}

static void rest(reeve_ctx *ctx, struct fetch *f)
{
    f->due = monotonic_ms() + (uint64_t)reeve_conf_int(ctx, "every");
    f->url[0] = '\0';
}

static reeve_rc whole(reeve_ctx *ctx, struct fetch *f, struct document *d, const char *known)
{
    char digest[65];
    if (file_digest(d->fd, digest) < 0)
        return reeve_fail(ctx, REEVE_RETRY, "the document cannot be read back");
    reeve_rc rc = strcmp(digest, known) == 0 ? REEVE_OK : submit(ctx, f, d);
    if (rc == REEVE_OK && note(ctx, f->url, &d->v, digest) != 0)
        rc = reeve_fail(ctx, REEVE_RETRY, "the state cannot be kept");
    if (rc == REEVE_OK)
        rest(ctx, f);
    return rc;
}

static reeve_rc page(reeve_ctx *ctx, struct fetch *f, struct document *d)
{
    char why[WHY_MAX] = "", next[URL_MAX] = "";
    int more = find_next(ctx, f, d, next, why, sizeof why);
    reeve_rc rc = submit(ctx, f, d);
    if (rc != REEVE_OK) {
        f->pages--;
        return rc;
    }
    if (reeve_state_put(ctx, KEY_NEXT, more > 0 ? next : NULL, more > 0 ? strlen(next) : 0) != 0)
        return reeve_fail(ctx, REEVE_RETRY, "the state cannot be kept");
    if (more > 0)
        memcpy(f->url, next, URL_MAX);
    else
        rest(ctx, f);
    if (more < 0) /* this page is taken all the same; the round ends here */
        reeve_log(ctx, 3, "%s", why);
    return REEVE_OK;
}

static reeve_rc get(reeve_ctx *ctx, struct fetch *f)
{
    char why[WHY_MAX] = "", digest[65] = "";
    struct validators known = {0};
    struct document d;
    bool pages = reeve_conf(ctx, "next", 0) != NULL;
    if (!pages)
        recall(ctx, f->url, &known, digest);
    reeve_rc rc = transfer_run(f->transfer, ctx, f->url, reeve_conf(ctx, "url", 0), &known, &d);
    if (rc == REEVE_OK && d.unmodified) {
        rest(ctx, f);
        return rc;
    }
    if (rc == REEVE_OK && unpacked(ctx, &d, why, sizeof why) < 0)
        rc = reeve_fail(ctx, REEVE_RETRY, "%.*s: %s", URL_SHOWN(d.url), why);
    if (rc == REEVE_OK)
        rc = pages ? page(ctx, f, &d) : whole(ctx, f, &d, digest);
    if (d.fd >= 0)
        (void)close(d.fd);
    return rc;
}

/* ---- the plugin ---- */

static reeve_rc fetch_poll(reeve_ctx *ctx, void *inst)
{
    struct fetch *f = inst;
    uint64_t now = monotonic_ms();
    if (f->open || now < f->due) { /* what is noted commits between two calls */
        uint64_t until = f->open || f->due > now + 1000 ? now + 1000 : f->due;
        int waited = 0;
        while (waited == 0 && (now = monotonic_ms()) < until) {
            bool was_open = f->open != 0;
            waited = reeve_wait(ctx, -1, was_open ? 5 : until - now);
            if (was_open && !f->open)
                break;
        }
        return REEVE_OK;
    }
    if (f->url[0] == '\0')
        begin_round(ctx, f);
    reeve_rc rc = get(ctx, f);
    if (rc != REEVE_OK)
        f->url[0] = '\0'; /* begins again where the state says */
    return rc;
}

static void fetch_settled(reeve_ctx *ctx, void *inst, uint64_t token, reeve_rc rc,
                          const reeve_report *report)
{
    struct fetch *f = inst;
    if (f->open == token)
        f->open = 0;
    if (rc == REEVE_OK)
        return;
    reeve_log(ctx, rc == REEVE_REJECT ? 3 : 4, "the document was not taken: %s",
              reeve_report_get(report, "text"));
    if (rc != REEVE_REJECT) { /* nothing was noted: ask again, soon */
        f->url[0] = '\0';
        f->due = monotonic_ms() + 1000;
    }
}

static reeve_rc fetch_check(reeve_ctx *ctx, void *inst)
{
    struct fetch *f = inst;
    struct document d;
    const struct validators none = {0};
    const char *url = reeve_conf(ctx, "url", 0);
    reeve_rc rc = transfer_run(f->transfer, ctx, url, url, &none, &d);
    if (rc == REEVE_OK)
        (void)close(d.fd);
    return rc;
}

static const struct reeve_option options[] = {
    {.key = "url",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_REQUIRED | REEVE_OPT_RECEIVE,
     .help = "What to fetch: http, https, sftp or file."},
    {.key = "every",
     .type = REEVE_T_SECONDS,
     .def = "1h",
     .allowed = "100ms..30d",
     .flags = REEVE_OPT_RECEIVE,
     .help = "How long to rest after a document or the last page."},
    {.key = "next",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_RECEIVE,
     .help = "Where a page says which is the next: link (the header field), or a JSON pointer."},
    {.key = "pages",
     .type = REEVE_T_INT,
     .def = "10000",
     .allowed = "1..100000",
     .flags = REEVE_OPT_RECEIVE,
     .help = "With next: a round ends after so many."},
    {.key = "headers",
     .type = REEVE_T_MAP,
     .flags = REEVE_OPT_RECEIVE,
     .help = "Header fields to send to the host of the URL."},
    {.key = "bearer",
     .type = REEVE_T_SECRET,
     .flags = REEVE_OPT_RECEIVE,
     .help = "Token for Authorization: Bearer."},
    {.key = "basic",
     .type = REEVE_T_SECRET,
     .flags = REEVE_OPT_RECEIVE,
     .help = "USER:PASSWORD for Authorization: Basic; bearer goes before it."},
    {.key = "user",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_RECEIVE,
     .help = "sftp: who we are there."},
    {.key = "key",
     .type = REEVE_T_PATH,
     .flags = REEVE_OPT_RECEIVE,
     .help = "sftp: file of our private key, without a passphrase."},
    {.key = "password",
     .type = REEVE_T_SECRET,
     .flags = REEVE_OPT_RECEIVE,
     .help = "sftp: our password, instead of a key."},
    {.key = "known_hosts",
     .type = REEVE_T_PATH,
     .flags = REEVE_OPT_RECEIVE,
     .help = "sftp: file of the servers' keys to trust, as ssh has it."},
    {.key = "ca",
     .type = REEVE_T_PATH,
     .flags = REEVE_OPT_RECEIVE,
     .help = "File of the certificates to trust, instead of the system's."},
    {.key = "timeout",
     .type = REEVE_T_SECONDS,
     .def = "60s",
     .allowed = "1s..1h",
     .flags = REEVE_OPT_RECEIVE,
     .help = "How long nothing may come before the connection counts as broken."},
    {.key = "max_size",
     .type = REEVE_T_BYTES,
     .def = "4G",
     .allowed = "1..",
     .flags = REEVE_OPT_RECEIVE,
     .help = "The largest document, also when it is unpacked."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "fetch", .version = "1.0",
             .summary = "asks for documents on a schedule (http, https, sftp, file)",
             .options = options, .open = fetch_open, .close = fetch_close, .check = fetch_check,
             .poll = fetch_poll, .settled = fetch_settled);
