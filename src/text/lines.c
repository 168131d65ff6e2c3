#include "lstm_mpi/text/lines.h"

#include "corpus_builtin.h"
#include "lstm_mpi/base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

struct lines {
    const char *const *paths;
    size_t count;
    bool is_utf8;
    size_t opened; /* files so far */
    FILE *file;    /* the last of them; NULL once it has been read */
    char *line;    /* getline's */
    size_t line_bytes;
    uint64_t offset; /* of the line in the file */
};

enum status lines_open(struct lines **out, const char *const *paths, size_t count, bool is_utf8,
                       struct error *error)
{
    enum status status = memory_new(out, 1, error);
    if (status == STATUS_OK) {
        (*out)->paths = paths;
        (*out)->count = count;
        (*out)->is_utf8 = is_utf8;
    }
    return status;
}

void lines_close(struct lines *lines)
{
    if (!lines)
        return;
    if (lines->file)
        fclose(lines->file);
    free(lines->line);
    memory_free(lines);
}

static const char *file_name(const struct lines *lines)
{
    return lines->count > 0 ? lines->paths[lines->opened - 1] : "that is built in";
}

static enum status cannot_read(const struct lines *lines, int error_number, struct error *error)
{
    return error_system(error, error_number, "cannot read the corpus %s", file_name(lines));
}

static bool has_another_file(const struct lines *lines)
{
    return lines->opened < (lines->count > 0 ? lines->count : 1);
}

static enum status open_next(struct lines *lines, struct error *error)
{
    lines->opened++;
    lines->offset = 0;
    if (lines->count > 0)
        lines->file = fopen(lines->paths[lines->opened - 1], "re");
    else
        lines->file = fmemopen((void *)corpus_builtin_text, corpus_builtin_bytes, "r");
    return lines->file ? STATUS_OK : cannot_read(lines, errno, error);
}

/* One line as it stands in the file; `*got` below 0: the file has no more. */
static enum status read_line(struct lines *lines, ssize_t *got, struct error *error)
{
    errno = 0;
    *got = getline(&lines->line, &lines->line_bytes, lines->file);
    if (*got < 0)
        return feof(lines->file) ? STATUS_OK : cannot_read(lines, errno, error);
    const unsigned char *line = (const unsigned char *)lines->line;
    const unsigned char *bad = !lines->is_utf8 ? NULL : u8_check(line, (size_t)*got);
    if (bad) {
        error_set(error, STATUS_FAILED, "the corpus %s is no UTF-8", file_name(lines));
        error_why(error, "at byte offset %" PRIu64 ", counted from 0, stands 0x%02X",
                  lines->offset + (uint64_t)(bad - line), *bad);
        return error_remedy(error, "convert it, for example with iconv -t UTF-8");
    }
    return STATUS_OK;
}

/* A mark of the byte order at the beginning of a file is no part of its text. */
static size_t mark_bytes(const struct lines *lines, ssize_t got)
{
    bool has_mark =
        lines->is_utf8 && lines->offset == 0 && got >= 3 && memcmp(lines->line, "\xEF\xBB\xBF", 3) == 0;
    return has_mark ? 3 : 0;
}

enum status lines_next(struct lines *lines, const char **text, size_t *bytes, struct error *error)
{
    enum status status = STATUS_OK;
    *text = NULL;
    *bytes = 0;
    ssize_t got = -1;
    size_t mark = 0;
    while (got < 0) {
        if (!lines->file) {
            if (!has_another_file(lines))
                return STATUS_OK;
            TRY(open_next(lines, error));
        }
        TRY(read_line(lines, &got, error));
        mark = mark_bytes(lines, got);
        if (got == (ssize_t)mark)
            got = -1; /* nothing but a mark is no line */
        if (got < 0) {
            fclose(lines->file);
            lines->file = NULL;
        }
    }
    const char *begin = lines->line + mark;
    const char *end = lines->line + got;
    if (end > begin && end[-1] == '\n') {
        end--;
        if (lines->is_utf8 && end > begin && end[-1] == '\r')
            end--;
    }
    lines->offset += (uint64_t)got;
    *text = begin;
    *bytes = (size_t)(end - begin);
done:
    return status;
}
