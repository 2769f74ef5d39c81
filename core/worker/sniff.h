/* SPDX-License-Identifier: Apache-2.0 */
/* sniff - what some bytes look like, for the sentence that says what was sent instead. Pure, all
 * but the reading of a beginning; never decides what a document is. */
#ifndef REEVE_WORKER_SNIFF_H
#define REEVE_WORKER_SNIFF_H
#include <stdbool.h>
#include <stddef.h>

#define SNIFF_BYTES 4096 /* this much of the beginning is enough */
/* "an Excel workbook (.xlsx)", "a web page (HTML)" …, or NULL when nothing is recognised. */
const char *sniff(const char *p, size_t len);
/* The beginning of a document, which is in fd or, when that is -1, the *len bytes at p: where it
 * lies (head, or p) and in *len how much there is. */
const char *sniff_beginning(int fd, const char *p, size_t *len, char head[SNIFF_BYTES]);
/* A content type that is clearly of another kind than a document of records (pictures, PDF, office
 * files, multipart …): what it is, for people; NULL when it may be what is wanted. */
const char *sniff_content_type(const char *content_type);
/* Of such a type: one that a .csv is given as well, and the document begins as none of the files
 * that it means. */
bool sniff_may_be_csv(const char *content_type, const char *p, size_t len);

#endif
