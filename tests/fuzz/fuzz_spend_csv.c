/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a council's spend file: see fuzz_adapter.h. */
#include "fuzz_adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_adapter(data, size, NULL);
}
