/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a 360Giving package or table: see fuzz_adapter.h; and what becomes a hub record
 * comes back from it as the same grant. */
#include "fuzz_there_and_back.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_adapter(data, size, there_and_back);
}
