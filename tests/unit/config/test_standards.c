/* SPDX-License-Identifier: Apache-2.0 */
/* Adapters whose option names the standard: what may not be said of a standard, and that everything
 * behind the check knows the side by that name. */
#include "fake.h"
#include "place.h"

#define RECEIVE(name, speaks) \
    "  " name ": {party: us, receive: {plugin: file, directory: " name ", speaks: " speaks "}}\n"
#define DELIVER(name, speaks) \
    "  " name ": {party: us, deliver: {plugin: file, directory: " name ", speaks: " speaks "}}\n"
#define TO(name) "routes: {r: {match: {type: funding.payment}, to: [" name "]}}\n"

static const struct {
    const char *name, *yaml, *findings, *says;
} rows[] = {
    {"two standards of one module",
     "connectors:\n" RECEIVE("s", "{any: {standard: a, mode: x}}")
         DELIVER("d", "{any: {standard: b-2, mode: y}}") TO("d"),
     "", NULL},
    {"one standard, said twice in the same words",
     "connectors:\n" RECEIVE("s", "{any: {standard: a, mode: x}}")
         DELIVER("d", "{any: {mode: x, standard: a}}") TO("d"),
     "", NULL},
    {"one standard with two meanings",
     "connectors:\n" RECEIVE("s", "{any: {standard: a, mode: x}}")
         DELIVER("d", "{any: {standard: a, mode: y}}") TO("d"),
     "3:81 error standard-twice\n",
     "c/t.yaml:2 says something else about the standard `a` (`mode`)"},
    {"one standard, more said of it here than there",
     "connectors:\n" RECEIVE("s", "{any: {standard: a}}")
         DELIVER("d", "{any: {standard: a, mode: y}}") TO("d"),
     "3:81 error standard-twice\n", "(`mode`)"},
    {"no standard", "connectors:\n" DELIVER("d", "any") TO("d"), "2:64 error option-required\n",
     "`standard`"},
    {"the name of an adapter", "connectors:\n" DELIVER("d", "{any: {standard: 360giving}}") TO("d"),
     "2:81 error standard-taken\n", "`360giving` is the name of an adapter"},
    {"its own name", "connectors:\n" DELIVER("d", "{any: {standard: any}}") TO("d"),
     "2:81 error standard-taken\n", NULL},
    {"the name of the hub record", "connectors:\n" DELIVER("d", "{any: {standard: hub}}") TO("d"),
     "2:81 error standard-taken\n", "the hub record"},
    {"what is no name", "connectors:\n" DELIVER("d", "{any: {standard: A/b}}") TO("d"),
     "2:81 error bad-value\n", "a name of a-z, 0-9 and -"},
    {"a reference", "connectors:\n" DELIVER("d", "{any: {standard: \"${file:a.pem}\"}}") TO("d"),
     "2:81 error bad-value\n", "written out"},
    {"an option of one side",
     "connectors:\n" RECEIVE("s", "{any: {standard: a, every: 1}}") DELIVER("d", "any") TO("d"),
     "2:84 error option-side\n3:64 error option-required\n",
     "`every` is an option of any only where it is no adapter"},
    {"an option of adapters elsewhere",
     "connectors:\n  d: {party: us, deliver: {plugin: odd, standard: x}}\n" TO("d"),
     "2:41 error option-side\n", "`standard` is an option of odd only where it is an adapter"},
    {"an option that only adapters need",
     "connectors:\n  d: {party: us, deliver: {plugin: odd}}\n" TO("d"), "", NULL},
};

static void a_standard_means_one_thing(void **state)
{
    (void)state;
    place_write("c/base.yaml", place_base, 0644);
    place_write("c/a.pem", "abc", 0600);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        place_write("c/t.yaml", rows[i].yaml, 0644);
        place_expect(rows[i].name, &fake_env, 0, rows[i].findings, rows[i].says);
    }
}

#define ANY(name, mode)                                                                   \
    "{\"name\":\"" name "\",\"file\":\"/modules/any.so\",\"version\":\"1\",\"options\":{" \
    "\"standard\":[\"" name "\"],\"mode\":[\"" mode "\"]}}"

static void sides_are_known_by_the_standard_and_translators_have_its_options(void **state)
{
    (void)state;
    place_write("c/base.yaml", place_base, 0644);
    place_write("c/t.yaml",
                "connectors:\n" RECEIVE("s", "{any: {standard: a, mode: x}}")
                    RECEIVE("bank-in", "bank") DELIVER("d", "{any: {standard: b, mode: y}}")
                        DELIVER("e", "{any: {standard: a, mode: x}}") TO("d, e"),
                0644);
    struct tree *plan = place_compile(&fake_env, 0, NULL);
    place_piece(tree_get(place_part(plan, "s.receive"), "adapter"), ANY("a", "x"));
    place_piece(tree_get(place_part(plan, "d.deliver"), "adapter"), ANY("b", "y"));
    place_piece(tree_get(place_part(plan, "d.deliver"), "adapters"),
                "[" ANY("a", "x") ",{\"name\":\"bank\",\"file\":\"/modules/bank.so\",\"version\":"
                                  "\"1\",\"options\":{}}]");
    place_piece(
        tree_get(place_part(plan, "e.deliver"), "adapters"),
        "[{\"name\":\"bank\",\"file\":\"/modules/bank.so\",\"version\":\"1\",\"options\":{}}"
        "]");
    tree_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standard_means_one_thing),
        cmocka_unit_test(sides_are_known_by_the_standard_and_translators_have_its_options),
    };
    return cmocka_run_group_tests(tests, place_setup, place_teardown);
}
