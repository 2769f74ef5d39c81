/* SPDX-License-Identifier: Apache-2.0 */
/* config - the door's part of the plan, checked. */
#ifndef REEVE_DOOR_CONFIG_H
#define REEVE_DOOR_CONFIG_H
#include "base/digest.h"
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct door_tokens {
    uint8_t (*digest)[SHA256_LEN]; /* SHA-256 of each token */
    size_t n;
};

struct door_path {
    const char *path;      /* "/grants": begins with a slash, does not end with one */
    const char *connector; /* for logs and figures */
    const char *socket;    /* of the source worker */
    uint64_t max_body;
    struct door_tokens bearer; /* that open it; none: open to all */
    bool console;              /* the console's pages: it asks by itself who somebody is */
};

struct door_config {
    const struct tree *part; /* borrowed; lives as long as this */
    const char *hub, *stage;
    char *stage_path;
    struct sockaddr_storage address;
    socklen_t address_len;
    const char *listen, *certificate, *key; /* certificate NULL: plain HTTP, loopback only */
    bool behind_proxy;
    bool local; /* nobody but this machine reaches the door: loopback, and no proxy in front */
    struct door_tokens metrics; /* that open /-/metrics; none: only when local */
    uint64_t deadline_ms, keep_free;
    unsigned max_connections;
    struct door_path *path; /* the console's, if there is one, is the last */
    size_t paths;
};

/* Code "door-…"; the process should exit with EXIT_CONFIG then. */
int door_config_read(const struct tree *part, struct door_config **ret, struct err *e);
void door_config_free(struct door_config *c);
bool address_is_loopback(const struct sockaddr_storage *a);
/* "127.0.0.1:8480", "[::1]:8480", ":8480" (all addresses). 0 or -EINVAL. */
int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len);

#endif
