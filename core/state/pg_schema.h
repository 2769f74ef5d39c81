/* SPDX-License-Identifier: Apache-2.0 */
/* pg_schema - the tables, and their format number. Private to this room.
 *
 * All names begin with reeve_ and lie in the first schema of the search path, so that several hubs
 * share a data base by a schema each. They are made and changed by whoever comes first; the others
 * wait for it. */
#ifndef REEVE_STATE_PG_SCHEMA_H
#define REEVE_STATE_PG_SCHEMA_H
#include "pg.h"

struct pg_form {
    const char *const *steps; /* SQL; [i] leads from format i to i + 1; [0] makes the tables */
    int format;               /* how many steps there are */
};
extern const struct pg_form pg_form;
/* Brings the tables of a connection up to `form`, in one transaction. Newer ones: "db-format". */
int pg_bring_up(struct pg *p, const struct pg_form *form, struct err *e);
int pg_schema_ensure(struct pg *p, struct err *e); /* up to pg_form */

#endif
