/* SPDX-License-Identifier: Apache-2.0 */
/* common - what all commands share: complaints, and where the configuration and its data are. */
#include "cli.h"
#include "base/util.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_FILE_MAX (1u << 20)

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

/* The value behind `data:` at the beginning of a line, without quotes and comment. False: no such
 * line. */
static bool find_data(const char *text, char *out, size_t cap)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "data:", 5) != 0 || (line[5] != ' ' && line[5] != '\t'))
            continue;
        const char *p = line + 5 + strspn(line + 5, " \t");
        size_t n;
        if (*p == '"' || *p == '\'') {
            const char quote[] = {*p, '\n', '\0'};
            p++;
            n = strcspn(p, quote);
        } else {
            n = strcspn(p, "\r\n");
            const char *comment = memmem(p, n, " #", 2);
            if (comment)
                n = (size_t)(comment - p);
            while (n > 0 && isspace((unsigned char)p[n - 1]))
                n--;
        }
        if (n == 0 || n >= cap)
            return false;
        memcpy(out, p, n);
        out[n] = '\0';
        return true;
    }
    return false;
}

static bool yaml_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static bool find_in_file(const char *path, char *out, size_t cap)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    return read_file(path, CONFIG_FILE_MAX, &text, &len) == 0 && find_data(text, out, cap);
}

static bool find_in_dir(const char *dir, char *out, size_t cap)
{
    DIR *d = opendir(dir);
    bool found = false;
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        _cleanup_free_ char *path = yaml_name(entry->d_name) ? path_join(dir, entry->d_name) : NULL;
        found = path && find_in_file(path, out, cap);
    }
    if (d)
        (void)closedir(d);
    return found;
}

/* ${env:NAME} as the whole value is the one reference that can be resolved without reading more. */
static int resolve(char *value, size_t cap, struct err *e)
{
    size_t len = strlen(value);
    if (!strstr(value, "${"))
        return 0;
    if (strncmp(value, "${env:", 6) == 0 && strchr(value, '}') == value + len - 1) {
        value[len - 1] = '\0';
        const char *set = getenv(value + 6);
        if (set && *set && strlen(set) < cap) {
            memmove(value, set, strlen(set) + 1);
            return 0;
        }
    }
    return err_set(e, -ENOENT, "data-directory",
                   "`data:` of the configuration is a reference: give --data DIR");
}

int cli_data_dir(const char *config, char *out, size_t cap, struct err *e)
{
    char root[PATH_MAX], value[PATH_MAX];
    struct stat st;
    if (!realpath(config, root) || stat(root, &st) < 0)
        return err_set(e, -errno, "config", "%s: %s", config, strerror(errno));
    bool found = S_ISDIR(st.st_mode) ? find_in_dir(root, value, sizeof value)
                                     : find_in_file(root, value, sizeof value);
    if (!found)
        memcpy(value, "var", sizeof "var");
    int r = resolve(value, sizeof value, e);
    if (r < 0)
        return r;
    if (!S_ISDIR(st.st_mode))
        *strrchr(root, '/') = '\0';
    int n = value[0] == '/' ? snprintf(out, cap, "%s", value)
                            : snprintf(out, cap, "%s/%s", root, value);
    return n >= 0 && (size_t)n < cap ? 0
                                     : err_set(e, -ENAMETOOLONG, "data-directory",
                                               "the path of the data directory is too long");
}
