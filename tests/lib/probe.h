/* SPDX-License-Identifier: Apache-2.0 */
/* probe - a transport client that remembers everything it was told, for tests. Engine-neutral. */
#ifndef TESTS_LIB_PROBE_H
#define TESTS_LIB_PROBE_H
#include "lib/engine.h"

#define PROBE_TAGS 100000

struct probe_job {
    struct transport_job *job; /* NULL once settled */
    char id[64], destination[64];
    uint32_t attempts;
    size_t len;
    unsigned char first, last; /* bytes of the event */
    uint64_t first_ms, at_ms;  /* mono */
};

struct probe {
    struct engine *engine;
    struct transport *t;
    unsigned confirmed, failed, jobs, settled, twice; /* twice: tags that ended more than once */
    bool usable;
    unsigned losses, told; /* told: by transport_pause_all() */
    bool told_paused;
    char why[256], code[64], text[512]; /* last loss; last failure */
    unsigned char ended[PROBE_TAGS];    /* 1 confirmed, 2 failed */
    struct probe_job *got;
    size_t got_cap;
    bool settle_done; /* settle each job at once */
};

/* Opens a client and waits until it is usable (unless name is one that never will be: see
 * probe_open_only). */
void probe_open(struct probe *p, struct engine *g, const char *name);
void probe_open_only(struct probe *p, struct engine *g, const char *name);
void probe_close(struct probe *p);
/* Publishes, running while the window is full. */
void probe_publish(struct probe *p, uint64_t tag, const char *id, const char *event, size_t len,
                   const char *const *destinations, size_t n);
void probe_send(struct probe *p, uint64_t tag, const char *destination); /* id "m<tag>", 20 bytes */
void probe_wait(struct probe *p, const unsigned *counter,
                unsigned want); /* engine_wait_ms(); fails the test */
void probe_idle(struct probe *p, unsigned ms);
void probe_settle(struct probe *p, size_t i, enum settle how, uint64_t delay_ms, const char *code);
struct tree *probe_status(struct probe *p);
uint64_t probe_figure(struct probe *p, const char *destination, const char *figure);

#endif
