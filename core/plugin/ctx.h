/* SPDX-License-Identifier: Apache-2.0 */
/* ctx - what is inside reeve_ctx; for the host services of this room only. */
#ifndef REEVE_PLUGIN_CTX_H
#define REEVE_PLUGIN_CTX_H
#include "host.h"
#include <stdarg.h>

struct http_client;

struct reeve_ctx {
    const struct plugin *plugin;
    const struct tree *options;
    const struct host_ops *ops; /* never NULL: an empty table stands in */
    void *host;
    uint64_t message_max, done_ms;
    char reason[ERR_TEXT_MAX];
    uint64_t retry_after;
    struct http_client *http; /* made when first needed */
};

/* Text of a plugin for people: formatted, cut at a whole character, control characters escaped. */
void host_text(char out[ERR_TEXT_MAX], const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* The service is not there in this host: says so in the log, once a call. */
void host_missing(const struct reeve_ctx *ctx, const char *service);

#endif
