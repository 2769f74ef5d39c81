/* SPDX-License-Identifier: Apache-2.0 */
/* engine - starts, kills and restarts a transport engine for tests and benchmarks. A test names
 * destinations and clients; which engine runs is the fixture's business (REEVE_ENGINE: spool, the
 * default, or amqp).
 *
 * amqp: one RabbitMQ for the whole program (contrib/servers/rabbitmq), which goes when the program
 * ends, however it ends; REEVE_RABBITMQ=DIR names one that runs already and is left running. Each
 * engine_init() has a virtual host of its own, and each client a user with the least rights. */
#ifndef TESTS_LIB_ENGINE_H
#define TESTS_LIB_ENGINE_H
#include "transport/transport.h"
#include <stdbool.h>
#include <sys/types.h>

#define ENGINE_DESTS 16

struct engine_dest {
    const char *name;
    bool strict;
    uint64_t limit_messages, limit_bytes;
};

struct engine {
    char dir[64]; /* its own; removed at the end */
    char socket[128], part[128];
    pid_t pid;
    struct engine_dest dests[ENGINE_DESTS];
    size_t n;
    uint64_t message_max; /* 0: default */
    char vhost[64];       /* amqp */
};

/* Makes the directory. dests end with a NULL name. 0, or -1 with the reason printed. */
int engine_init(struct engine *g, const struct engine_dest *dests);
int engine_start(struct engine *g); /* and waits until it accepts clients */
void engine_kill(struct engine *g); /* SIGKILL */
int engine_stop(struct engine *g);  /* SIGTERM; its exit status */
void engine_done(struct engine *g); /* kills and removes everything */
long engine_rss_kb(const struct engine *g);
long engine_rss_limit_kb(void); /* what it may need whatever waits in it */
unsigned engine_wait_ms(void);  /* how long a test waits before it gives up: a restart fits in */
const char *engine_name(void);
/* Does the engine know this figure of transport_status()? If not it leaves it out. */
bool engine_tells(const char *figure);
/* A client. name "all": may publish, consume everything, and is an admin. name "DEST.deliver": may
 * consume DEST only. name "source": may only publish. */
struct transport *engine_open(struct engine *g, const char *name,
                              const struct transport_events *events);
/* Runs t for at most ms, or until *flag >= want. */
void engine_run(struct transport *t, const unsigned *flag, unsigned want, unsigned ms);

#endif
