/* SPDX-License-Identifier: Apache-2.0 */
/* common - what all commands share: complaints, and where the configuration is. */
#include "cli.h"
#include "base/util.h"
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_complain(const char *command, const struct err *e)
{
    char text[2048] = "";
    escape_text(text, sizeof text, e->text, strlen(e->text));
    fprintf(stderr, "reeve %s: %s [%s]\n", command, text, e->code);
}

int cli_written(int code)
{
    errno = EIO; /* what went wrong at an earlier write is forgotten */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "reeve: standard output: %s [output]\n", strerror(errno));
    return code == CLI_OK ? CLI_FAILED : code;
}

int cli_usage(const char *command)
{
    const struct command_help *h = help_find(command);
    fprintf(stderr, "usage: reeve %s%s%s\n", command, h && *h->arguments ? " " : "",
            h ? h->arguments : "");
    fprintf(stderr, "       reeve %s --help says more\n", command);
    return CLI_USAGE;
}

bool cli_colours(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fileno(out)) && !(no && *no);
}

const char *cli_user_name(char out[64])
{
    const struct passwd *p = getpwuid(getuid());
    out[0] = '\0';
    if (p)
        escape_text(out, 64, p->pw_name, strlen(p->pw_name));
    for (char *c = out; *c; c++) /* it goes into JSON text */
        if (*c == '"' || *c == '\\')
            *c = '_';
    return *out ? out : "?";
}

const char *cli_config_path(const char *given)
{
    static const char *const places[] = {"reeve.yaml", "config"};
    const char *set = getenv("REEVE_CONFIG");
    if (given)
        return given;
    if (set && *set)
        return set;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (access(places[i], F_OK) == 0)
            return places[i];
    return "/etc/reeve";
}
