/* SPDX-License-Identifier: Apache-2.0 */
/* The loader against plugins that do not fit, each compiled here: every refusal is one sentence
 * that names the file and the fault. The program is its own worker: run as `test_loader describe
 * FILE` it is the child. */
#include "plugin/loader.h"
#include "plugin/host.h"
#include "unit/plugin/compile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SINK                                                                  \
    "#include <reeve/plugin.h>\n"                                             \
    "static reeve_rc d(reeve_ctx *c, void *i, reeve_job *const *j, size_t n)" \
    "{ (void)c; (void)i; (void)j; (void)n; return REEVE_OK; }\n"

static char self[PATH_MAX];

static void refused(const char *name, const char *source, const char *code, const char *words)
{
    struct plugin *p = NULL;
    struct err e = {.text = ""};
    char *so = compile_text(name, source);
    assert_non_null(so);
    assert_true(plugin_load(so, &p, &e) < 0);
    assert_null(p);
    assert_string_equal(e.code, code);
    if (!strstr(e.text, words) || !strstr(e.text, name))
        fail_msg("\"%s\" does not name the file and say \"%s\"", e.text, words);
    free(so);
}

static void a_plugin_of_an_other_abi_is_refused(void **state)
{
    (void)state;
    refused("abi2",
            SINK "REEVE_EXPORT const struct reeve_plugin *reeve_plugin_entry(void);\n"
                 "static struct reeve_plugin p;\n"
                 "const struct reeve_plugin *reeve_plugin_entry(void) { p.struct_size = sizeof(p);"
                 "p.abi = 2; p.name = \"x\"; p.deliver = d; return &p; }\n",
            "plugin-abi", "built for ABI 2");
}

static void a_table_too_small_for_its_own_name_is_refused(void **state)
{
    (void)state;
    refused("tiny",
            SINK "REEVE_EXPORT const struct reeve_plugin *reeve_plugin_entry(void);\n"
                 "const struct reeve_plugin *reeve_plugin_entry(void)"
                 "{ static const struct reeve_plugin p = {.struct_size = 16, .abi = 1,"
                 " .deliver = d}; return &p; }\n",
            "plugin-size", "cannot hold even its own name");
    refused("huge",
            SINK "REEVE_EXPORT const struct reeve_plugin *reeve_plugin_entry(void);\n"
                 "const struct reeve_plugin *reeve_plugin_entry(void)"
                 "{ static const struct reeve_plugin p = {.struct_size = 4000000000u, .abi = 1,"
                 " .deliver = d}; return &p; }\n",
            "plugin-size", "4000000000");
}

static void an_object_without_the_entry_symbol_is_refused(void **state)
{
    (void)state;
    refused("noentry", "int something_else(void); int something_else(void) { return 1; }\n",
            "plugin-entry", "reeve_plugin_entry");
    refused("nulltable",
            SINK "REEVE_EXPORT const struct reeve_plugin *reeve_plugin_entry(void);\n"
                 "const struct reeve_plugin *reeve_plugin_entry(void) { (void)d; return NULL; }\n",
            "plugin-entry", "gives no table");
}

static void a_missing_host_symbol_is_named(void **state)
{
    (void)state;
    refused(
        "newer",
        SINK
        "void reeve_of_the_future(void);\n"
        "static void c(reeve_ctx *x, void *i) { (void)x; (void)i; reeve_of_the_future(); }\n"
        "static reeve_rc o(reeve_ctx *x, void **i) { (void)x; (void)i; return 0; }\n"
        "REEVE_PLUGIN(.name = \"newer\", .version = \"1\", .open = o, .close = c, .deliver = d);\n",
        "plugin-symbol", "needs `reeve_of_the_future`");
}

static void what_is_no_shared_object_is_refused(void **state)
{
    (void)state;
    struct plugin *p = NULL;
    struct err e;
    char *path = write_text("text.so", "this is no object\n");
    assert_int_equal(plugin_load(path, &p, &e) < 0, 1);
    assert_string_equal(e.code, "plugin-file");
    assert_int_equal(plugin_load(scratch, &p, &e) < 0, 1);
    assert_non_null(strstr(e.text, "not a file"));
    assert_int_equal(plugin_load("no/such/file.so", &p, &e) < 0, 1);
    assert_non_null(strstr(e.text, "No such file"));
    free(path);
}

static void roles_and_names_are_demanded(void **state)
{
    (void)state;
    refused("norole",
            "#include <reeve/plugin.h>\nREEVE_PLUGIN(.name = \"norole\", .version = \"1\");\n",
            "plugin-role", "none of poll, request");
    refused("badname", SINK "REEVE_PLUGIN(.name = \"Bad Name\", .version = \"1\", .deliver = d);\n",
            "plugin-name", "Bad Name");
    refused("noversion", SINK "REEVE_PLUGIN(.name = \"x\", .deliver = d);\n", "plugin-name",
            "no version");
    refused(
        "noemits",
        "#include <reeve/plugin.h>\nstatic reeve_rc f(reeve_ctx *c, void *i, reeve_reader *r,"
        "const char *t, reeve_out *o) { (void)c; (void)i; (void)r; (void)t; (void)o; return 0; }\n"
        "REEVE_PLUGIN(.name = \"x\", .version = \"1\", .decode = f);\n",
        "plugin-role", "emits");
    refused("unnamed",
            SINK "REEVE_PLUGIN(.name = \"x\", .version = \"1\", .deliver = d, "
                 ".adapter_flags = REEVE_ADAPTER_NAMED);\n",
            "plugin-role", "no option `standard`");
    refused("closeonly",
            SINK "static void c(reeve_ctx *x, void *i) { (void)x; (void)i; }\n"
                 "REEVE_PLUGIN(.name = \"x\", .version = \"1\", .close = c, .deliver = d);\n",
            "plugin-role", "no open");
}

#define OPTIONS(rows)                                           \
    SINK "static const struct reeve_option o[] = {" rows "};\n" \
         "REEVE_PLUGIN(.name = \"x\", .version = \"1\", .options = o, .deliver = d);\n"

static void option_tables_are_checked(void **state)
{
    (void)state;
    refused("twice", OPTIONS("{.key = \"a\"}, {.key = \"a\"}, {.key = NULL}"), "plugin-option",
            "option a stands twice");
    refused("badkey", OPTIONS("{.key = \"A b\"}, {.key = NULL}"), "plugin-option", "not a name");
    refused("baddefault",
            OPTIONS("{.key = \"t\", .type = REEVE_T_SECONDS, .def = \"soon\"}, {.key = NULL}"),
            "plugin-option", "its own default is wrong");
    refused("nochoice", OPTIONS("{.key = \"t\", .type = REEVE_T_CHOICE}, {.key = NULL}"),
            "plugin-option", "choose from");
    refused("stride",
            SINK
            "static const struct reeve_option o[] = {{.key = NULL}};\n"
            "REEVE_EXPORT const struct reeve_plugin *reeve_plugin_entry(void);\n"
            "const struct reeve_plugin *reeve_plugin_entry(void)"
            "{ static const struct reeve_plugin p = {.struct_size = sizeof(p), .abi = 1,"
            ".option_size = 12, .emits_size = 32, .name = \"x\", .version = \"1\", .options = o,"
            ".deliver = d}; return &p; }\n",
            "plugin-size", "12 bytes");
    refused("endless",
            SINK
            "static struct reeve_option o[400];\n"
            "static void __attribute__((constructor)) fill(void)"
            "{ static char k[400][8]; for (int i = 0; i < 400; i++) { k[i][0] = 'k'; k[i][1] = "
            "(char)('a' + i / 26 % 26); k[i][2] = (char)('a' + i % 26); o[i].key = k[i]; } }\n"
            "REEVE_PLUGIN(.name = \"x\", .version = \"1\", .options = o, .deliver = d);\n",
            "plugin-option", "no end");
}

/* ---- descriptions ---- */

static void a_description_has_everything_of_the_tables(void **state)
{
    (void)state;
    struct tree *t = NULL;
    struct err e;
    char *inc = format("%s/%s", source_root(), "core/include");
    char *src = format("%s/%s", source_root(), "tests/abi/probe.c");
    char *so = compile_so(src, inc, "PROBE_STEP", "probe");
    assert_non_null(so);
    if (plugin_describe_file(self, so, &t, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(tree_gets(t, "name", ""), "probe");
    assert_string_equal(tree_gets(t, "file", ""), so);
    assert_int_equal(tree_getu(t, "abi", 0), 1);
    assert_int_equal(tree_getu(t, "max_batch", 0), 3);
    assert_int_equal(tree_get(t, "roles")->n, 9);
    const struct tree *third = tree_get(t, "options")->child[2];
    assert_string_equal(tree_gets(third, "type", ""), "url");
    assert_string_equal(tree_gets(third, "side", ""), "deliver");
    assert_true(tree_getb(third, "list", false));
    const struct tree *personal = tree_get(t, "emits")->child[1];
    assert_true(tree_getb(personal, "personal", false));
    assert_string_equal(tree_gets(personal, "schema", ""), "x:y");
    assert_null(tree_get(personal, "gives")); /* built without knowing of it: not known, not none */
    tree_free(t);
    free(so);
    free(src);
    free(inc);
}

static void says(const char *name, const char *source, const char *code, const char *words)
{
    struct tree *t = NULL;
    struct err e = {.text = ""};
    char *so = compile_text(name, source);
    assert_non_null(so);
    assert_true(plugin_describe_file(self, so, &t, &e) < 0);
    assert_string_equal(e.code, code);
    if (!strstr(e.text, words) || !strstr(e.text, name))
        fail_msg("\"%s\" does not name the file and say \"%s\"", e.text, words);
    free(so);
}

#define AT_LOAD(code) "static void __attribute__((constructor)) at_load(void) {" code "}\n"

static void a_crash_while_loading_is_an_error_of_that_file(void **state)
{
    (void)state;
    says("crash", "#include <signal.h>\n" AT_LOAD("raise(SIGKILL);"), "plugin-crash", "crashed");
    says("entry",
         SINK "#include <signal.h>\n"
              "REEVE_EXPORT const struct reeve_plugin *reeve_plugin_entry(void);\n"
              "const struct reeve_plugin *reeve_plugin_entry(void)"
              "{ (void)d; raise(SIGKILL); return NULL; }\n",
         "plugin-crash", "crashed");
    says("leaves", "#include <unistd.h>\n" AT_LOAD("_exit(0);"), "plugin-crash",
         "without a description");
    says("plain", "int x;\n", "plugin-entry", "reeve_plugin_entry");
}

static void what_a_plugin_prints_while_loading_does_not_spoil_its_description(void **state)
{
    (void)state;
    struct tree *t = NULL;
    struct err e;
    char *so = compile_text(
        "chatty", SINK "#include <unistd.h>\n" AT_LOAD(
                      "if (write(1, \"{\\n\", 2) < 0) _exit(9);") "REEVE_PLUGIN(.name = "
                                                                  "\"chatty\", .version = "
                                                                  "\"1\", .deliver = d);\n");
    assert_non_null(so);
    assert_int_equal(plugin_describe_file(self, so, &t, &e), 0);
    assert_string_equal(tree_gets(t, "name", ""), "chatty");
    tree_free(t);
    free(so);
}

static void a_worker_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct tree *t = NULL;
    struct err e;
    assert_true(plugin_describe_file("/no/such/worker", "x.so", &t, &e) < 0);
    assert_non_null(strstr(e.text, "cannot be started"));
}

/* ---- finding ---- */

static void names_are_looked_up_and_near_ones_suggested(void **state)
{
    (void)state;
    struct err e;
    struct tree *list = NULL;
    char *dir = format("%s/%s", scratch, "modules/plugins");
    assert_int_equal(make_dirs(dir), 0);
    char *modules = format("%s/modules", scratch);
    assert_int_equal(setenv("REEVE_MODULES", modules, 1), 0);
    free(write_text("modules/plugins/http.so", ""));
    free(write_text("modules/plugins/file.so", ""));
    char *found = plugin_find(PLUGIN_KIND_PLUGIN, "http", &e);
    assert_non_null(found);
    assert_non_null(strstr(found, "/plugins/http.so"));
    free(found);
    assert_null(plugin_find(PLUGIN_KIND_PLUGIN, "htpp", &e));
    assert_non_null(strstr(e.text, "did you mean \"http\""));
    assert_null(plugin_find(PLUGIN_KIND_PLUGIN, "kafka-stream", &e));
    assert_non_null(strstr(e.text, "file, http"));
    assert_null(plugin_find(PLUGIN_KIND_PLUGIN, "./http.so", &e));
    assert_int_equal(plugin_list(PLUGIN_KIND_PLUGIN, &list, &e), 0);
    assert_int_equal(list->n, 2);
    tree_free(list);
    assert_int_equal(plugin_list(PLUGIN_KIND_ADAPTER, &list, &e), 0);
    assert_int_equal(list->n, 0);
    tree_free(list);
    free(modules);
    free(dir);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "describe") == 0)
        return plugin_describe_child(argv[2]);
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || scratch_make() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_of_an_other_abi_is_refused),
        cmocka_unit_test(a_table_too_small_for_its_own_name_is_refused),
        cmocka_unit_test(an_object_without_the_entry_symbol_is_refused),
        cmocka_unit_test(a_missing_host_symbol_is_named),
        cmocka_unit_test(what_is_no_shared_object_is_refused),
        cmocka_unit_test(roles_and_names_are_demanded),
        cmocka_unit_test(option_tables_are_checked),
        cmocka_unit_test(a_description_has_everything_of_the_tables),
        cmocka_unit_test(a_crash_while_loading_is_an_error_of_that_file),
        cmocka_unit_test(what_a_plugin_prints_while_loading_does_not_spoil_its_description),
        cmocka_unit_test(a_worker_that_is_not_there_is_said),
        cmocka_unit_test(names_are_looked_up_and_near_ones_suggested),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove();
    return r;
}
