/* SPDX-License-Identifier: Apache-2.0 */
/* plan - `reeve plan OLD NEW`: two configurations side by side. What its files share.
 *
 * plan_config.c opens a configuration for replaying; plan_replay.c sends the journal's messages
 * through both and groups what differs; plan_reach.c says which party could get what;
 * plan_differs.c names what a replay cannot show; plan_report.c writes the result as a tree, and
 * plan_print.c that tree for people. One thread. */
#ifndef REEVE_CLI_PLAN_H
#define REEVE_CLI_PLAN_H
#include "base/err.h"
#include "base/map.h"
#include "base/tree.h"
#include "journal/journal.h"
#include "routing/route.h"
#include <stdbool.h>
#include <stdio.h>

/* ---- plan_config.c ---- */
struct plan_destination {
    const char *name;
    const struct tree *party; /* of the sink's part; NULL: the deliver side is not enabled */
    const char *party_name;   /* "" then */
    bool personal;            /* it may get messages about people today */
};
struct plan_config {
    const char *path; /* as it was given */
    struct tree *plan;
    const char *hub;
    char *root; /* directory that paths are relative to */
    struct route_table *routes;
    struct route_work *work;
    struct plan_destination *destination; /* the index is that of struct route_hit */
    size_t n;
    uint32_t *unrouted; /* destinations of what matches nothing */
    size_t unrouted_n;
    const char *drop; /* or the reason why there is none */
};
/* Takes the plan. Codes of route_table_build(), "out-of-memory". */
int plan_config_open(const char *path, struct tree *plan, struct plan_config *ret, struct err *e);
void plan_config_done(struct plan_config *c);
/* The part of a source that receives, by connector; NULL: none. Else that with the same path at the
 * door, if like is given. */
const struct tree *plan_source(const struct plan_config *c, const char *connector,
                               const struct tree *like);
/* The index of a destination, or -1. */
int plan_destination(const struct plan_config *c, const char *name);

/* ---- plan_reach.c: who may get what ---- */
struct reach;
struct reach *reach_new(void);
void reach_free(struct reach *r);
/* What the configurations allow. describe: gives the description of a module's file. */
int reach_possible(struct reach *r, const struct plan_config c[2],
                   int (*describe)(void *arg, const char *file, struct tree **ret, struct err *e),
                   void *arg, struct err *e);
struct reach_message {
    const char *type, *from;                            /* from: the sending party */
    const char *category, *classification, *regulation; /* data classes, or NULL */
    bool personal;
};
/* Counts a replayed message for everyone who would get it: to (n destinations of configuration
 * `side`, 0 = old). */
int reach_count(struct reach *r, const struct plan_config *c, int side,
                const struct reach_message *m, const uint32_t *to, size_t n);
/* {"newly_possible": [...], "no_longer_possible": [...]}: lists by party, put into t. */
int reach_report(const struct reach *r, const struct plan_config c[2], struct tree *t);

/* ---- plan_replay.c ---- */
struct replay;
struct replay *replay_new(const struct plan_config c[2], struct reach *reach);
void replay_free(struct replay *r);
/* A message of the journal through both. 0 or -ENOMEM. What cannot be read is counted. */
int replay_message(struct replay *r, const struct journal_taken *m);
uint64_t replay_count(const struct replay *r);
/* Messages that would become unroutable. */
uint64_t replay_unroutable(const struct replay *r);
/* Puts what was counted into t. */
int replay_report(const struct replay *r, struct tree *t);

/* ---- plan_differs.c ---- */
/* {"differences": [{"name": "hub" | process, "what": [...]}]} put into t: what has the same name
 * and is not the same, as far as a replay of routes does not show it. */
int differs_report(const struct plan_config c[2], struct tree *t);

/* ---- plan_print.c ---- */
void plan_print(const struct tree *report, FILE *out, bool colours);

#endif
