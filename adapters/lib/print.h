/* SPDX-License-Identifier: Apache-2.0 */
/* print - 128-bit prints of what stands in a document, and the set that tells whether one was seen
 * before (28 bytes a print at most, half of that again while it grows). A sender who made two
 * different records with one print would only harm his own. */
#ifndef ADAPTERS_LIB_PRINT_H
#define ADAPTERS_LIB_PRINT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct print {
    uint64_t a, b;
};
struct print text_print(const char *s, size_t len);
void print_add(struct print *p, uint64_t word);
void print_join(struct print *p, struct print other); /* both words of it */

struct print_set;
struct print_set *print_set_new(void);
void print_set_free(struct print_set *s); /* NULL is fine */
/* 1 = new, 0 = seen before, -1 = out of memory */
int print_set_add(struct print_set *s, struct print p);
bool print_set_has(const struct print_set *s, struct print p);

#endif
