/* SPDX-License-Identifier: Apache-2.0 */
/* completion - the completion scripts of bash, zsh and fish, written from the table in commands.c.
 * Names of connectors, destinations and modules are asked for when they are needed, of `reeve
 * names` (cmd_names.c). */
#include "cli.h"
#include "base/util.h"
#include <string.h>

/* A text of the table inside single quotes of a shell. */
static void quoted(const char *text, const char *quote)
{
    for (const char *p = text; *p; p++)
        if (*p == '\'')
            fputs(quote, stdout);
        else
            putchar(*p == '|' ? ' ' : *p);
}

static bool is_option(const struct command_option *o)
{
    return o && (o->name || o->letter);
}

/* ---- bash; zsh runs the same by its bashcompinit ---- */

static const char bash_head[] =
    "# completion of reeve; made by `reeve completion`\n"
    "_reeve_values()\n"
    "{\n"
    "    local IFS=$'\\n' names=$1\n"
    "    case $names in\n"
    "    '') return ;;\n"
    "    @file) COMPREPLY=($(compgen -f -- \"$2\")); return ;;\n"
    "    @directory) COMPREPLY=($(compgen -d -- \"$2\")); return ;;\n"
    "    @command) names=$_reeve_commands ;;\n"
    "    @*) names=$(\"${COMP_WORDS[0]/#\\~/$HOME}\" names \"${names#@}\" \"${where[@]}\" "
    "2>/dev/null) ;;\n"
    "    esac\n"
    "    names=${names// /$IFS}\n"
    "    COMPREPLY=($(compgen -W \"$names\" -- \"$2\"))\n"
    "}\n"
    "_reeve()\n"
    "{\n"
    "    local i n=0 word before='' options='' words='' second='' values='' takes='' "
    "command=${COMP_WORDS[1]} cur=${COMP_WORDS[COMP_CWORD]}\n"
    "    local -a where\n"
    "    where=()\n"
    "    COMPREPLY=()\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        _reeve_values @command \"$cur\"\n"
    "        return\n"
    "    fi\n"
    "    case $command in\n";

static const char bash_tail[] = "    *) return ;;\n"
                                "    esac\n"
                                "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
                                "        word=${COMP_WORDS[i]}\n"
                                "        if [ -n \"$before\" ]; then\n"
                                "            case $before in -c | --config | --data) "
                                "where+=(\"$before\" \"${word/#\\~/$HOME}\") ;; esac\n"
                                "            before=''\n"
                                "        elif [[ $takes == *\" $word \"* ]]; then\n"
                                "            before=$word\n"
                                "        elif [[ $word != -?* ]]; then\n"
                                "            n=$((n + 1))\n"
                                "        fi\n"
                                "    done\n"
                                "    if [ -n \"$before\" ]; then\n"
                                "        case \"$command $before\" in\n";

static const char bash_end[] = "        esac\n"
                               "        _reeve_values \"$values\" \"$cur\"\n"
                               "    elif [[ $cur == -* ]]; then\n"
                               "        _reeve_values \"$options\" \"$cur\"\n"
                               "    elif [ \"$n\" -eq 0 ] && [ -n \"$words\" ]; then\n"
                               "        _reeve_values \"$words\" \"$cur\"\n"
                               "    elif [ \"$n\" -eq 1 ] && [ -n \"$second\" ]; then\n"
                               "        _reeve_values \"$second\" \"$cur\"\n"
                               "    else\n"
                               "        _reeve_values \"$values\" \"$cur\"\n"
                               "    fi\n"
                               "}\n"
                               "complete -o filenames -F _reeve reeve\n";

static void bash_flags(const struct command_option *o)
{
    if (o->letter)
        printf("-%c ", o->letter);
    if (o->name)
        printf("--%s ", o->name);
}

static void bash_command(const struct command_help *h)
{
    printf("    %s)\n        options='", h->name);
    for (const struct command_option *o = h->options; is_option(o); o++)
        bash_flags(o);
    fputs("--help' takes=' ", stdout);
    for (const struct command_option *o = h->options; is_option(o); o++)
        if (o->argument)
            bash_flags(o);
    fputs("' words='", stdout);
    quoted(h->words ? h->words : "", "'\\''");
    printf("' second='%s' values='%s' ;;\n", h->second ? h->second : "",
           h->values ? h->values : "");
}

static void bash_values(const struct command_help *h)
{
    for (const struct command_option *o = h->options; is_option(o); o++) {
        if (!o->argument)
            continue;
        fputs("        ", stdout);
        if (o->letter)
            printf("'%s -%c'%s", h->name, o->letter, o->name ? " | " : "");
        if (o->name)
            printf("'%s --%s'", h->name, o->name);
        fputs(") values='", stdout);
        quoted(o->values ? o->values : "", "'\\''");
        fputs("' ;;\n", stdout);
    }
}

static void bash(void)
{
    fputs("_reeve_commands='", stdout);
    for (size_t i = 0; i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            printf("%s ", command_helps[i].name);
    fputs("'\n", stdout);
    fputs(bash_head, stdout);
    for (size_t i = 0; i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            bash_command(&command_helps[i]);
    fputs(bash_tail, stdout);
    for (size_t i = 0; i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            bash_values(&command_helps[i]);
    fputs(bash_end, stdout);
}

static void zsh(void)
{
    fputs("#compdef reeve\nautoload -Uz +X bashcompinit && bashcompinit\n", stdout);
    bash();
    /* When it is loaded by the first completion it must also answer that one. */
    fputs("[[ -n $compstate ]] && _bash_complete -o filenames -F _reeve\n", stdout);
}

/* ---- fish ---- */

static void fish_values(const char *values)
{
    if (!values)
        fputs(" -f", stdout);
    else if (strcmp(values, "@file") == 0 || strcmp(values, "@directory") == 0)
        fputs(" -F", stdout);
    else if (strcmp(values, "@command") == 0)
        fputs(" -f -a '(__reeve_commands)'", stdout);
    else if (values[0] == '@')
        printf(" -f -a '(__reeve_names %s)'", values + 1);
    else {
        fputs(" -f -a '", stdout);
        quoted(values, "\\'");
        putchar('\'');
    }
}

static void fish_command(const struct command_help *h)
{
    printf("complete -c reeve -n __fish_use_subcommand -f -a %s -d '", h->name);
    quoted(h->summary, "\\'");
    fputs("'\n", stdout);
    for (const struct command_option *o = h->options; is_option(o); o++) {
        printf("complete -c reeve -n '__fish_seen_subcommand_from %s'", h->name);
        if (o->letter)
            printf(" -s %c", o->letter);
        if (o->name)
            printf(" -l %s", o->name);
        if (o->argument) {
            fputs(" -r", stdout);
            fish_values(o->values);
        }
        fputs(" -d '", stdout);
        quoted(o->help, "\\'");
        fputs("'\n", stdout);
    }
    const char *const positional[] = {h->words, h->values};
    for (size_t i = 0; i < ARRAY_SIZE(positional); i++)
        if (positional[i]) {
            printf("complete -c reeve -n '__fish_seen_subcommand_from %s'", h->name);
            fish_values(positional[i]);
            putchar('\n');
        }
}

static void fish(void)
{
    fputs("# completion of reeve; made by `reeve completion`\n"
          "function __reeve_names\n"
          "    set -l words (commandline -opc)\n"
          "    set -l where\n"
          "    for i in (seq 2 (count $words))\n"
          "        contains -- $words[$i] -c --config --data; and set -a where $words[$i] "
          "$words[(math $i + 1)]\n"
          "    end\n"
          "    $words[1] names $argv[1] $where 2>/dev/null\n"
          "end\n"
          "function __reeve_commands\n"
          "    printf '%s\\n'",
          stdout);
    for (size_t i = 0; i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            printf(" %s", command_helps[i].name);
    fputs("\nend\ncomplete -c reeve -f\n", stdout);
    for (size_t i = 0; i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            fish_command(&command_helps[i]);
}

int front_completion(int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(shells); i++)
        if (strcmp(argv[1], shells[i].shell) == 0) {
            shells[i].print();
            return CLI_OK;
        }
    return cli_usage("completion");
}
