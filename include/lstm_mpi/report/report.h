#ifndef LSTM_MPI_REPORT_REPORT_H
#define LSTM_MPI_REPORT_REPORT_H

/* Runs as one HTML page for people: curves, settings, samples. The page needs no network and no scripts, and
 * follows the light or dark scheme of the reader's system. Whatever comes from files is text in it, never
 * markup. */

#include "lstm_mpi/store/history.h"

#include <stdbool.h>
#include <stdio.h>

struct report_setting {
    const char *name;
    const char *value;
    bool is_default;
};

struct report_sample {
    const char *prefix;
    const char *text; /* what follows the prefix */
};

/* A run, as views of what others own. */
struct report_run {
    const char *name;
    const struct history *history;
    bool has_checkpoint; /* else what follows is empty */
    bool finished;
    uint64_t epochs; /* that it is to have */
    uint64_t updates;
    uint64_t parameters;
    size_t vocabulary_size;
    const struct report_setting *settings; /* in the same order in every run */
    size_t setting_count;
    const struct report_sample *samples;
    size_t sample_count;
};

/* Writes the page. The caller looks at ferror(out). Its size does not grow with the number of epochs. */
MUST_CHECK enum status report_page(FILE *out, const struct report_run *runs, size_t count,
                                   struct error *error);

#endif
