/* SPDX-License-Identifier: Apache-2.0 */
/* loader - opens a plugin's shared object and reads its one table, by the rules of reeve/plugin.h.
 *
 * A file that does not fit is refused with one sentence: not a shared object, no entry symbol,
 * wrong ABI, a struct too small to hold its own name, no role, a role without what it needs, a host
 * symbol that is missing (dlopen names it). */
#ifndef REEVE_PLUGIN_LOADER_H
#define REEVE_PLUGIN_LOADER_H
#include "base/err.h"
#include "base/tree.h"
#include "reeve/plugin.h"

struct plugin {
    struct reeve_plugin api; /* our zeroed copy of the smaller of both sizes */
    char *file;              /* absolute path */
    void *dl;
    /* options and emits are walked by the plugin's own strides: use these, never api.options[i] */
};

int plugin_load(const char *file, struct plugin **ret, struct err *e);
void plugin_unload(
    struct plugin *p); /* frees; the object stays mapped (leak checkers keep their stacks) */
/* The i-th row, fields that the plugin's header did not have being zero. false past the end. */
bool plugin_option(const struct plugin *p, size_t i, struct reeve_option *ret);
bool plugin_emits(const struct plugin *p, size_t i, struct reeve_emits *ret);
/* Is it an adapter whose option PLUGIN_STANDARD names the standard? */
#define PLUGIN_STANDARD "standard"
bool plugin_is_named(const struct plugin *p);
bool plugin_name_ok(const char *name); /* of a-z, 0-9 and -, at most 64 */

/* The description (core/README.md "Descriptions"), from a loaded plugin, or from a file by way of a
 * child process that is given 10 s and whose crash is an error of this file, not of ours. worker:
 * path of the reeve-worker program. */
int plugin_describe(const struct plugin *p, struct tree **ret, struct err *e);
int plugin_describe_file(const char *worker, const char *file, struct tree **ret, struct err *e);
/* The child's part of it: loads the file, prints the description, or {"error": {"code", "text"}},
 * as one JSON document on standard output (what the plugin itself prints there goes to standard
 * error). Returns the exit code, 0 or 1. */
int plugin_describe_child(const char *file);

/* Where the modules of this installation are: NAME without a slash is looked up ("plugins/http",
 * "adapters/360giving"), with a slash it is a path. free() the result; NULL: *e says what was
 * looked for and what there is instead. */
enum plugin_kind { PLUGIN_KIND_PLUGIN, PLUGIN_KIND_ADAPTER };
char *plugin_find(enum plugin_kind kind, const char *name, struct err *e);
/* All files of a kind: a list of texts (absolute paths). */
int plugin_list(enum plugin_kind kind, struct tree **ret, struct err *e);

#endif
