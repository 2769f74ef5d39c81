/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: no crash, no leak, bounded work; errors whenever there is no
 * plan; what is printed of an accepted one is accepted again. Modules are descriptions in memory.
 * Inputs that name files elsewhere are left out. */
#include "../unit/config/fake.h"
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compile(const char *p, size_t n, struct buf *print)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    char path[64];
    int fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int r = config_compile(path, &fake_env, CONFIG_WITHOUT_SECRETS, &d, &plan, print);
    (void)close(fd);
    if ((r == 0) != (plan != NULL) || (r == 0) != (d.errors == 0 && !d.no_memory))
        abort();
    for (size_t i = 0; i < d.n; i++) {
        if (d.d[i].line == 0 || d.d[i].col == 0 || !*d.d[i].code || !*d.d[i].text ||
            strchr(d.d[i].text, '\n'))
            abort();
    }
    tree_free(plan);
    diagnostics_done(&d);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf print = BUF_INIT(64u << 20);
    if (memmem(data, size, "/", 1) &&
        (memmem(data, size, "@", 1) || memmem(data, size, "file:", 5) ||
         memmem(data, size, "..", 2)))
        return -1;
    if (compile((const char *)data, size, &print) == 0 && print.len < (1u << 20) &&
        compile(print.p, print.len, NULL) != 0)
        abort();
    buf_done(&print);
    return 0;
}
