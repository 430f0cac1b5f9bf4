/* Files and directories of workspaces and of the state repository, from a worker thread. */
#pragma once

#include "integrations/git/problem.h"

/* `path` and what is missing above it, mode 0755. */
bool dir_make(const char *path, Problem *problem);
/* The whole file or none of it, durable when it returns: temporary file beside it, fsync, rename, fsync of
 * the directory. */
bool file_write_atomic(const char *path, const void *data, size_t n_bytes, Problem *problem);
/* Removes the temporary files that writers of `path` who were killed have left beside it, once they are a
 * minute old. */
void file_remove_leftovers(const char *path);
/* The file's text, NUL-terminated; NULL with *ret_errno, EFBIG when it is longer. Owned by the caller. */
char *file_read(const char *path, size_t max_bytes, size_t *ret_n_bytes, int *ret_errno);
/* The same, but a longer file's first bytes are returned, with *ret_cut. */
char *file_read_start(const char *path, size_t max_bytes, size_t *ret_n_bytes, bool *ret_cut, int *ret_errno);

/* Removes `path` and all below it; never follows a symbolic link, never leaves the file system that it is on.
 * What is not there is fine. */
bool tree_remove(const char *path, const ChildCancel *cancel, Problem *problem);
/* Bytes of all files below, links not followed; at most `max_entries` are looked at. */
int64_t tree_size(const char *path, unsigned max_entries, const ChildCancel *cancel, bool *ret_truncated);

/* An exclusive lock (flock) on a file that is made when needed and stays. It is held until the last of the
 * processes that have the descriptor has closed it, so that what a killed gateway left running still holds
 * it. < 0: the problem is "busy" after wait_ms. */
int lock_take(const char *path, int64_t wait_ms, const ChildCancel *cancel, const char *what,
              Problem *problem);
void lock_close(int *fd); /* < 0 is fine; leaves -1 */
#define _cleanup_lock_ _cleanup_(lock_close)
