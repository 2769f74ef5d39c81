/* SPDX-License-Identifier: Apache-2.0 */
/* log_line - a record of the log as one line, for people or for machines. Pure; shared inside this
 * room. */
#ifndef REEVE_BASE_LOG_LINE_H
#define REEVE_BASE_LOG_LINE_H
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048 /* bytes, line feed included: less than PIPE_BUF, so lines do not mix */

struct log_record {
    uint64_t wall_ms;
    const char *level, *process, *code;
    const char *id, *text; /* id: NULL = none */
};
/* Both write a line with its line feed and a zero, LOG_LINE_MAX bytes at most; what does not fit is
 * cut and ends with an ellipsis.
 *
 * Text: "TIME LEVEL PROCESS [id=ID] CODE: TEXT"; control characters and bad UTF-8 as \xNN, also
 * blanks in all fields but the last. */
void log_line_text(char line[LOG_LINE_MAX + 1], const struct log_record *r);
/* JSON (RFC 8259): {"time", "level", "process", "code", "id"?, "text"}; bytes that are not UTF-8
 * become U+FFFD. It is whole also when the text was cut. */
void log_line_json(char line[LOG_LINE_MAX + 1], const struct log_record *r);

#endif
