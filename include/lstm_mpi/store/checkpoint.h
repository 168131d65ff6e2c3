#ifndef LSTM_MPI_STORE_CHECKPOINT_H
#define LSTM_MPI_STORE_CHECKPOINT_H

/* A snapshot of a run as one HDF5 file, with a checksum of every part. It knows no model: tensors have names
 * and shapes, and what they mean is their owner's affair. */

#include "lstm_mpi/config/settings_saved.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/store/snapshot.h"

/* Writes the snapshot to `path`, each rank its part of the tensors. The file appears whole or not at all, and
 * when this returns STATUS_OK it survives a power cut; a former file of this name stays until then. Every
 * rank gives the same snapshot, its own part of split tensors, and the same `path`, on a file system that all
 * see. Any failure is one on every rank; a full disk is found before anything is written. Collective. */
MUST_CHECK enum status checkpoint_write(const struct comm *comm, const char *path,
                                        const struct snapshot *snapshot, struct error *error);

/* What a file is opened for: what must be in it. */
enum checkpoint_use {
    CHECKPOINT_MODEL, /* tensors of /model and a vocabulary; all else as far as it is there */
    CHECKPOINT_RUN,   /* all that going on with a run needs, and checksums of all of it */
};

/* An open checkpoint. All but the tensors' numbers and the vocabulary has been read; views, valid until
 * checkpoint_close. */
struct checkpoint {
    char *path;
    char *program_version; /* NULL where the file does not say */
    char *created;
    struct settings_saved *saved; /* the attributes of /config */
    size_t saved_count;
    uint64_t corpus_digest; /* 0 where the file does not say */
    struct progress progress;
    struct history history;
    struct rank_times *epoch_times; /* [epoch_ranks]: of the epoch under way; NULL: not stored */
    size_t epoch_ranks;
    struct tensor
        *tensors; /* of /model, /state, /optimizer, /best, by path; split_dim -1, no data, no gates */
    size_t tensor_count;
    struct checkpoint_file *file;
};

/* Opens a file, and verifies its format, its structure and every checksum that it has; the ranks share that
 * work. Fails on all ranks alike, saying what is wrong with the file. Collective. */
MUST_CHECK enum status checkpoint_open(struct checkpoint **out, const struct comm *comm, const char *path,
                                       enum checkpoint_use use, struct error *error);

/* NULL is fine. Not collective. */
void checkpoint_close(struct checkpoint *checkpoint);

/* The tensor of this path; NULL where there is none. */
const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *path);

/* The text of a setting in /config; NULL where there is none. */
const char *checkpoint_saved_text(const struct checkpoint *checkpoint, const char *name);

/* Fails where the file has no tensor of this path, or one of another shape. Not collective. */
MUST_CHECK enum status checkpoint_check_tensor(const struct checkpoint *checkpoint,
                                               const struct tensor *tensor, struct error *error);

/* Reads `tensor->data`: all of the tensor at `tensor->path`, or the part that the tensor says this rank
 * holds. Numbers of another width or byte order are converted. Fails as checkpoint_check_tensor does. Not
 * collective. */
MUST_CHECK enum status checkpoint_read_tensor(const struct checkpoint *checkpoint,
                                              const struct tensor *tensor, struct error *error);

/* Fails where /model has a tensor whose path none of `tensors` has: a network that leaves it out is another
 * one than that of the file. Not collective. */
MUST_CHECK enum status checkpoint_check_model(const struct checkpoint *checkpoint,
                                              const struct tensor *tensors, size_t count,
                                              struct error *error);

/* The vocabulary, whose tokens are what `rules` say; the caller owns it. Not collective. */
MUST_CHECK enum status checkpoint_read_vocabulary(struct vocabulary **out,
                                                  const struct checkpoint *checkpoint,
                                                  const struct token_rules *rules, struct error *error);

#endif
