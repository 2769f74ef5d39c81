/* SPDX-License-Identifier: Apache-2.0 */
/* bench_intake - the bare side of the intake bench: what the same libraries take for the least that
 * must be done.
 *
 * bench_intake FILE DB: maps a 360Giving package, finds the ends of the grants by brackets, parses
 * each with json-c (strict), and inserts id and bytes into SQLite (WAL, synchronous=FULL), 1,000 a
 * transaction. No checks, no routing, no identity, no journal, one process. Prints one JSON line.
 * The hub's side is driven by bench.py. */
#include <fcntl.h>
#include <json-c/json.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 1000

static void die(const char *what)
{
    fprintf(stderr, "bench_intake: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The end of the value that begins at p with a bracket: behind its closing bracket. NULL: none. */
static const char *value_end(const char *p, const char *end)
{
    for (int depth = 0; p < end; p++) {
        if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            if (--depth == 0)
                return p + 1;
        } else if (*p == '"') {
            for (;;) {
                p = memchr(p + 1, '"', (size_t)(end - p - 1));
                if (p == NULL)
                    return NULL;
                size_t slashes = 0;
                while (p[-1 - (ptrdiff_t)slashes] == '\\')
                    slashes++;
                if (slashes % 2 == 0)
                    break;
            }
        }
    }
    return NULL;
}

static sqlite3 *open_db(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     "CREATE TABLE message(n INTEGER PRIMARY KEY, id TEXT, body BLOB);",
                     NULL, NULL, NULL) != SQLITE_OK)
        die("cannot make the data base");
    return db;
}

struct insert {
    sqlite3 *db;
    sqlite3_stmt *st;
    struct json_tokener *tokener;
    size_t n;
};

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

static void take(struct insert *in, const char *p, const char *end)
{
    struct json_object *id = NULL, *grant;
    json_tokener_reset(in->tokener);
    grant = json_tokener_parse_ex(in->tokener, p, (int)(end - p));
    if (grant == NULL || !json_object_object_get_ex(grant, "id", &id))
        die("a grant cannot be read");
    if (in->n % BATCH == 0)
        run(in->db, "BEGIN");
    sqlite3_bind_text(in->st, 1, json_object_get_string(id), -1, SQLITE_STATIC);
    sqlite3_bind_blob64(in->st, 2, p, (sqlite3_uint64)(end - p), SQLITE_STATIC);
    if (sqlite3_step(in->st) != SQLITE_DONE)
        die(sqlite3_errmsg(in->db));
    sqlite3_reset(in->st);
    if (++in->n % BATCH == 0)
        run(in->db, "COMMIT");
    json_object_put(grant);
}

int main(int argc, char **argv)
{
    struct stat st;
    int fd = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0)
        die("usage: bench_intake FILE DB");
    double begin = now();
    const char *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        die("cannot map the file");
    const char *end = text + st.st_size, *p = memmem(text, (size_t)st.st_size, "\"grants\":[", 10);
    struct insert in = {.db = open_db(argv[2]), .tokener = json_tokener_new()};
    json_tokener_set_flags(in.tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    if (p == NULL || sqlite3_prepare_v2(in.db, "INSERT INTO message(id, body) VALUES(?, ?)", -1,
                                        &in.st, NULL) != SQLITE_OK)
        die("no grants, or no statement");
    for (p = memchr(p + 10, '{', (size_t)(end - p - 10)); p != NULL && *p == '{';) {
        const char *after = value_end(p, end);
        if (after == NULL)
            die("a grant has no end");
        take(&in, p, after);
        for (p = after; p < end && *p != '{' && *p != ']'; p++)
            ;
        if (p == end)
            break;
    }
    if (in.n % BATCH != 0)
        run(in.db, "COMMIT");
    double seconds = now() - begin;
    printf("{\"messages\":%zu,\"seconds\":%.6f}\n", in.n, seconds);
    sqlite3_finalize(in.st);
    sqlite3_close(in.db);
    json_tokener_free(in.tokener);
    close(fd);
    return 0;
}
