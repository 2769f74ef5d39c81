/* SPDX-License-Identifier: Apache-2.0 */
/* log - one line a record on standard error. The line is built on the stack and written once, so
 * lines of threads and of processes that share the pipe do not mix (as long as they are shorter
 * than PIPE_BUF, and LINE_MAX_LEN is). Nothing is retried when the reader of the pipe is gone: a
 * log must not stop the work. errno is kept. */
#include "log.h"
#include "util.h"
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_LEN 2048
#define NAME_LEN     64
#define CUT_ROOM     20

static char process[NAME_LEN] = "reeve";
static pthread_rwlock_t process_lock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int max_shown = LOG_LEVEL_INFO;

/* A field of the line's head: as text, and without blanks, since the blank ends the field. */
static void add_field(char *line, size_t cap, const char *s)
{
    for (;;) {
        size_t n = strcspn(s, " ");
        escape_text(line, cap, s, n);
        if (s[n] == '\0')
            return;
        escape_text(line, cap, "\\x20", 4);
        s += n + 1;
    }
}

void log_open(const char *process_name, int max_level)
{
    char name[NAME_LEN] = "";
    add_field(name, sizeof(name), process_name);
    (void)pthread_rwlock_wrlock(&process_lock);
    memcpy(process, name, sizeof(process));
    (void)pthread_rwlock_unlock(&process_lock);
    atomic_store(&max_shown, max_level);
}

int log_max_level(void)
{
    return atomic_load(&max_shown);
}

static const char *level_name(int level)
{
    if (level <= LOG_LEVEL_ERROR)
        return "error";
    if (level == LOG_LEVEL_WARNING)
        return "warning";
    return level <= LOG_LEVEL_INFO ? "info" : "debug";
}

static void add_head(char *line, size_t cap, int level, const char *code, const char *id)
{
    char when[RFC3339_MAX];
    rfc3339_ms(wall_ms(), when);
    (void)pthread_rwlock_rdlock(&process_lock);
    (void)snprintf(line, cap, "%s %s %s ", when, level_name(level), process);
    (void)pthread_rwlock_unlock(&process_lock);
    if (id) {
        escape_text(line, cap, "id=", 3);
        add_field(line, cap / 2, id); /* a long id leaves room for code and text */
        escape_text(line, cap, " ", 1);
    }
    add_field(line, cap, code ? code : "-");
    escape_text(line, cap, ": ", 2);
}

static void end_line(char *line)
{
    static const char cut[] = "\xe2\x80\xa6\n";
    size_t len = strlen(line);
    if (len + CUT_ROOM >=
        LINE_MAX_LEN) { /* nearer the end than one escaped character: something was left out */
        len = LINE_MAX_LEN - CUT_ROOM;
        while (len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80)
            len--;
        memcpy(line + len, cut, sizeof(cut));
        return;
    }
    line[len] = '\n';
    line[len + 1] = '\0';
}

void log_write(int level, const char *code, const char *id, const char *fmt, ...)
{
    if (level > atomic_load_explicit(&max_shown, memory_order_relaxed))
        return;
    int saved = errno;
    char text[LINE_MAX_LEN], line[LINE_MAX_LEN + 1];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    add_head(line, LINE_MAX_LEN, level, code, id);
    escape_text(line, LINE_MAX_LEN, text, strlen(text));
    end_line(line);
    ssize_t n;
    do
        n = write(STDERR_FILENO, line, strlen(line));
    while (n < 0 && errno == EINTR);
    errno = saved;
}
