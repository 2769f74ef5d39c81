/* SPDX-License-Identifier: Apache-2.0 */
/* planning - what the files that write the plan share (plan*.c); nobody else includes it. */
#ifndef REEVE_CONFIG_PLANNING_H
#define REEVE_CONFIG_PLANNING_H
#include "compile.h"

struct process {
    char name[NAME_LEN_MAX + 16];
    const char *kind;
    struct tree *part;
};

struct planning {
    struct compile *c;
    uint8_t key[SHA256_LEN];
    char *run;
    const char *hub;
    uint64_t message_max, keep_free;
    struct process *processes;
    size_t n;
    int r; /* first failure; everything after it does nothing */
};

/* ---- plan.c: building; the first failure stays in p->r ---- */
void keep(struct planning *p, int r);
void put(struct planning *p, struct tree *map, const char *key, struct tree *value); /* takes it */
void put_text(struct planning *p, struct tree *map, const char *key, const char *text);
void put_number(struct planning *p, struct tree *map, const char *key, uint64_t n);
void put_socket(struct planning *p, struct tree *map, const char *name);
/* Former names, with an end that makes process names of them; nothing when there are none. */
void put_was(struct planning *p, struct tree *map, const struct connector *x, const char *end);
struct tree *retention_tree(struct planning *p, const char *kind);
/* A process more; its part, to be filled in. */
struct tree *part_new(struct planning *p, const char *name, const char *kind);

/* ---- plan_queues.c: the process that keeps the queues, and how the others reach them ---- */
struct tree *transport_tree(struct planning *p, const char *process);
void add_queues(struct planning *p);

/* ---- plan_door.c, plan_alarms.c ---- */
bool pushed(const struct side *s); /* its documents come by way of the door */
void add_door(struct planning *p);
void add_console(struct planning *p);
struct tree *alarms_tree(struct planning *p);

#endif
