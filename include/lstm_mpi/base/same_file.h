#ifndef LSTM_MPI_BASE_SAME_FILE_H
#define LSTM_MPI_BASE_SAME_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether two descriptions are of one file, whatever its names. */
static inline bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether two paths lead to one file; false where one leads to none. */
static inline bool same_file_at(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && same_file(&one, &other);
}

#endif
