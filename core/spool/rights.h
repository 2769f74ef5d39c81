/* SPDX-License-Identifier: Apache-2.0 */
/* rights - what each client of the spool may do, from the plan: "rights":
 * [{"name","token_sha256","publish", "consume":[…],"admin"}]. A client proves its name with the
 * token whose SHA-256 the plan has. */
#ifndef REEVE_SPOOL_RIGHTS_H
#define REEVE_SPOOL_RIGHTS_H
#include "base/err.h"
#include "base/tree.h"
#include "transport/spool_wire.h"
#include <stdbool.h>
#include <stddef.h>

struct rights; /* one client's; lives as long as the list */
struct rights_list;

int rights_read(const struct tree *part, struct rights_list **ret,
                struct err *e);          /* "spool-part" */
void rights_free(struct rights_list *l); /* NULL is fine */
/* NULL: no such client, or the token is not its own. Takes the same time for both, up to the name.
 */
const struct rights *rights_find(const struct rights_list *l, struct spool_text name,
                                 struct spool_text token);
const char *rights_name(const struct rights *r);
bool rights_publish(const struct rights *r);
bool rights_admin(const struct rights *r);
size_t rights_destinations(const struct rights *r); /* how many it may consume */
bool rights_consume(const struct rights *r, struct spool_text destination);

#endif
