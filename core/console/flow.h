/* SPDX-License-Identifier: Apache-2.0 */
/* flow - what went from where to where in the last minutes, counted from the journals' latest rows.
 */
#ifndef REEVE_CONSOLE_FLOW_H
#define REEVE_CONSOLE_FLOW_H
#include "base/err.h"
#include "base/map.h"
#include <stddef.h>
#include <stdint.h>

#define FLOW_WINDOW_MS (15u * 60u * 1000u)
#define FLOW_ROWS      5000u /* of a file; a busier hub is counted over less time */
#define FLOW_MS        500u

struct flow_edge {
    char *connector, *route, *destination; /* route "": matched none */
    uint64_t n;
};
struct flow {
    struct flow_edge *edge;
    size_t n, cap;
    struct map *index;
    uint64_t since_ms, until_ms; /* wall clock: what is counted */
};

/* Counts anew. dir: of the journals. 0 or negative errno; the flow is empty then. */
int flow_read(struct flow *f, const char *dir, uint64_t now_ms, struct err *e);
void flow_done(struct flow *f);
/* Messages a minute; NULL: any. */
double flow_rate(const struct flow *f, const char *connector, const char *route,
                 const char *destination);

#endif
