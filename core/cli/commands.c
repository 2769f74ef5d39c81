/* SPDX-License-Identifier: Apache-2.0 */
/* commands - every command with its arguments and options: the one table that `--help`, shell
 * completion, did-you-mean and `reeve help --json` are made from, and that the manual pages are
 * compared with. A command reads its own arguments; a test holds each to this table. */
#include "cli.h"
#include "base/util.h"

#define END \
    {       \
        0   \
    }
#define CONFIG                                                                                    \
    {                                                                                             \
        .letter = 'c', .name = "config", .argument = "PATH", .values = "@file",                   \
        .help = "the configuration: a YAML file or a directory of them (default: $REEVE_CONFIG, " \
                "./reeve.yaml, ./config, /etc/reeve)"                                             \
    }
#define DATA                                                                \
    {                                                                       \
        .name = "data", .argument = "DIR", .values = "@directory",          \
        .help = "the data directory, when the configuration is not at hand" \
    }
#define MACHINE                                                                                  \
    {                                                                                            \
        .name = "machine", .argument = "NAME", .values = "@machine",                             \
        .help = "which of the configuration's `machines` this is (default: $REEVE_MACHINE, the " \
                "name of the host)"                                                              \
    }
#define JSON(text)                   \
    {                                \
        .name = "json", .help = text \
    }

typedef struct command_option option_list[];

static const option_list run = {
    CONFIG,
    MACHINE,
    {.name = "drain",
     .argument = "TIME",
     .help = "how long processes may take to finish when the hub ends (default 30s)"},
    {.name = "watchdog",
     .argument = "TIME",
     .help = "silence after which a process is ended and started again (default 30s)"},
    {.name = "cores", .help = "let processes leave core files; they can hold personal data"},
    {.name = "log",
     .argument = "SETTINGS",
     .help = "text or json and a level, as in json,debug; wins over REEVE_LOG and `log`"},
    {.letter = 'v', .name = "verbose", .help = "more log records: --log debug"},
    END,
};
static const option_list check = {
    CONFIG,
    MACHINE,
    {.name = "print",
     .help = "print what it comes to: profiles and defaults applied, secrets as references"},
    {.name = "without-secrets",
     .help = "secrets that are not here are no errors (a laptop, CI); such a plan is not run"},
    END,
};
static const option_list explain = {
    CONFIG,
    {.name = "from",
     .argument = "CONNECTOR",
     .values = "@connector",
     .help = "the connector that receives the document"},
    {.name = "content-type", .argument = "TYPE", .help = "as the sender would give it"},
    JSON("one JSON object a message"),
    END,
};
static const option_list config_only = {CONFIG, END};
static const option_list migrate = {CONFIG, MACHINE, END};
static const option_list plan = {
    {.name = "since",
     .argument = "TIME",
     .help = "only messages taken in then or later; RFC 3339 (2026-01-31T00:00:00Z) or how long "
             "ago (30d)"},
    {.name = "data",
     .argument = "DIR",
     .values = "@directory",
     .help = "the data directory whose journal is read (default: that of OLD, else that of NEW)"},
    JSON("everything, as one JSON document"),
    END,
};
static const option_list trace = {CONFIG, MACHINE, DATA, JSON("every journal row as JSON"), END};
static const option_list status = {CONFIG, MACHINE, DATA, JSON("the whole document as JSON"), END};
static const option_list asking = {CONFIG, MACHINE, DATA, END};
static const option_list dead = {
    CONFIG,
    MACHINE,
    DATA,
    {.name = "destination",
     .argument = "NAME",
     .values = "@destination",
     .help = "only those of this destination"},
    {.name = "code", .argument = "CODE", .help = "only those with this code"},
    {.name = "type", .argument = "TYPE", .help = "only messages of this type"},
    {.name = "id", .argument = "ID", .help = "only this message"},
    {.name = "since",
     .argument = "TIME",
     .help = "only those that died then or later; RFC 3339 (2026-01-31T00:00:00Z) or how long ago "
             "(2d)"},
    {.name = "until", .argument = "TIME", .help = "only those that died then or earlier"},
    {.name = "all", .help = "replay or discard every one there is, when nothing else says which"},
    {.letter = 'n', .name = "dry-run", .help = "only say what would be done"},
    {.name = "reason",
     .argument = "TEXT",
     .help = "why; kept in the journal; discard and show --body need it"},
    {.name = "body", .help = "show: the whole event; needs --reason"},
    JSON("list, show: one JSON object a line"),
    END,
};
static const option_list backup = {
    CONFIG, MACHINE, DATA, {.name = "verify", .help = "make none: is the backup in DIR whole?"},
    END,
};
static const option_list queue = {
    CONFIG,
    MACHINE,
    DATA,
    {.letter = 'n', .name = "dry-run", .help = "only say how many would be moved"},
    {.name = "reason", .argument = "TEXT", .help = "why; kept in the journal"},
    END,
};
static const option_list topology = {
    CONFIG,
    JSON("RabbitMQ's definitions, as rabbitmqctl import_definitions takes them; no passwords"),
    END,
};
static const option_list eval = {
    {.name = "event",
     .argument = "FILE",
     .values = "@file",
     .help = "the event, structured JSON; - is standard input (default: an event without "
             "attributes)"},
    END,
};
static const option_list plugin = {
    {.letter = 'o',
     .argument = "KEY=VALUE",
     .help = "try: an option of the plugin; repeat it; KEY=NAME=VALUE for a map"},
    {.name = "check", .help = "try: can the peer be reached?"},
    {.name = "deliver",
     .argument = "FILE",
     .values = "@file",
     .help = "try: deliver events (one JSON event a line), print a verdict for each"},
    {.name = "receive", .help = "try: poll for a while and print what is submitted"},
    {.name = "request",
     .argument = "FILE",
     .values = "@file",
     .help = "try: push one request with this body"},
    {.name = "speaks",
     .argument = "NAME",
     .values = "@adapter",
     .help = "try --deliver: the adapter that encodes (default: whole events)"},
    {.letter = 'O', .argument = "KEY=VALUE", .help = "try: an option of that adapter"},
    {.name = "attempt",
     .argument = "N",
     .help = "try --deliver: which attempt it is said to be (default 1)"},
    {.name = "content-type", .argument = "TYPE", .help = "try: of --request"},
    {.name = "for", .argument = "TIME", .help = "try: how long --receive runs (default 5s)"},
    {.name = "settle",
     .argument = "VERDICT",
     .values = "ok|retry|reject",
     .help = "try: what submissions are answered (default retry: nothing moves)"},
    JSON("one JSON document, or one a line"),
    END,
};
#define OPTION(l, whose)                                      \
    {                                                         \
        .letter = (l), .argument = "KEY=VALUE", .help = whose \
    }
static const option_list one_adapter = {
    OPTION('o', "an option of the adapter; repeat it; KEY=NAME=VALUE for a map"),
    END,
};
static const option_list convert = {
    OPTION('o', "an option of FROM; repeat it; KEY=NAME=VALUE for a map"),
    OPTION('O', "an option of TO"),
    {.name = "report",
     .help = "write no document, but what was kept, widened, changed, lost and added, field by "
             "field"},
    JSON("with --report: one JSON object a message, the totals last"),
    END,
};
static const option_list help_options = {JSON("all commands and options as JSON"), END};

const struct command_help command_helps[] = {
    {.name = "run",
     .arguments = "[-c PATH] [--machine NAME]",
     .summary = "run the hub in the foreground",
     .options = run,
     .text = "Logs go to standard error, one line a record. SIGTERM and SIGINT drain; a second one "
             "ends at once;\nSIGHUP reloads. Exit: 0 drained, 1 bad configuration or already "
             "running.\n"},
    {.name = "check",
     .arguments = "[-c PATH] [--print] [--without-secrets]",
     .summary = "check a configuration completely",
     .options = check,
     .text = "Prints FILE:LINE:COL: error|warning: text [code]. Exit: 0 clean, 1 errors.\n"},
    {.name = "explain",
     .arguments = "[-c PATH] --from CONNECTOR FILE [--json]",
     .summary = "say where a document would go, and why",
     .options = explain,
     .values = "@file"},
    {.name = "test",
     .arguments = "[-c PATH] [CASES]",
     .summary = "run the cases of a configuration against its plan",
     .options = config_only,
     .values = "@file"},
    {.name = "plan",
     .arguments = "OLD NEW [--since TIME] [--data DIR] [--json]",
     .summary = "say what another configuration would do with the messages of the journal",
     .options = plan,
     .values = "@file",
     .text =
         "OLD and NEW are configurations: a YAML file, or a directory of them; secrets need not "
         "be there.\nPrints what would go elsewhere, what would match nothing, and who could "
         "newly get what. Changes nothing.\nExit: 0; 1 a message would become unroutable, or a "
         "configuration has errors; 2 not all of the\njournal could be read.\n"},
    {.name = "trace",
     .arguments = "ID|SUBJECT|RECEIPT|TRACE [--json] [-c PATH | --data DIR]",
     .summary = "tell what became of a message or a submission",
     .options = trace,
     .text = "Eight or more characters of an id or a receipt are enough when they are "
             "unambiguous. Looks into the\njournals of this machine; where there are others, says "
             "so.\nExit: 0 found, 1 unknown.\n"},
    {.name = "status",
     .arguments = "[--json] [-c PATH | --data DIR]",
     .summary = "show processes, queues and alarms",
     .options = status,
     .text = "Exit: 0 fine, 1 alarm, 3 not running (what is stored is still shown).\n"},
    {.name = "reload",
     .arguments = "[-c PATH | --data DIR]",
     .summary = "make the running hub take its configuration anew",
     .options = asking,
     .text = "Waits until the new configuration is in force and prints the difference. An error "
             "changes nothing.\nExit: 0 done, 1 refused with the reason, 3 not running.\n"},
    {.name = "pause",
     .arguments = "DESTINATION [-c PATH | --data DIR]",
     .summary = "hold deliveries to a destination; messages keep queueing",
     .options = asking,
     .values = "@destination",
     .text = "Holds until `reeve resume` or the end of the hub. Where several machines run the "
             "configuration it holds on\nall of them that run now; prints which. Exit: 0 done, 1 "
             "refused, 3 not running.\n"},
    {.name = "resume",
     .arguments = "DESTINATION [-c PATH | --data DIR]",
     .summary = "deliver to a paused destination again",
     .options = asking,
     .values = "@destination",
     .text = "On all machines, as `reeve pause`. Exit: 0 done, 1 refused, 3 not running.\n"},
    {.name = "dead",
     .arguments = "list|show|replay|discard [OPTIONS] [NUMBER…]",
     .summary = "look at dead letters, send them again, throw them away",
     .options = dead,
     .words = "list|show|replay|discard",
     .text = "Exit: 0 done, 1 refused or nothing fits, 3 not running.\n"},
    {.name = "queue",
     .arguments = "move FROM TO [--dry-run] [--reason TEXT]",
     .summary = "move what waits for one destination to another",
     .options = queue,
     .words = "move",
     .values = "@destination",
     .text =
         "Moves all waiting messages, the oldest first, with their ids; dead letters stay. FROM "
         "must be at rest:\npaused, disabled, or no longer configured. Stopped in the middle, "
         "the same command goes on.\nExit: 0 done, 1 refused with the reason, 3 not running.\n"},
    {.name = "backup",
     .arguments = "[--verify] DIR",
     .summary = "copy what the hub has stored, while it runs",
     .options = backup,
     .values = "@directory",
     .text = "DIR must not be there, or be empty. To restore: stop the hub, move its data "
             "directory away, copy\nDIR to its place, start it. Exit: 0 done or whole, 1 not.\n"},
    {.name = "topology",
     .arguments = "[-c PATH] [--json]",
     .summary = "show what the hub has in RabbitMQ, and the least rights of its users",
     .options = topology,
     .text = "Asks nothing of the broker. Exit: 0, or 1 when the configuration has errors or keeps "
             "its queues itself.\n"},
    {.name = "migrate",
     .arguments = "spool amqp | amqp spool [-c PATH]",
     .summary = "move everything that waits from one transport to the other",
     .options = migrate,
     .words = "spool|amqp",
     .values = "spool|amqp",
     .text =
         "The hub must be stopped, and the configuration say where RabbitMQ is, in both "
         "directions. Waiting\nmessages keep their order, attempts and delays, dead letters "
         "their reasons. Stopped in the middle, the\nsame command goes on; what comes twice has "
         "the same id. Exit: 0 done, 1 refused or cut short.\n"},
    {.name = "decode",
     .arguments = "ADAPTER FILE|- [-o KEY=VALUE]…",
     .summary = "read a document of a standard and print its messages",
     .options = one_adapter,
     .words = "@adapter",
     .values = "@file",
     .text = "Exit: 0 all valid, 1 some refused, 2 not readable as that standard.\n"},
    {.name = "encode",
     .arguments = "ADAPTER [FILE|-] [-o KEY=VALUE]…",
     .summary = "write messages as a document of a standard",
     .options = one_adapter,
     .words = "@adapter",
     .values = "@file",
     .text = "Exit: 0 all written, 1 some refused, 2 not readable.\n"},
    {.name = "convert",
     .arguments = "FROM TO FILE|- [-o KEY=VALUE]… [-O KEY=VALUE]… [--report [--json]]",
     .summary = "turn a document of one standard into one of another",
     .options = convert,
     .words = "@adapter",
     .second = "@adapter",
     .values = "@file",
     .text =
         "FROM and TO are adapters. TO `hub` prints the hub records themselves, one a line.\nExit: "
         "0 all converted, 1 some refused, 2 not readable as that standard.\n"},
    {.name = "eval",
     .arguments = "EXPRESSION [--event FILE|-]",
     .summary = "evaluate a CloudEvents SQL expression on one event",
     .options = eval,
     .text = "Prints one line: {\"value\": …, \"errors\": […]}. Exit: 0, also with errors; 1 when "
             "the event is none.\n"},
    {.name = "plugin",
     .arguments = "list|describe NAME|try NAME",
     .summary = "look at plugins and adapters, or run one side alone",
     .options = plugin,
     .words = "list|describe|try",
     .values = "@module",
     .text = "  list                what is installed, and what does not fit, with the reason\n"
             "  describe NAME       roles, options with types and defaults, what an adapter emits\n"
             "  try NAME            run one side alone, without a hub; what it does outside is "
             "real\n\n"
             "NAME with a slash is a file: ./x.so. Exit: 0 fine, 1 not.\n"},
    {.name = "completion",
     .arguments = "bash|zsh|fish",
     .summary = "print the completion script for a shell",
     .words = "bash|zsh|fish",
     .text = "In a shell: source <(reeve completion bash)\n"},
    {.name = "help",
     .arguments = "[COMMAND] [--json]",
     .summary = "say what a command does",
     .options = help_options,
     .words = "@command"},
    {.name = "names",
     .arguments = "connector|destination|plugin|adapter|module|machine|data [-c PATH | --data DIR]",
     .summary = "executed by shell completion, and to find the data of a machine",
     .options = asking,
     .hidden = true},
    {.name = "grammar",
     .arguments = "",
     .summary = "print the keys of a configuration as JSON",
     .hidden = true},
    {.name = "compile",
     .arguments = "-c PATH --plan-fd N",
     .summary = "executed by reeve run",
     .hidden = true},
    {.name = "describe",
     .arguments = "FILE",
     .summary = "executed to read a module's tables",
     .hidden = true},
    {.name = "source", .arguments = "", .summary = "executed by reeve run", .hidden = true},
    {.name = "sink", .arguments = "", .summary = "executed by reeve run", .hidden = true},
    {.name = "console", .arguments = "", .summary = "executed by reeve run", .hidden = true},
    {.name = "amqp", .arguments = "", .summary = "executed by reeve run", .hidden = true},
};
const size_t command_helps_n = ARRAY_SIZE(command_helps);
