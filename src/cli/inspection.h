#ifndef LSTM_MPI_CLI_INSPECTION_H
#define LSTM_MPI_CLI_INSPECTION_H

/* What `lstm_mpi inspect` found, for inspect_text, inspect_json and inspect_csv to print. */

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/file_facts.h"

/* A setting that the checkpoint keeps. */
struct inspected_setting {
    const struct settings_row *row; /* NULL: one of another version of the program, which `text` tells of */
    const char *name;               /* as in /config; a view, as is `text` */
    const char *text;
};

struct inspected_file {
    char *path; /* NULL: there is none */
    struct file_facts facts;
};

struct inspection {
    const char *path; /* as it was asked for; a view */
    bool is_directory;
    struct inspected_file checkpoint_file;
    struct inspected_file metrics_file;
    struct checkpoint *checkpoint; /* NULL: metrics alone; then there are no settings and no vocabulary */
    struct inspected_setting *settings; /* in the order of settings_table[], foreign ones last */
    size_t setting_count;
    struct settings values; /* of the settings that have a row */
    struct vocabulary *vocabulary;
    struct history metrics;        /* of the metrics file */
    const struct history *history; /* that one, else the checkpoint's */
};

/* Looks into a checkpoint, a metrics file, or the newest ones of a run directory. All but the open checkpoint
 * is there on rank 0 alone. The caller owns it, after a failure too: inspection_close. Collective. */
MUST_CHECK enum status inspection_open(struct inspection *inspection, const struct comm *comm,
                                       const char *path, struct error *error);

void inspection_close(struct inspection *inspection);

/* "/model/" for the tensors that are learned. */
bool inspection_is_below(const struct tensor *tensor, const char *group);

/* Elements of all tensors of a group. */
uint64_t inspection_elements(const struct inspection *inspection, const char *group);

#endif
