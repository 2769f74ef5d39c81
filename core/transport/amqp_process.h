/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_process - `reeve-worker amqp`: the process that answers for the queues where RabbitMQ keeps
 * them, in the place of reeve-spool. It holds the credentials that may configure, declares the
 * topology before it says READY, and again while the hub runs (a queue that somebody deleted is
 * back within seconds); it says what waits, and removes dead letters that are older than they are
 * to be kept.
 *
 * A queue that is there with other arguments than configured ends it before READY with 78 and the
 * sentence that names both, later it is the alarm "topology". A broker that cannot be reached is
 * tried again, with the alarm "transport". With "look": true in its part (`reeve status` while no
 * hub runs) it changes nothing, and gives up at once. */
#ifndef REEVE_TRANSPORT_AMQP_PROCESS_H
#define REEVE_TRANSPORT_AMQP_PROCESS_H

/* part_file: by hand, without a supervisor; NULL: from descriptor 4. Returns the exit code. */
int amqp_process_run(const char *part_file);

#endif
