/* SPDX-License-Identifier: Apache-2.0 */
/* engine_kind - what the fixture of one engine gives to engine.c; the rules are those of engine.h.
 */
#ifndef TESTS_LIB_ENGINE_KIND_H
#define TESTS_LIB_ENGINE_KIND_H
#include "lib/engine.h"
#include "base/digest.h"
#include <string.h>

struct engine_kind {
    int (*init)(struct engine *g); /* the directory and dests are there */
    int (*start)(struct engine *g);
    int (*end)(struct engine *g, int sig); /* exit status where there is one, else 0 */
    void (*clean)(struct engine *g);       /* its files; the directory itself goes afterwards */
    int (*part)(struct engine *g, const char *name, struct tree *part); /* a client's */
    unsigned wait_ms;
    long rss_limit_kb;
    const char *const *untold; /* figures it does not know, NULL at the end */
};
extern const struct engine_kind engine_spool, engine_amqp;

/* The client's secret: any will do here. */
static inline const char *engine_token(const char *name, char out[SHA256_HEX])
{
    sha256_hex(name, strlen(name), out);
    return out;
}
/* [{"name","order","limit_messages","limit_bytes"}] */
struct tree *engine_dest_list(const struct engine *g);

#endif
