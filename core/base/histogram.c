/* SPDX-License-Identifier: Apache-2.0 */
/* histogram - see histogram.h. */
#include "histogram.h"
#include <errno.h>

#define MS ((uint64_t)1000)
#define S  (1000 * MS)
const uint64_t histogram_bound_us[HISTOGRAM_BOUNDS] = {
    MS,    5 * MS / 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS,
    1 * S, 5 * S / 2,  5 * S,  10 * S,  30 * S,  60 * S,  300 * S,  3600 * S, 86400 * S};
const char *const histogram_le[HISTOGRAM_BOUNDS] = {
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",   "0.25",   "0.5",
    "1.0",   "2.5",    "5.0",   "10.0", "30.0",  "60.0", "300.0", "3600.0", "86400.0"};

void histogram_add(struct histogram *h, uint64_t us)
{
    size_t i = 0;
    while (i < HISTOGRAM_BOUNDS && us > histogram_bound_us[i])
        i++;
    (void)atomic_fetch_add_explicit(&h->bucket[i], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
}

static int append(struct tree *list, const _Atomic(uint64_t) *n)
{
    return tree_append(
        list, tree_scalarf(true, "%llu",
                           (unsigned long long)atomic_load_explicit(n, memory_order_relaxed)));
}

int histogram_put(const struct histogram *h, struct tree *map, const char *key)
{
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i <= HISTOGRAM_BOUNDS; i++)
        r = append(list, &h->bucket[i]);
    if (r == 0)
        r = append(list, &h->sum_us);
    if (r == 0)
        return tree_put(map, key, list);
    tree_free(list);
    return r;
}
