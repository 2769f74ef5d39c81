/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_definitions - what the hub has in RabbitMQ and which rights its users need, for commands. */
#ifndef REEVE_TRANSPORT_AMQP_DEFINITIONS_H
#define REEVE_TRANSPORT_AMQP_DEFINITIONS_H
#include "base/err.h"
#include "base/tree.h"

/* part: of the process "amqp" (core/README.md); its secrets need not be there. *ret: RabbitMQ's
 * definitions, the rights of each broker user being those of all its processes together. A process
 * that shows a certificate instead of a name is left out: the broker makes the name of it. Codes
 * "transport-part", "memory". */
int amqp_definitions(const struct tree *part, struct tree **ret, struct err *e);

#endif
