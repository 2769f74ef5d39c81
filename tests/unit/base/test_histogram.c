/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: bounds belong to the bucket below them, and what is put is what was added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"
#include <stdlib.h>
#include <string.h>

static void bounds_and_their_texts_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        double seconds = strtod(histogram_le[i], NULL);
        assert_true((uint64_t)(seconds * 1e6 + 0.5) == histogram_bound_us[i]);
        if (i)
            assert_true(histogram_bound_us[i] > histogram_bound_us[i - 1]);
    }
}

static void a_bound_belongs_to_its_bucket(void **state)
{
    (void)state;
    static struct histogram h;
    uint64_t sum = 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        histogram_add(&h, histogram_bound_us[i]);
        histogram_add(&h, histogram_bound_us[i] + 1);
        sum += 2 * histogram_bound_us[i] + 1;
    }
    histogram_add(&h, 0);
    struct tree *t = tree_map();
    assert_int_equal(histogram_put(&h, t, "x"), 0);
    const struct tree *list = tree_get(t, "x");
    assert_int_equal(list->n, HISTOGRAM_BOUNDS + 2);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) /* its own bound, and one over the last one's */
        assert_string_equal(tree_text(list->child[i]), i == HISTOGRAM_BOUNDS ? "1" : "2");
    assert_true(strtoull(tree_text(list->child[HISTOGRAM_BOUNDS + 1]), NULL, 10) == sum);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_and_their_texts_agree),
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
