/* SPDX-License-Identifier: Apache-2.0 */
/* view - what the hub looks like, rendered for those who ask at the door (control.h, ASK and TOLD).
 *
 * The supervisor has the figures of all processes and renders them; the door passes the text on.
 * However often it is asked, a view is made at most once in VIEW_EVERY_MS: watching costs the hub
 * a bounded part of its time. */
#ifndef REEVE_SUPERVISOR_VIEW_H
#define REEVE_SUPERVISOR_VIEW_H
#include "base/buf.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stdint.h>

#define VIEW_EVERY_MS 500u

enum view {
    VIEW_METRICS,      /* "metrics": OpenMetrics 1.0 */
    VIEW_METRICS_TEXT, /* "metrics-text": Prometheus text 0.0.4 */
    VIEW_HEALTH,       /* "health": for this machine */
    VIEW_HEALTH_TERSE, /* "health-terse": for everybody: names no process */
    VIEWS
};
int view_find(const char *name); /* -1: there is none of this name */

struct view_state {
    bool asked;
    uint64_t deadline; /* monotonic ms: told then with the figures that are there */
    uint64_t next_ms;  /* not made again before */
};

/* Both are pure: from the document of `reeve status --json` to text. 0 or a buf error. */
int metrics_write(const struct tree *status, bool open_metrics, struct buf *out);
/* {"status": "ok" | "degraded" | "down", …}. *ret_status: 200, or 503 for "down": nothing can be
 * accepted. "degraded": it works, and somebody should look: alarms, or processes that are not up.
 */
int health_write(const struct tree *status, bool terse, struct buf *out, uint32_t *ret_status);

/* Codes of alarms that metrics may name; the others count as "other", so that no process can make
 * label values up. Ends with NULL. */
extern const char *const alarm_codes[];

#endif
