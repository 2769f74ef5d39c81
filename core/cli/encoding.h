/* SPDX-License-Identifier: Apache-2.0 */
/* encoding - what encode and convert share: an adapter that writes, the messages for it, one
 * document on standard output. */
#ifndef REEVE_CLI_ENCODING_H
#define REEVE_CLI_ENCODING_H
#include "document.h"
#include "plugin/memory.h"
#include "worker/translate.h"

#define ADAPTERS_MAX 64u

struct encoding {
    const char *file; /* that the messages come from, for people */
    struct host_room room;
    struct translator t;
    struct tree *parts; /* of all adapters loaded: they borrow from here */
    struct instance *others[ADAPTERS_MAX];
    reeve_msg **msgs;
    size_t n, cap;
    uint64_t refused;
    struct map *memory; /* what adapters remember; NULL: nothing */
};
/* Loads and opens the adapter, which must have encode. 0, or *e; encoding_close() in any case. */
int encoding_open(struct encoding *x, const struct adapter_choice *a, const char *file,
                  struct err *e);
void encoding_close(struct encoding *x);
/* Adapters remember, from now on, what they would where messages are delivered. 0 or
 * *e. */
int encoding_remember(struct encoding *x, struct err *e);
/* Another adapter, for a message of its standard; without one the message is refused later. */
void encoding_need(struct encoding *x, const char *standard);
/* "FILE: WHERE: error: TEXT [CODE]" on standard error; counted. */
void encoding_left_out(struct encoding *x, const char *where, const char *code, const char *text);
int encoding_take(void *arg, struct message *m); /* arg: the encoding; takes m */
int encoding_write(struct encoding *x);          /* all that was taken. 0 or -1, said */

#endif
