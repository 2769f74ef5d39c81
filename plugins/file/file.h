/* SPDX-License-Identifier: Apache-2.0 */
/* file - what the files of this plugin share. */
#ifndef FILE_H
#define FILE_H
#include <reeve/plugin.h>
#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#define NAME_BYTES 256u /* a file name with its closing zero */

struct inbox;  /* receive.c */
struct outbox; /* deliver.c */
struct file {
    struct inbox *in;
    struct outbox *out;
};

/* ---- names.c ---- */
/* Not a document: dotfiles and what programs call a file that is still being written. */
bool name_ignored(const char *name);
/* By the ending; NULL: not known. */
const char *type_of_name(const char *name);
/* ".json" …; ".bin" when not known. */
const char *ending_of_type(const char *content_type);
bool type_is_json(const char *content_type);
bool text_is_utf8(const char *s);
/* "a.json", 2 -> "a-2.json"; n < 2: the name itself. false: too long. */
bool numbered_name(const char *name, unsigned n, char out[NAME_BYTES]);
/* File name for a message: its id, made harmless, and the ending. Ids that the hub made (40 hex
 * digits) stand as they are; with others, which two sources may share, a digest of the source is
 * part of the name. */
void message_name(const char *id, const char *source, const char *ending, char out[NAME_BYTES]);

/* ---- folder.c: files put in place whole and durably ---- */
/* Creates the directory and its parents; the descriptor of it, or -errno. */
int folder_open(const char *path);
/* Writes name in dir over whatever was there: temporary file, fsync, rename. The directory itself
 * is not synced yet. 0 or -errno. */
int folder_write(int dir, const char *name, const void *p, size_t len);
/* Removes temporary files that a crash left more than an hour ago. */
void folder_sweep(int dir);
/* The first numbered name of `name` that is free in dir; taken says that a name is not, for a
 * reason of its own. 0 or -errno. */
int folder_free_name(int dir, const char *name, bool (*taken)(int dir, const char *name),
                     char out[NAME_BYTES]);
/* from/name becomes to/target, durably and never over an other file (-EEXIST). 0 or -errno. */
int folder_move(int from, const char *name, int to, const char *target);

/* ---- keep.c: retention of done/ ---- */
struct keeper {
    DIR *walk;     /* NULL: none is under way */
    uint64_t next; /* when to begin one, monotonic ms */
    size_t removed;
};
/* Removes what has lain in the directory for longer than reeve_limit("done"); a piece of it. */
void keeper_turn(reeve_ctx *ctx, struct keeper *k, int dir, uint64_t now_ms);
uint64_t keeper_next(reeve_ctx *ctx, const struct keeper *k); /* monotonic ms */
void keeper_done(struct keeper *k);

/* ---- receive.c ---- */
struct inbox *inbox_new(reeve_ctx *ctx);
void inbox_free(struct inbox *in);
reeve_rc inbox_poll(reeve_ctx *ctx, struct inbox *in);
void inbox_settled(reeve_ctx *ctx, struct inbox *in, uint64_t token, reeve_rc rc,
                   const reeve_report *report);

/* ---- deliver.c ---- */
struct outbox *outbox_new(reeve_ctx *ctx);
void outbox_free(struct outbox *out);
reeve_rc outbox_deliver(reeve_ctx *ctx, struct outbox *out, reeve_job *const *jobs, size_t n);

#endif
