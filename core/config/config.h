/* SPDX-License-Identifier: Apache-2.0 */
/* config - the operator's YAML files, checked completely and compiled into the plan that every
 * process runs.
 *
 * There is one way from files to plan, and `check`, `run`, `reload`, `explain` and `test` all take
 * it: what `check` accepts, `run` runs. All problems of all files are found in one go, each with
 * its place, its cure and a stable code.
 *
 * Plugins and adapters are known by their descriptions (core/README.md "Descriptions"), which the
 * caller provides: this room opens no module. It reads the files of the configuration, and what
 * they name (secrets, value lists, profiles); it writes nothing but DATA/key, and that only with
 * CONFIG_CREATE. Limits: 1,000 files, 1 MiB a file, 16 MiB together, nesting 32, 200,000 values. */
#ifndef REEVE_CONFIG_CONFIG_H
#define REEVE_CONFIG_CONFIG_H
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_HUB_RECORD "hub" /* what `reeve convert` calls it: no standard may be called so */

/* ---- diagnostics ---- */
enum severity { SEVERITY_WARNING, SEVERITY_ERROR };
struct diagnostic {
    enum severity severity;
    unsigned line, col; /* 1-based, in characters */
    char *file; /* as the operator would name it: the path given, and what was joined to it */
    char *code; /* lower case, hyphens, stable */
    char *text; /* one line; nothing secret, nothing unescaped */
};
#define DIAGNOSTICS_MAX 500 /* more are counted, not kept (an error is always counted as one) */
struct diagnostics {        /* zeroed is empty */
    struct diagnostic *d;
    size_t n, cap;
    size_t errors, warnings, left_out;
    bool no_memory; /* something could not be recorded: treat as an error */
};
void diagnostics_add(struct diagnostics *d, enum severity severity, const char *file, unsigned line,
                     unsigned col, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
void diagnostics_sort(struct diagnostics *d); /* by file, line, column, severity, code, text */
/* "FILE:LINE:COL: error|warning: text [code]\n" each, and a last line about those left out. 0 or a
 * buf error. */
int diagnostics_write(const struct diagnostics *d, struct buf *out);
void diagnostics_done(struct diagnostics *d);

/* ---- where plugin knowledge comes from ---- */
enum config_kind { CONFIG_PLUGIN, CONFIG_ADAPTER };
struct config_env {
    void *arg;
    /* The file of a module: name without a slash is looked up, with one it is an absolute path.
     * free() it; NULL: *e. */
    char *(*find)(void *arg, enum config_kind kind, const char *name, struct err *e);
    /* The description of that file. Called once a file. The tree is the caller's. */
    int (*describe)(void *arg, const char *file, struct tree **ret, struct err *e);
    uint64_t now_ms; /* for agreements that have ended; 0 = the clock */
    /* Of `machines`, where there are any: the one that was asked for, or NULL; else it is `host`,
     * the short name of this host, if that is one of them. */
    const char *machine, *host;
};

/* ---- compiling ---- */
/* Flags. WITHOUT_SECRETS: ${file:…} and ${env:…} that are not there are no errors (the plan must
 * not be run then). CREATE: make DATA and DATA/key when they are not there; without it an absent
 * key is all zeros. EVERY_MACHINE: the plan has the processes of all `machines`, and nobody need
 * know which of them this is (such a plan is not run either, only looked at). */
#define CONFIG_WITHOUT_SECRETS 1u
#define CONFIG_CREATE          2u
#define CONFIG_EVERY_MACHINE   4u

/* path: a YAML file or a directory of them. Returns 0 and the plan (core/README.md "The plan"), or
 * -EINVAL with at least one error in d, or -ENOMEM. d is sorted. print (may be NULL): gets the
 * effective configuration as YAML, with defaults and profiles applied and secrets shown as their
 * references only. Deterministic: same files, same key, same plan. */
int config_compile(const char *path, const struct config_env *env, unsigned flags,
                   struct diagnostics *d, struct tree **ret_plan, struct buf *print);

/* Without plugins and without checking more than these need: the data directory (of this machine)
 * and the names of `machines`, a list. Each may be NULL; free() and tree_free() them. 0, or
 * negative with the first thing that is wrong. */
int config_place(const char *path, const struct config_env *env, char **ret_data,
                 struct tree **ret_machines, struct err *e);

/* Every key of a configuration, for completion, editors and the manual's test: {"configuration":
 * [field …], "receive": […], "deliver": […], "route": […], "alternative": […], "case": […]}; a
 * field is {"key", "shape", "required": bool, "list": bool, "reference": bool, "reserved": bool,
 * "allowed"?, "fields"?: [field …]}. NULL: out of memory. */
struct tree *config_grammar(void);

/* The token by which process `name` shows the spool who it is: lower-case hexadecimal of SHA-256
 * over the fields key, name (digest_field). It is sent as this text, and `token_sha256` in the plan
 * is the SHA-256 of this text. */
void config_token(const uint8_t key[SHA256_LEN], const char *name, char out[SHA256_HEX]);

/* ---- cases ---- */
/* Reads what `reeve test` runs: cases (a file or a directory; NULL: cases/ of the configuration).
 * *ret is a list of maps
 * {"name", "place": "FILE:LINE:COL", "file": absolute, "from": connector, "content_type"?,
 * "expect": {"destinations": [sorted names], "counts"?: {name: n}, "accepted"?: n, "refused"?: n,
 * "unrouted"?: n}}. plan: to check names against; may be NULL. 0; -EINVAL with errors in d;
 * -ENOENT: there are none (no diagnostic). */
int config_cases(const char *path, const char *cases, const struct tree *plan,
                 struct diagnostics *d, struct tree **ret);

#endif
