/* SPDX-License-Identifier: Apache-2.0 */
/* log - one line a record on standard error. The line is built on the stack and written once, so
 * lines of threads and of processes that share the pipe do not mix (as long as they are shorter
 * than PIPE_BUF, and LOG_LINE_MAX is). Nothing is retried when the reader of the pipe is gone: a
 * log must not stop the work. errno is kept. */
#include "log.h"
#include "log_limit.h"
#include "log_line.h"
#include "util.h"
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN 64

static char process[NAME_LEN] = "reeve";
static pthread_rwlock_t process_lock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int max_shown = LOG_LEVEL_INFO;
static atomic_bool as_json;
static struct log_limits limits;
static pthread_mutex_t limits_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct {
    const char *name;
    int level; /* 0: a format */
    bool json;
} words[] = {{"error", LOG_LEVEL_ERROR, false},
             {"warning", LOG_LEVEL_WARNING, false},
             {"info", LOG_LEVEL_INFO, false},
             {"debug", LOG_LEVEL_DEBUG, false},
             {"text", 0, false},
             {"json", 0, true}};

static const char *level_name(int level)
{
    if (level <= LOG_LEVEL_ERROR)
        return "error";
    if (level == LOG_LEVEL_WARNING)
        return "warning";
    return level <= LOG_LEVEL_INFO ? "info" : "debug";
}

static int find_word(const char *p, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i].name) == len && memcmp(words[i].name, p, len) == 0)
            return (int)i;
    return -1;
}

int log_set(const char *settings)
{
    int level = 0, format = -1;
    for (const char *p = settings;; p++) {
        size_t len = strcspn(p, ",");
        int w = find_word(p, len);
        if (w < 0 || (words[w].level ? level != 0 : format >= 0))
            return -EINVAL;
        if (words[w].level)
            level = words[w].level;
        else
            format = words[w].json;
        p += len;
        if (!*p)
            break;
    }
    if (level)
        atomic_store(&max_shown, level);
    if (format >= 0)
        atomic_store(&as_json, format == 1);
    return 0;
}

void log_get(char settings[LOG_SETTINGS_MAX])
{
    (void)snprintf(settings, LOG_SETTINGS_MAX, "%s,%s", atomic_load(&as_json) ? "json" : "text",
                   level_name(atomic_load(&max_shown)));
}

int log_max_level(void)
{
    return atomic_load(&max_shown);
}

/* ---- records */

static void write_record(int level, const char *code, const char *id, const char *text)
{
    char name[NAME_LEN], line[LOG_LINE_MAX + 1];
    (void)pthread_rwlock_rdlock(&process_lock);
    memcpy(name, process, sizeof(name));
    (void)pthread_rwlock_unlock(&process_lock);
    struct log_record r = {.wall_ms = wall_ms(),
                           .level = level_name(level),
                           .process = name,
                           .code = code,
                           .id = id,
                           .text = text};
    if (atomic_load(&as_json))
        log_line_json(line, &r);
    else
        log_line_text(line, &r);
    ssize_t n;
    do
        n = write(STDERR_FILENO, line, strlen(line));
    while (n < 0 && errno == EINTR);
}

static void write_suppressed(const char *code, uint32_t n)
{
    char text[80];
    if (!n)
        return;
    (void)snprintf(text, sizeof(text), "suppressed %u more records of this code", (unsigned)n);
    write_record(LOG_LEVEL_WARNING, code, NULL, text);
}

static bool passes(int level, const char *code)
{
    uint32_t suppressed = 0;
    if (level > LOG_LEVEL_INFO)
        return true;
    (void)pthread_mutex_lock(&limits_lock);
    bool pass = log_limit_pass(&limits, code, mono_ms(), &suppressed);
    (void)pthread_mutex_unlock(&limits_lock);
    write_suppressed(code, suppressed);
    return pass;
}

static void tell_suppressed(bool all)
{
    char code[LOG_LIMIT_CODE];
    uint32_t n;
    for (bool more = true; more;) {
        (void)pthread_mutex_lock(&limits_lock);
        more = log_limit_over(&limits, mono_ms(), all, code, &n);
        (void)pthread_mutex_unlock(&limits_lock);
        if (more)
            write_suppressed(code, n);
    }
}

void log_tick(void)
{
    int saved = errno;
    tell_suppressed(false);
    errno = saved;
}

static void at_end(void)
{
    tell_suppressed(true);
}

void log_write(int level, const char *code, const char *id, const char *fmt, ...)
{
    if (level > atomic_load_explicit(&max_shown, memory_order_relaxed))
        return;
    int saved = errno;
    char text[LOG_LINE_MAX];
    va_list ap;
    code = code ? code : "-";
    if (!passes(level, code)) {
        errno = saved;
        return;
    }
    errno = saved; /* the arguments may want it: "%m" */
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    write_record(level, code, id, text);
    errno = saved;
}

void log_open(const char *process_name, int max_level)
{
    static atomic_bool opened;
    const char *settings = getenv(LOG_ENV);
    char name[NAME_LEN];
    (void)snprintf(name, sizeof(name), "%s", process_name);
    (void)pthread_rwlock_wrlock(&process_lock);
    memcpy(process, name, sizeof(process));
    (void)pthread_rwlock_unlock(&process_lock);
    atomic_store(&max_shown, max_level);
    if (!atomic_exchange(&opened, true))
        (void)atexit(at_end);
    if (settings && log_set(settings) < 0)
        log_warning("log-settings", NULL,
                    "%s is \"%s\": wanted are text or json and a level, as in json,debug", LOG_ENV,
                    settings);
}
