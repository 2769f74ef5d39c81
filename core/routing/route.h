/* SPDX-License-Identifier: Apache-2.0 */
/* route - the route table: which destinations does a message go to, and why. Pure: no I/O, no
 * clock.
 *
 * All matching routes apply; a destination named by several gets one copy. A route that has `first`
 * gives the destinations of its first alternative whose condition holds (none: the route matched
 * nothing). A message that no route sends anywhere is unrouted. Indexed by equality and IN on the
 * selective attributes, so that routes that cannot match cost nothing. */
#ifndef REEVE_ROUTING_ROUTE_H
#define REEVE_ROUTING_ROUTE_H
#include "base/err.h"
#include "base/tree.h"
#include "cesql.h"

struct route_table; /* immutable after building: shared by threads */

/* From the plan (core/README.md, "routes"): a list of
 *   {"name": "referrals", "match": {"type": ["client.referral"]}, "when": "…", "to": ["a"],
 *    "first": [{"match": …, "when": …, "to": […]}, …]}   every `match` value is a list of texts;
 * match and when both must hold. destinations: names, in the order of the plan; indices below refer
 * to it. Codes: "cesql-parse", "route-destination" (unknown), "route-form". */
int route_table_build(const struct tree *routes, const char *const *destinations, size_t n,
                      struct route_table **ret, struct err *e);
void route_table_free(struct route_table *t);
size_t route_table_count(const struct route_table *t);
const char *route_name(const struct route_table *t, size_t route);

struct route_hit { /* why one destination was chosen: the first route, in file order, that names it
                    */
    uint32_t destination, route;
    int32_t alternative; /* of `first`, 0-based; -1: the route's own `to` */
};
struct route_work; /* scratch of one thread for one table */
struct route_work *route_work_new(const struct route_table *t);
void route_work_free(struct route_work *w);

struct route_attribute { /* one attribute of the event; all borrowed; the name is lower case
                            (CloudEvents section 3.1) */
    const char *name;
    size_t name_len;
    struct value value;
};
/* Returns the number of hits (0 = unrouted), in order of destination index; *ret is borrowed from
 * the work until the next call. */
size_t route_eval(const struct route_table *t, struct route_work *w,
                  const struct route_attribute *a, size_t n, const struct route_hit **ret);
/* The same without the index: every route tried in turn. For tests and for explain. Same result,
 * always. */
size_t route_eval_plain(const struct route_table *t, struct route_work *w,
                        const struct route_attribute *a, size_t n, const struct route_hit **ret);

/* What decided, for people and as a tree (owned by the caller): a list with one map a route:
 * {"route", "matched": bool, "alternative": n?, "destinations": […], "decided": {"predicate":
 * "amount > 1000", "value": "amount = 250", "result": "false", "errors": ["missingAttribute"]?}}.
 * The predicate is the smallest sub-expression that decided: the first false operand of an AND, the
 * true one of an OR, else the whole. Runs the same programs as route_eval. */
int route_explain(const struct route_table *t, struct route_work *w,
                  const struct route_attribute *a, size_t n, struct tree **ret);

/* ---- what is possible when only some attributes are known ---- */
enum route_known { ROUTE_UNKNOWN, ROUTE_KNOWN_PRESENT, ROUTE_KNOWN_ABSENT, ROUTE_KNOWN_VALUE };
struct route_fact {
    const char *name; /* lower case */
    enum route_known known;
    struct value value; /* ROUTE_KNOWN_VALUE */
};
#define ROUTE_NONE UINT32_MAX
/* Which destinations a message may reach of which this is known; others: what is known of every
 * other attribute (not a value). ret_route (one element a destination) gets the first route by
 * which it may, or ROUTE_NONE: then it cannot, whatever the other attributes are. *ret_unrouted: it
 * may match nothing. Errs towards possible where attributes depend on each other. 0 or -ENOMEM. */
int route_possible(const struct route_table *t, const struct route_fact *f, size_t n,
                   enum route_known others, uint32_t *ret_route, bool *ret_unrouted);
/* Every text that a condition compares this attribute with (`match`, =, !=, IN), repetitions
 * included. */
void route_constants(const struct route_table *t, const char *attribute,
                     void (*fn)(void *arg, const char *p, size_t len), void *arg);

/* ---- lint: what the standard makes surprising. One finding a call of `report`. ---- */
struct lint_known { /* what sources of this hub can emit; n == 0: unknown, no such findings are made
                     */
    const char *const *types;
    size_t types_n;
    const char *const *attributes;
    size_t attributes_n;
    const char *const *always; /* attributes that every message has: type, source, id, … */
    size_t always_n;
    const char *const *given; /* cesql_lint: attributes that the `match` beside this expression
                                 pins: they are there */
    size_t given_n;
};
/* 0, or -ENOMEM. An expression that does not compile gets what its tokens show (==, &&, numbers out
 * of range); known may be NULL. offset: byte in text. code: "and-or-mix" "not-precedence"
 * "maybe-absent" "string-order" "unknown-type" "unknown-attribute" "amount-without-currency"
 * "int32-bound" "constant" "double-equals" "double-ampersand" "wrong-case". text names the cure. */
int cesql_lint(const char *text, size_t len, const struct lint_known *known,
               void (*report)(void *arg, size_t offset, const char *code, const char *text),
               void *arg);
/* Routes that can never give a destination: constant false; alternatives behind one that always
 * holds; `match` values no source emits. alternative: of `first`, 0-based; -1: the route's own
 * condition. Codes: "constant" "unreachable" "unknown-type" "unknown-attribute" "wrong-case".
 * Routes that do not have the form, and expressions that do not compile, are passed over. 0, or
 * -ENOMEM. */
int route_lint(const struct tree *routes, const struct lint_known *known,
               void (*report)(void *arg, size_t route, int alternative, const char *code,
                              const char *text),
               void *arg);

#endif
