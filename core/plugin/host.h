/* SPDX-License-Identifier: Apache-2.0 */
/* host - the inside of the opaque types of reeve/plugin.h, for whoever hosts plugins: the worker,
 * `decode`, `plugin try`.
 *
 * The host services (host_*.c) are thin: what they need from their host they ask through host_ops.
 * All in the plugin thread. */
#ifndef REEVE_PLUGIN_HOST_H
#define REEVE_PLUGIN_HOST_H
#include "base/buf.h"
#include "base/door_end.h"
#include "base/err.h"
#include "base/tree.h"
#include "loader.h"
#include "message/message.h"

struct reeve_msg {
    struct message *m; /* reeve_msg and message are one to one */
};
/* Takes m. NULL when out of memory (m is freed then). */
reeve_msg *host_msg_wrap(struct message *m);
struct message *host_msg_unwrap(reeve_msg *msg); /* takes msg apart: the message is the caller's */

/* What a host provides. Any may be NULL: the service then fails with "not available here". */
struct host_ops {
    void (*issue)(void *host, const struct reeve_issue *issue);
    reeve_rc (*submit)(void *host, uint64_t token, const char *content_type, const char *name,
                       int fd, const void *p, size_t len);
    reeve_rc (*submit_request)(void *host, reeve_req *req, uint64_t token);
    int (*wait)(void *host, int fd, uint64_t ms);
    bool (*stop_asked)(void *host); /* polled by long services (http) */
    int (*state_get)(void *host, const char *key, const void **ret,
                     size_t *ret_len); /* 0 or -ENOENT … */
    int (*state_put)(void *host, const char *key, const void *p, size_t len);
    void (*count)(void *host, const char *metric, uint64_t add);
    void (*gauge)(void *host, const char *metric, double value);
};

struct reeve_ctx; /* one instance: options, reason of the last failure, its http handles */
/* options: normalised (core/README.md "Options"): key -> list of texts, or map for REEVE_T_MAP;
 * borrowed. Nothing is copied but the pointers: plugin, options, ops and host must outlive it. */
reeve_ctx *host_ctx_new(const struct plugin *p, const struct tree *options,
                        const struct host_ops *ops, void *host, uint64_t message_max);
/* What reeve_limit("done") says: how long the plugin keeps what it is through with, in ms. */
void host_ctx_keep_done(reeve_ctx *ctx, uint64_t ms);
void host_ctx_free(reeve_ctx *ctx);
const char *
host_ctx_reason(const reeve_ctx *ctx); /* of reeve_fail(), "" when none since host_ctx_clear() */
uint64_t host_ctx_retry_after(const reeve_ctx *ctx); /* ms, 0 = none */
void host_ctx_clear(reeve_ctx *ctx);                 /* before each callback */
/* Defaults from the option table for options that were not given: the normalised form, checked. For
 * hosts without a plan
 * (`decode`, `plugin try -o k=v`). Codes: "option-unknown" (did-you-mean), "option-value",
 * "option-required". */
int host_options(const struct plugin *p, const char *const *key_values, size_t n, struct tree **ret,
                 struct err *e);

struct reeve_out {
    int (*emit)(void *arg, struct message *m); /* takes m; non-zero: stop */
    void (*refuse)(void *arg, const char *subject);
    void *arg;
};

struct reeve_reader { /* a document: from memory, or from a descriptor */
    const char *p;    /* memory; NULL: fd */
    size_t len, at;
    int fd;           /* borrowed; read with pread from `at` */
    const char *name; /* may be NULL */
    const struct door_header *headers;
    size_t headers_n;
    struct buf all; /* of reeve_read_all(); host_reader_done() frees */
    int error;      /* negative errno of a failed read */
    char peek[64];  /* the first bytes, zero-terminated */
};
void host_reader_memory(reeve_reader *r, const char *p, size_t len);
void host_reader_fd(reeve_reader *r, int fd);
void host_reader_done(reeve_reader *r);

struct reeve_req { /* one pushed request; the worker's door side fills it */
    const char *method, *path, *query;
    const struct door_header *headers;
    size_t headers_n;
    const char *body; /* memory, or NULL and body_fd */
    size_t body_len;
    int body_fd;
    void *host; /* the worker's */
};

struct reeve_job {
    reeve_msg msg; /* unwrapped view: .m borrowed */
    uint32_t attempt;
    const char *destination;
    struct buf body;       /* encoded bytes */
    struct tree *settings; /* of reeve_buf_set(): map */
    bool settled;
    reeve_rc rc;
    uint64_t after_ms;
    char reason[ERR_TEXT_MAX];
    void *host;
};

/* The verdict that a number stands for: one that is not known is RETRY. Its name: "OK" "RETRY" … */
reeve_rc host_verdict(reeve_rc rc);
const char *host_verdict_name(reeve_rc rc);

struct reeve_report {
    uint64_t accepted, refused, fresh, changed, unchanged, warnings, errors;
    const char *receipt; /* hex */
    const char *text;    /* for people: a line an issue */
    const char *json;    /* as answered at the door */
};

struct reeve_buf {
    struct buf *out;
    struct tree *settings;
};

#endif
