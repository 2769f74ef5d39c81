/* SPDX-License-Identifier: Apache-2.0 */
/* document - what decode, explain and test share: a document's file, an adapter by name, issues for
 * people. */
#ifndef REEVE_CLI_DOCUMENT_H
#define REEVE_CLI_DOCUMENT_H
#include "base/buf.h"
#include "base/err.h"
#include "base/tree.h"
#include "worker/dry.h"

struct document_file { /* a file, or standard input read into memory */
    const char *name;  /* for people; "-" for standard input */
    const char *path;
    int fd; /* -1: p, len */
    char *p;
    size_t len;
};
int document_open(const char *path, struct document_file *ret, struct err *e); /* code "file" */
void document_close(struct document_file *f);
void document_read(struct dry *d, const struct document_file *f, const char *content_type);

/* An adapter as a command line says it: a name or a path, and -o KEY=VALUE. */
#define ADAPTER_OPTIONS_MAX 128u
struct adapter_choice {
    const char *name;
    const char *options[ADAPTER_OPTIONS_MAX];
    size_t n;
};
bool adapter_choice_add(struct adapter_choice *a, const char *option); /* false: too many */
/* Takes every -o of the command line; what is left stands from optind on. false: something else. */
bool adapter_choice_options(struct adapter_choice *a, int argc, char **argv);
/* {"name", "file", "options"} of it. NULL: *e. */
struct tree *adapter_part(const struct adapter_choice *a, struct err *e);
/* An intake for documents of this adapter's standard, outside a hub: no party, no time, so that the
 * same document gives the same messages every time. d stays where it is; afterwards dry_close(),
 * and then tree_free() of the part, which it borrows. */
int document_dry(const struct adapter_choice *a, struct dry *d, struct tree **ret_part,
                 struct err *e);
/* Says on standard error what it is instead, if that can be told. */
void document_looks_like(const struct document_file *f, const char *standard);
/* The part of the source side of a connector. NULL: *e names the ones there are. Borrowed from the
 * plan. */
const struct tree *source_part(const struct tree *plan, const char *connector, struct err *e);
/* "FILE: WHERE: error: text [code]" lines on standard error; a tap of struct issues. arg: the
 * file's name. */
void print_issue(void *arg, const struct issue *i);

#endif
