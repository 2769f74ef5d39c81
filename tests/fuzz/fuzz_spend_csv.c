/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a council's spend file: see fuzz_adapter.h; and what becomes a hub record comes
 * back from it as the same payment. */
#include "fuzz_there_and_back.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_adapter(data, size, there_and_back);
}
