/* SPDX-License-Identifier: Apache-2.0 */
/* option - the types of a plugin's options: one value checked and put into canonical form. Pure. */
#ifndef REEVE_PLUGIN_OPTION_H
#define REEVE_PLUGIN_OPTION_H
#include "base/err.h"
#include "reeve/plugin.h"

/* "string", "int" …, as descriptions have it (core/README.md); a type of a newer header: "string".
 */
const char *option_type_name(uint32_t type);

/* Checks one value against the option's type and `allowed` and gives its canonical text
 * (core/README.md "Options"): INT decimal, BOOL true|false, SECONDS milliseconds, BYTES bytes, PATH
 * absolute against the working directory; others as they are. ret may be NULL: only checked; else
 * free() it. *e (code "option-value") says what is wrong without the option's name; a SECRET's
 * value is never in it. */
int option_canonical(const struct reeve_option *o, const char *value, char **ret, struct err *e);

#endif
