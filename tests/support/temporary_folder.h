#ifndef LSTM_MPI_TESTS_TEMPORARY_FOLDER_H
#define LSTM_MPI_TESTS_TEMPORARY_FOLDER_H

/* A folder for the files of one test, and a look at what is in it. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_PATH_BYTES = 512 };

/* Makes an empty folder and writes its path. Ends the program where that fails. */
static inline void temporary_folder_make(char path[TEMPORARY_PATH_BYTES])
{
    const char *base = getenv("TMPDIR");
    snprintf(path, TEMPORARY_PATH_BYTES, "%s/lstm_mpi_test.XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        exit(1);
    }
}

/* Removes a folder and all that is in it; symbolic links are not followed. */
static inline void temporary_folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char inner[4 * TEMPORARY_PATH_BYTES];
        struct stat facts;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%.1024s/%s", path, entry->d_name);
        if (lstat(inner, &facts) == 0 && S_ISDIR(facts.st_mode))
            temporary_folder_remove(inner);
        else
            unlink(inner);
    }
    if (folder)
        closedir(folder);
    rmdir(path);
}

static inline int temporary_folder_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted, with a space behind each: "checkpoint.h5 metrics.h5 ". A view, valid until
 * the next call. */
static inline const char *temporary_folder_list(const char *path)
{
    static char text[4096];
    char *names[256];
    size_t count = 0;
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && count < 256 && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            names[count++] = strdup(entry->d_name);
    if (folder)
        closedir(folder);
    qsort(names, count, sizeof *names, temporary_folder_by_name);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s ", names[i]);
        free(names[i]);
    }
    return text;
}

/* The whole of a file; the caller frees it. NULL where it cannot be read. */
static inline char *temporary_file_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    *bytes = 0;
    if (!file || fstat(fileno(file), &facts) != 0)
        return NULL;
    *bytes = (size_t)facts.st_size;
    char *data = malloc(*bytes + 1);
    if (data && fread(data, 1, *bytes, file) != *bytes) {
        free(data);
        data = NULL;
    }
    fclose(file);
    return data;
}

/* Ends the program where that fails. */
static inline void temporary_file_write(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

#endif
