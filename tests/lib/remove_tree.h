/* SPDX-License-Identifier: Apache-2.0 */
/* remove_tree - the end of a test's own directory. */
#ifndef TESTS_LIB_REMOVE_TREE_H
#define TESTS_LIB_REMOVE_TREE_H
#include <ftw.h>
#include <stdio.h>

static inline int remove_tree_entry(const char *path, const struct stat *st, int flag,
                                    struct FTW *w)
{
    (void)st;
    (void)flag;
    (void)w;
    return remove(path);
}

/* 0; -1: something stayed (errno) */
static inline int remove_tree(const char *path)
{
    return nftw(path, remove_tree_entry, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
