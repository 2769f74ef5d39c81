/* SPDX-License-Identifier: Apache-2.0 */
/* peers - the servers that the hub is a client of (RabbitMQ, PostgreSQL): where they are, who signs
 * their certificate (`ca`, `tls`), who we are (`user`, `password`, `certificate`, `key`). Private
 * to this room. */
#ifndef REEVE_CONFIG_PEERS_H
#define REEVE_CONFIG_PEERS_H
#include "compile.h"

#define PEERS_MAX       16u
#define PEERS_WHERE_MAX 96

struct peers {
    const char *section, *engine;     /* the map that says it: `amqp` of `transport` */
    const char *alone, *alone_is;     /* what the section may say instead: "spool", in words */
    const char *sample;               /* of the section, for messages */
    const char *key;                  /* which lists them: "brokers" */
    const char *one, *noun, *example; /* for messages: "a broker", "broker", an address */
    const char *carries;              /* what crosses the network beside the password */
    const char *plain_code;           /* code of: TLS is missing */
    int port, port_tls;
    bool sockets; /* the directory of a Unix socket will do, and the system says who we are then */
};

struct peer {
    char host[256];
    int port;
    bool here, socket; /* this machine; a directory */
};

/* The section's word or map; reports. The map of the engine; NULL: there is none. */
const struct tree *peers_choose(struct compile *c, const struct peers *p,
                                const struct field *fields);
void peers_check(struct compile *c, const struct peers *p); /* addresses and TLS; reports */
/* A password with its user, or a certificate with its key, or both. map: where they stand; at: the
 * place for their absence; who: for messages. */
void peers_check_login(struct compile *c, const struct peers *p, const struct tree *map,
                       const struct tree *at, const char *who);

/* A key of the map, as written; and the path of that key below c->raw. */
const struct tree *peers_of(const struct compile *c, const struct peers *p, const char *key);
void peers_where(const struct peers *p, const char *key, char out[PEERS_WHERE_MAX]);
bool peers_bool(struct compile *c, const struct peers *p, const char *key, bool def);
bool peers_tls(const struct compile *c, const struct peers *p); /* its authority is named */
size_t peers_count(const struct compile *c, const struct peers *p);
/* Whether the i-th could be read and is fit; what is wrong is reported. */
bool peers_read(struct compile *c, const struct peers *p, size_t i, struct peer *ret);
bool peers_all_sockets(struct compile *c, const struct peers *p);

#endif
