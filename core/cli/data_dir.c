/* SPDX-License-Identifier: Apache-2.0 */
/* data_dir - where the data of a configuration lies, for commands that ask a running hub: also
 * while its files are being edited and cannot be read. `data:` is looked for in their text; only
 * where `machines:` may say otherwise are they read as they are, by `reeve-worker`. */
#include "cli.h"
#include "base/places.h"
#include "base/util.h"
#include "supervisor/spawn.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_FILE_MAX (1u << 20)

extern char **environ;

struct found {
    char data[PATH_MAX]; /* empty: no `data:` */
    bool machines;
};

static bool has_machines(const char *text)
{
    return strncmp(text, "machines:", 9) == 0 || strstr(text, "\nmachines:");
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

static void find_in_file(const char *path, struct found *f)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    if (read_file(path, CONFIG_FILE_MAX, &text, &len) < 0)
        return;
    f->machines |= has_machines(text);
    if (!f->data[0])
        (void)find_data(text, f->data, sizeof f->data);
}

static void find_in_dir(const char *dir, struct found *f)
{
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        _cleanup_free_ char *path = yaml_name(entry->d_name) ? path_join(dir, entry->d_name) : NULL;
        if (path)
            find_in_file(path, f);
    }
    if (d)
        (void)closedir(d);
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

/* ---- `machines:` */

/* What it writes on its standard output, without the last line feed. False: it did not end well. */
static bool output_of(const char *const argv[], char *out, size_t cap)
{
    char path[PATH_MAX];
    int p[2], pidfd = -1, status = 0;
    pid_t pid = -1;
    size_t n = 0;
    if (places_program("reeve-worker", path, sizeof path) < 0 || pipe2(p, O_CLOEXEC) < 0)
        return false;
    int to = spawn_move(p[1]);
    const struct spawn_fd fds[] = {{to, STDOUT_FILENO}};
    int r = to < 0 ? to : spawn(path, argv, environ, fds, 1, &pid, &pidfd);
    if (to >= 0)
        (void)close(to);
    ssize_t got = r == 0 ? 1 : 0;
    while (got > 0 && n < cap - 1) {
        got = read(p[0], out + n, cap - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    (void)close(p[0]);
    if (r < 0)
        return false;
    (void)close(pidfd);
    r = (int)waitpid(pid, &status, 0);
    out[n] = '\0';
    if (n > 0 && out[n - 1] == '\n')
        out[n - 1] = '\0';
    return r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 && out[0] == '/';
}

/* It says itself on standard error what is wrong. */
static int of_machine(const char *config, char *out, size_t cap, struct err *e)
{
    const char *const argv[] = {"reeve-worker", "names", "data", "-c", config, NULL};
    return output_of(argv, out, cap) ? 0
                                     : err_set(e, -ENOENT, "data-directory",
                                               "the data directory of this machine is not known: "
                                               "give --data DIR");
}

int cli_data_dir(const char *config, char *out, size_t cap, struct err *e)
{
    char root[PATH_MAX];
    struct found f = {0};
    struct stat st;
    if (!realpath(config, root) || stat(root, &st) < 0)
        return err_set(e, -errno, "config", "%s: %s", config, strerror(errno));
    if (S_ISDIR(st.st_mode))
        find_in_dir(root, &f);
    else
        find_in_file(root, &f);
    if (f.machines)
        return of_machine(config, out, cap, e);
    if (!f.data[0])
        memcpy(f.data, "var", sizeof "var");
    int r = resolve(f.data, sizeof f.data, e);
    if (r < 0)
        return r;
    if (!S_ISDIR(st.st_mode))
        *strrchr(root, '/') = '\0';
    int n = f.data[0] == '/' ? snprintf(out, cap, "%s", f.data)
                             : snprintf(out, cap, "%s/%s", root, f.data);
    return n >= 0 && (size_t)n < cap ? 0
                                     : err_set(e, -ENAMETOOLONG, "data-directory",
                                               "the path of the data directory is too long");
}
