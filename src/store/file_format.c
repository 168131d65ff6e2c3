#include "file_format.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"

#include <string.h>

static const char format_name[] = "lstm_mpi";
enum { FORMAT_VERSION = 1 };

void file_format_put(struct h5 *h5)
{
    char created[CLOCK_TEXT_BYTES];
    clock_utc(created);
    h5_put_text(h5, "/", "format", format_name);
    h5_put_u64(h5, "/", "format_version", FORMAT_VERSION);
    h5_put_text(h5, "/", "program_version", LSTM_MPI_VERSION);
    h5_put_text(h5, "/", "created", created);
}

void file_format_check(struct h5 *h5)
{
    bool marked = h5_has(h5, "/", "format") && h5_has(h5, "/", "format_version");
    if (!marked)
        h5_fail(h5, "it is an HDF5 file of another program: its format is not lstm_mpi");
    char *format = h5_read_text(h5, "/", "format");
    uint64_t version = h5_read_u64(h5, "/", "format_version");
    if (h5->status == STATUS_OK && strcmp(format, format_name) != 0)
        h5_fail(h5, "its format is %.64s, not %s", format, format_name);
    if (h5->status == STATUS_OK && version != FORMAT_VERSION) {
        h5_fail(h5, "its format version is %llu, and this program reads version %d",
                (unsigned long long)version, FORMAT_VERSION);
        error_remedy(h5->error, "use the version of the program that wrote it");
        h5->error->not_judged = true;
    }
    memory_free(format);
}
