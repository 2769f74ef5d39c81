/* SPDX-License-Identifier: Apache-2.0 */
/* engine_amqp - what tests of the amqp engine alone ask the fixture for. */
#ifndef TESTS_LIB_ENGINE_AMQP_H
#define TESTS_LIB_ENGINE_AMQP_H
#include "base/buf.h"
#include "lib/engine.h"
#include "transport/amqp_link.h"

/* The place of a client of engine.h, or of "guest", who may do anything. amqp_place_done() it. */
int engine_amqp_place(struct engine *g, const char *name, struct amqp_place *ret);
unsigned engine_amqp_port(bool tls);
const char *engine_amqp_dir(void);          /* certificates in tls/ */
int engine_amqp_ctl(const char *arguments); /* rabbitmqctl, arguments for a shell. 0 or -1 */
/* The management API, as guest: HTTP status or -1. path: below /api/; body, answer: may be NULL. */
long engine_amqp_api(const char *method, const char *path, const char *body, struct buf *answer);

#endif
