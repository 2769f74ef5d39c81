/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - which figure of the status document becomes which metric (metrics_table.c), for those
 * who write them (metrics.c). */
#ifndef REEVE_SUPERVISOR_METRICS_H
#define REEVE_SUPERVISOR_METRICS_H

enum metric_type { GAUGE, COUNTER, INFO, HISTOGRAM };
enum metric_over { /* what there is one sample (or set of samples) of */
                   HUB,
                   EACH_PROCESS,
                   EACH_SOURCE, /* label connector */
                   EACH_SINK,   /* label destination */
                   SPOOL,
                   EACH_QUEUE, /* label destination */
                   DOOR,
                   EACH_PATH, /* label connector */
                   ALARMS
};
enum metric_number { PLAIN, FLAG, FROM_MS, FROM_KB, TIME, UP };

struct metric_series {
    const char *path;        /* in the document's part */
    const char *name, *text; /* a label of its own, or NULL */
};
struct metric_family {
    const char *name, *unit, *help;
    enum metric_type type;
    enum metric_over over;
    enum metric_number number;
    struct metric_series series[6];
};

extern const struct metric_family metric_families[]; /* ends with one without name */

#endif
