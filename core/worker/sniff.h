/* SPDX-License-Identifier: Apache-2.0 */
/* sniff - what some bytes look like, for the sentence that says what was sent instead. Pure; never
 * decides anything. */
#ifndef REEVE_WORKER_SNIFF_H
#define REEVE_WORKER_SNIFF_H
#include <stddef.h>

#define SNIFF_BYTES 4096 /* this much of the beginning is enough */
/* "an Excel workbook (.xlsx)", "a web page (HTML)" …, or NULL when nothing is recognised. */
const char *sniff(const char *p, size_t len);
/* A content type that is clearly of another kind than a document of records (pictures, PDF, office
 * files, multipart …): what it is, for people; NULL when it may be what is wanted. */
const char *sniff_content_type(const char *content_type);

#endif
