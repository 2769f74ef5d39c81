/* SPDX-License-Identifier: Apache-2.0 */
/* help - what `reeve --help` and `reeve COMMAND --help` say. The table is also what did-you-mean
 * and completion know. */
#include "cli.h"
#include "base/util.h"
#include <string.h>

#define CONFIG_OPTION                                                                        \
    "  -c, --config PATH   the configuration: a YAML file or a directory of them (default: " \
    "$REEVE_CONFIG,\n"                                                                       \
    "                      ./reeve.yaml, ./config, /etc/reeve)\n"
#define DATA_OPTION \
    "      --data DIR      the data directory, when the configuration is not at hand\n"

const struct command_help command_helps[] = {
    {"run", "[-c PATH]", "run the hub in the foreground",
     CONFIG_OPTION
     "      --drain TIME    how long processes may take to finish when the hub ends (default 30s)\n"
     "      --watchdog TIME silence after which a process is ended and started again (default "
     "30s)\n"
     "      --cores         let processes leave core files; they can hold personal data\n"
     "  -v, --verbose       more log records\n"
     "\nLogs go to standard error, one line a record. SIGTERM and SIGINT drain; a second one ends "
     "at once;\n"
     "SIGHUP reloads. Exit: 0 drained, 1 bad configuration or already running.\n",
     false},
    {"check", "[-c PATH] [--print] [--without-secrets]", "check a configuration completely",
     CONFIG_OPTION, false},
    {"explain", "[-c PATH] --from CONNECTOR FILE [--json]",
     "say where a document would go, and why", CONFIG_OPTION, false},
    {"test", "[-c PATH] [CASES]", "run the cases of a configuration against its plan",
     CONFIG_OPTION, false},
    {"trace", "ID|SUBJECT|RECEIPT [--json] [-c PATH | --data DIR]",
     "tell what became of a message or a submission",
     CONFIG_OPTION DATA_OPTION
     "      --json          every journal row as JSON\n"
     "\nEight or more characters of an id or a receipt are enough when they are unambiguous.\n"
     "Exit: 0 found, 1 unknown.\n",
     false},
    {"status", "[--json] [-c PATH | --data DIR]", "show processes, queues and alarms",
     CONFIG_OPTION DATA_OPTION
     "      --json          the whole document as JSON\n"
     "\nExit: 0 fine, 1 alarm, 3 not running (what is stored is still shown).\n",
     false},
    {"reload", "[-c PATH | --data DIR]", "make the running hub take its configuration anew",
     CONFIG_OPTION DATA_OPTION "\nWaits until the new configuration is in force and prints the "
                               "difference. An error changes nothing.\n"
                               "Exit: 0 done, 1 refused with the reason, 3 not running.\n",
     false},
    {"pause", "DESTINATION [-c PATH | --data DIR]",
     "hold deliveries to a destination; messages keep queueing",
     CONFIG_OPTION DATA_OPTION "\nHolds until `reeve resume` or the end of the hub. Exit: 0 done, "
                               "1 refused, 3 not running.\n",
     false},
    {"resume", "DESTINATION [-c PATH | --data DIR]", "deliver to a paused destination again",
     CONFIG_OPTION DATA_OPTION "\nExit: 0 done, 1 refused, 3 not running.\n", false},
    {"dead", "list|show|replay|discard [OPTIONS] [NUMBER…]",
     "look at dead letters, send them again, throw them away",
     CONFIG_OPTION
     "      --destination NAME, --code CODE, --id ID, --since TIME, --until TIME\n"
     "                      which ones; TIME is RFC 3339 (2026-01-31T00:00:00Z) or how long ago "
     "(2d)\n"
     "      --all           replay or discard everything that fits when nothing else says which\n"
     "      --dry-run       only say what would be done\n"
     "      --reason TEXT   discard, show --body: why; kept in the journal\n"
     "      --body          show: the whole event; needs --reason\n"
     "      --json          list, show: one JSON object a line\n"
     "\nExit: 0 done, 1 refused or nothing fits, 3 not running.\n",
     false},
    {"decode", "ADAPTER FILE|-", "read a document of a standard and print its messages", "", false},
    {"encode", "ADAPTER [FILE|-]", "write messages as a document of a standard", "", false},
    {"eval", "EXPRESSION [--event FILE|-]", "evaluate a CloudEvents SQL expression on one event",
     "      --event FILE    the event, structured JSON; - is standard input (default: an event "
     "without attributes)\n"
     "\nPrints one line: {\"value\": …, \"errors\": […]}. Exit: 0, also with errors; 1 when the "
     "event is none.\n",
     false},
    {"plugin", "list|describe NAME|try NAME", "look at plugins and adapters, or run one side alone",
     "  list                what is installed, and what does not fit, with the reason\n"
     "  describe NAME       roles, options with types and defaults, what an adapter emits\n"
     "  try NAME            run one side alone, without a hub; what it does outside is real:\n"
     "      -o KEY=VALUE    an option of the plugin; repeat it; KEY=NAME=VALUE for a map\n"
     "      --check         can the peer be reached?\n"
     "      --deliver FILE  deliver events (one JSON event a line), print a verdict for each\n"
     "      --receive       poll for a while and print what is submitted\n"
     "      --request FILE  push one request with this body\n"
     "      --speaks NAME   --deliver: the adapter that encodes (default: whole events)\n"
     "      --attempt N     --deliver: which attempt it is said to be (default 1)\n"
     "      --content-type T  of --request\n"
     "      --for TIME      how long --receive runs (default 5s)\n"
     "      --settle ok|retry|reject   what submissions are answered (default retry: nothing "
     "moves)\n"
     "      --json          list, describe, try: one JSON document, or one a line\n"
     "\nNAME with a slash is a file: ./x.so. Exit: 0 fine, 1 not.\n",
     false},
    {"completion", "bash", "print the completion script for a shell",
     "\nIn a shell: source <(reeve completion bash)\n", false},
    {"compile", "-c PATH --plan-fd N", "executed by reeve run", "", true},
    {"describe", "FILE", "executed to read a module's tables", "", true},
    {"source", "", "executed by reeve run", "", true},
    {"sink", "", "executed by reeve run", "", true},
};
const size_t command_helps_n = ARRAY_SIZE(command_helps);

const struct command_help *help_find(const char *name)
{
    for (size_t i = 0; i < command_helps_n; i++)
        if (strcmp(command_helps[i].name, name) == 0)
            return &command_helps[i];
    return NULL;
}

void help_all(FILE *out)
{
    fputs("reeve threads clients, funding and information between the organisations that serve a "
          "place.\n\n"
          "usage: reeve COMMAND [ARGUMENTS]\n\n",
          out);
    for (size_t i = 0; i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            fprintf(out, "  %-11s %s\n", command_helps[i].name, command_helps[i].summary);
    fputs("\n`reeve COMMAND --help` says more, `reeve --version` which one this is. `-` is "
          "standard input.\n",
          out);
}

void help_one(FILE *out, const struct command_help *h)
{
    fprintf(out, "usage: reeve %s%s%s\n\n%c%s.\n", h->name, *h->arguments ? " " : "", h->arguments,
            h->summary[0] >= 'a' && h->summary[0] <= 'z' ? h->summary[0] - 'a' + 'A'
                                                         : h->summary[0],
            h->summary + 1);
    if (*h->text)
        fprintf(out, "\n%s", h->text);
}

bool cli_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}
