/* SPDX-License-Identifier: Apache-2.0 */
/* log - one line a record on standard error, as text: "2026-01-15T09:30:00.123Z info
 * dcms-grants.receive id=… code: text", or as JSON (log_line.h). Nothing from outside reaches it
 * unescaped, bodies never do. Thread-safe: one write(2) a line.
 *
 * No code floods it: beyond 200 records of one code in 10 s the rest is counted, and a record of
 * that code says how many were suppressed. Debug records are asked for and not limited. */
#ifndef REEVE_BASE_LOG_H
#define REEVE_BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

#define LOG_ENV          "REEVE_LOG" /* settings, which win over max_level of log_open() */
#define LOG_SETTINGS_MAX 32

void log_open(const char *process_name, int max_level); /* the name is copied */
int log_max_level(void);
/* "json", "text", "error", "warning", "info", "debug", or two of them with a comma: "json,debug".
 * 0, or -EINVAL: nothing was changed. */
int log_set(const char *settings);
/* What is in force, in the form of log_set(). */
void log_get(char settings[LOG_SETTINGS_MAX]);
/* Tells what was suppressed and is due; call it now and then. */
void log_tick(void);
/* code: stable, "worker-started"; id: message id or receipt, may be NULL. */
void log_write(int level, const char *code, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define log_error(code, id, ...)   log_write(LOG_LEVEL_ERROR, code, id, __VA_ARGS__)
#define log_warning(code, id, ...) log_write(LOG_LEVEL_WARNING, code, id, __VA_ARGS__)
#define log_info(code, id, ...)    log_write(LOG_LEVEL_INFO, code, id, __VA_ARGS__)
#define log_debug(code, id, ...)   log_write(LOG_LEVEL_DEBUG, code, id, __VA_ARGS__)

#endif
