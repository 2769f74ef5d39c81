/* SPDX-License-Identifier: Apache-2.0 */
/* log - one line a record on standard error: "2026-01-15T09:30:00.123Z info dcms-grants.receive
 * id=… code: text". Nothing from outside reaches it unescaped (control characters and bad UTF-8 are
 * written as \xNN), bodies never do. Thread-safe: one write(2) a line. */
#ifndef REEVE_BASE_LOG_H
#define REEVE_BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

void log_open(const char *process_name, int max_level); /* the name is copied */
int log_max_level(void);
/* code: stable, "worker-started"; id: message id or receipt, may be NULL. */
void log_write(int level, const char *code, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define log_error(code, id, ...)   log_write(LOG_LEVEL_ERROR, code, id, __VA_ARGS__)
#define log_warning(code, id, ...) log_write(LOG_LEVEL_WARNING, code, id, __VA_ARGS__)
#define log_info(code, id, ...)    log_write(LOG_LEVEL_INFO, code, id, __VA_ARGS__)
#define log_debug(code, id, ...)   log_write(LOG_LEVEL_DEBUG, code, id, __VA_ARGS__)

#endif
