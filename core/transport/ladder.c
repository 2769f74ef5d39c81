/* SPDX-License-Identifier: Apache-2.0 */
/* ladder - the fixed delays between attempts. Pure.
 *
 * Few fixed delays rather than a formula: RabbitMQ delays a message by parking it in a queue whose
 * time to live is the delay, one queue for each delay, so both engines climb the same rungs. Zero
 * stays zero: "again at once" needs no parking. Jitter is added by the engine, where many messages
 * meet, and only upwards. */
#include "transport.h"
#include "base/util.h"

const uint64_t transport_ladder[] = {1000, 5000, 15000, 60000, 300000, 900000, 3600000};
const size_t transport_ladder_n = ARRAY_SIZE(transport_ladder);

uint64_t transport_rung(uint64_t ms)
{
    if (ms == 0)
        return 0;
    for (size_t i = 0; i < transport_ladder_n; i++)
        if (ms <= transport_ladder[i])
            return transport_ladder[i];
    return transport_ladder[transport_ladder_n - 1];
}

uint64_t transport_backoff(uint32_t attempts)
{
    if (attempts == 0)
        return 0;
    if (attempts > transport_ladder_n)
        return transport_ladder[transport_ladder_n - 1];
    return transport_ladder[attempts - 1];
}
