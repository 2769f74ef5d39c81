/* SPDX-License-Identifier: Apache-2.0 */
/* places - where the programs and the modules of this installation are.
 *
 * Everything is found from the program that is running (/proc/self/exe), never from PATH or the
 * working directory: what `reeve` executes is what it was built or installed with. Two layouts are
 * known: a build tree       DIR/reeve  DIR/reeve-worker …  DIR/plugins/  DIR/adapters/ an
 * installation    PREFIX/bin/reeve  PREFIX/libexec/reeve/reeve-worker …
 * PREFIX/lib/reeve/{plugins,adapters}/ Thread-safe. */
#ifndef REEVE_BASE_PLACES_H
#define REEVE_BASE_PLACES_H
#include <stddef.h>

/* The absolute path of a program ("reeve", "reeve-worker", "reeve-door", "reeve-spool") into out
 * (cap bytes). 0; -ENOENT: in none of the places; -ENAMETOOLONG; other negative errno. out is
 * untouched on failure. */
int places_program(const char *name, char *out, size_t cap);

/* The directory that holds plugins/ and adapters/: environment REEVE_MODULES (absolute or relative
 * to the working directory) when it is set and not empty, else as above. Same errors; -ENOENT when
 * no such directory exists. */
int places_module_dir(char *out, size_t cap);

/* The two rules for a given directory of the running program, for tests: kind 'p' (name is a
 * program) or 'm'. */
int places_from(const char *program_dir, char kind, const char *name, char *out, size_t cap);

#endif
