/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_host - hosts an adapter that is linked into a test: what it emits, refuses and reports is
 * gathered. */
#ifndef TESTS_LIB_ADAPTER_HOST_H
#define TESTS_LIB_ADAPTER_HOST_H
#include "base/map.h"
#include "plugin/host.h"
#include <stddef.h>

struct seen_issue {
    uint32_t severity, flags;
    char code[64], where[256], subject[256], found[256], wanted[256];
};
struct adapter_host {
    struct plugin plugin;
    reeve_ctx *ctx;
    void *inst;
    struct tree *options;
    struct message **messages;
    size_t messages_n, messages_cap;
    struct seen_issue *issues;
    size_t issues_n, issues_cap;
    size_t refused;
    struct map *state; /* what the adapter remembers */
    bool refuses_state;
};
/* The adapter that the test is linked with. option = "key=value" or NULL. Fails the test when
 * anything goes wrong, like all here. */
struct adapter_host *adapter_host_new(const char *option);
void adapter_host_free(struct adapter_host *h);
/* For a test that needs one without options: *state is it. */
int adapter_host_setup(void **state);
int adapter_host_teardown(void **state);
void adapter_host_reset(struct adapter_host *h); /* forgets what was gathered */
reeve_rc adapter_host_decode(struct adapter_host *h, const char *p, size_t len,
                             const char *content_type, const struct door_header *headers,
                             size_t headers_n);
/* The same of a text, which is all that is gathered then. */
reeve_rc adapter_host_decode_text(struct adapter_host *h, const char *text,
                                  const char *content_type);
/* to_hub() or from_hub() of m; what comes is gathered, the reason of a refusal is
 * adapter_host_reason(). */
reeve_rc adapter_host_to_hub(struct adapter_host *h, struct message *m);
reeve_rc adapter_host_from_hub(struct adapter_host *h, struct message *m);
const char *adapter_host_reason(const struct adapter_host *h);
/* All gathered messages as one document; free() the result. settings may be NULL, else the caller
 * frees the tree. */
char *adapter_host_encode(struct adapter_host *h, size_t *ret_len, struct tree **settings);
/* The first issue with this code, or NULL. */
const struct seen_issue *adapter_host_issue(const struct adapter_host *h, const char *code);

#endif
