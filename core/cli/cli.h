/* SPDX-License-Identifier: Apache-2.0 */
/* cli - the commands of `reeve`, and what they share.
 *
 * `reeve` (main_reeve.c) does what needs only the supervisor itself: run, status, reload, pause,
 * resume, help. Every other command is executed as `reeve-worker COMMAND …` in its place
 * (main_reeve_worker.c). Commands print results on standard output and complaints on standard
 * error; exit codes are in DESIGN's table of commands and in the help texts. */
#ifndef REEVE_CLI_CLI_H
#define REEVE_CLI_CLI_H
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes that all commands share. */
#define CLI_OK          0
#define CLI_FAILED      1
#define CLI_UNREADABLE  2 /* decode, encode */
#define CLI_NOT_RUNNING 3
#define CLI_USAGE       64 /* wrong arguments (sysexits.h) */

/* ---- commands of reeve-worker; argv[0] is the command's name. Return the exit code. */
int cmd_check(int argc, char **argv);
int cmd_compile(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_encode(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_status(int argc, char **argv); /* the hub does not run: what is stored */
int cmd_dead(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_pause(int argc,
              char **argv); /* and resume: of other machines, what front_pause() did here */
int cmd_topology(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_plugin(int argc, char **argv);
int cmd_describe(int argc, char **argv);
int cmd_names(int argc, char **argv);
int cmd_grammar(int argc, char **argv);
int cmd_source(int argc, char **argv); /* a source worker, executed by the supervisor */
int cmd_sink(int argc, char **argv);
int cmd_console(int argc, char **argv); /* the console, executed by the supervisor */
int cmd_amqp(int argc, char **argv); /* the process that keeps the queues on RabbitMQ, likewise */

/* ---- commands of reeve (front.c, completion.c) */
#define CLI_GO_ON (-1) /* of one of these: the caller executes `reeve-worker COMMAND …` */
int front_run(int argc, char **argv);
int front_status(int argc, char **argv); /* CLI_GO_ON: no hub runs */
int front_reload(int argc, char **argv);
int front_pause(int argc, char **argv); /* and resume, by argv[0]. CLI_GO_ON: others run it, too */
int front_completion(int argc, char **argv);

/* ---- commands.c: one entry a command, in the order of `reeve --help` */
/* What an argument can be, for completion: "@file", "@directory", "@command", "@connector",
 * "@destination", "@adapter", "@plugin", "@module", "@machine" (asked of `reeve names`), "a|b|c",
 * or NULL: nobody knows. */
struct command_option {
    char letter;          /* 0: none */
    const char *name;     /* without the dashes; NULL: only a letter */
    const char *argument; /* NULL: none */
    const char *values;   /* of the argument */
    const char *help;
};
struct command_help {
    const char *name, *arguments, *summary;
    const struct command_option *options; /* ends with a zeroed one; NULL = none */
    const char *words;                    /* what the first argument can be */
    const char *second;                   /* what the second can be, if not as the others */
    const char *values;                   /* what the others can be; the first too without words */
    const char *text;                     /* more than the options, exit codes; NULL = nothing */
    bool hidden;                          /* executed by the programs themselves */
};
extern const struct command_help command_helps[];
extern const size_t command_helps_n;

/* ---- help.c */
const struct command_help *help_find(const char *name);
void help_all(FILE *out);
void help_one(FILE *out, const struct command_help *h);
int help_json(FILE *out); /* {"commands": […]}: the table without what is hidden */
bool cli_wants_help(int argc, char **argv); /* --help or -h among the arguments, before a lone -- */

/* ---- common.c */
/* "reeve COMMAND: text [code]" on standard error, control characters escaped. */
void cli_complain(const char *command, const struct err *e);
/* The last thing a program does: code, or a failure with a complaint when not all of standard
 * output could be written (a full disk). */
int cli_written(int code);
/* The usage line of the command on standard error; returns CLI_USAGE. */
int cli_usage(const char *command);
/* The configuration meant: `given`, or environment REEVE_CONFIG, or ./reeve.yaml, or ./config, or
 * /etc/reeve. */
const char *cli_config_path(const char *given);
/* data_dir.c: the data directory of a configuration that need not be valid: its top-level `data:`
 * (default "var"), relative to the configuration's directory. Only the block form of YAML is
 * understood; -ENOENT with words otherwise. With `machines:` the files must be readable. Absolute.
 */
int cli_data_dir(const char *config, char *out, size_t cap, struct err *e);
/* Who works: the login name, fit to stand inside JSON text. */
const char *cli_user_name(char out[64]);
bool cli_colours(FILE *out); /* it is a terminal, and NO_COLOR is not set */

/* ---- compile_config.c */
struct diagnostics;
struct buf;
/* config_compile() (config/config.h) with the modules of this installation, on the machine that
 * REEVE_MACHINE (which `--machine` sets) or else the host's short name says. */
int cli_compile(const char *path, unsigned flags, struct diagnostics *d, struct tree **ret_plan,
                struct buf *print);
/* config_place() of the configuration meant, likewise. */
int cli_place(const char *given, char **ret_data, struct tree **ret_machines, struct err *e);
/* The part of the plan's first process of a kind, borrowed; NULL: there is none. */
const struct tree *cli_part_of(const struct tree *plan, const char *kind);

/* ---- status_print.c */
/* The people's form of a status document, running or stored. Returns CLI_OK, or CLI_FAILED when
 * there is an alarm. */
int status_print(const struct tree *status, FILE *out, bool colours);

#endif
