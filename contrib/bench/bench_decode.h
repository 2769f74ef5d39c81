/* SPDX-License-Identifier: Apache-2.0 */
/* bench_decode - for benches of one adapter, which is linked in: its decode of a file, every
 * message counted and thrown away. */
#ifndef CONTRIB_BENCH_BENCH_DECODE_H
#define CONTRIB_BENCH_BENCH_DECODE_H
#include "message/message.h"
#include "plugin/host.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* VmHWM: ru_maxrss would count what the parent had when it started this. */
static inline long peak_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (f == NULL || fclose(f) != 0 || kib == 0)
        die("/proc/self/status says no VmHWM");
    return kib;
}

struct found { /* records: awards */
    unsigned long records, refused, bytes;
};

static int count_message(void *arg, struct message *m)
{
    struct found *f = arg;
    size_t len = 0;
    (void)message_body(m, &len);
    f->records += strcmp(message_get(m, "type"), "funding.award") == 0;
    f->bytes += len;
    message_free(m);
    return 0;
}

static void count_refusal(void *arg, const char *subject)
{
    (void)subject;
    ((struct found *)arg)->refused++;
}

static void no_issue(void *host, const struct reeve_issue *i)
{
    (void)host, (void)i;
}

const struct reeve_plugin *reeve_plugin_entry(void);

static inline void ours(const char *path, struct found *f)
{
    static const struct host_ops ops = {.issue = no_issue};
    struct plugin plugin = {.api = *reeve_plugin_entry()};
    struct tree *options = NULL;
    struct err e;
    void *inst = NULL;
    reeve_reader reader;
    struct reeve_out out = {.emit = count_message, .refuse = count_refusal, .arg = f};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || host_options(&plugin, NULL, 0, &options, &e) != 0)
        die("the file or the options cannot be read");
    reeve_ctx *ctx = host_ctx_new(&plugin, options, &ops, NULL, MESSAGE_BYTES_MAX);
    if (ctx == NULL || (plugin.api.open != NULL && plugin.api.open(ctx, &inst) != REEVE_OK))
        die("the adapter does not open");
    host_reader_fd(&reader, fd);
    if (plugin.api.decode(ctx, inst, &reader, "", &out) != REEVE_OK)
        die("the file cannot be read as a whole");
    host_reader_done(&reader);
    if (plugin.api.close != NULL)
        plugin.api.close(ctx, inst);
    host_ctx_free(ctx);
    tree_free(options);
    (void)close(fd);
}

static inline void tell(const struct found *f, double took)
{
    printf("{\"records\":%lu,\"refused\":%lu,\"seconds\":%.3f,\"bytes\":%lu,\"peak\":%ld}\n",
           f->records, f->refused, took, f->bytes, peak_kib() * 1024L);
}

#endif
