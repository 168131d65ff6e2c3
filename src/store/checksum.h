#ifndef LSTM_MPI_STORE_CHECKSUM_H
#define LSTM_MPI_STORE_CHECKSUM_H

/* Private to this room: /checksum/PATH, the digests of the 1 MiB blocks of the dataset PATH, of its bytes as
 * they lie in the file. */

#include "dataset_list.h"
#include "lstm_mpi/dist/comm.h"

size_t checksum_blocks(uint64_t bytes);

/* Adds /checksum/PATH to the datasets that will be written. */
MUST_CHECK enum status checksum_add(struct dataset_list *list, const char *path, const uint64_t *digests,
                                    size_t blocks, struct error *error);

/* Adds the checksums of all that is in the list. */
MUST_CHECK enum status checksum_add_all(struct dataset_list *list, struct error *error);

/* Compares every dataset of a file with its checksums; the ranks share the blocks. With `demanded`, a dataset
 * without checksums is an error. `h5` is the rank's own open file. Not collective: every rank calls it, and
 * each learns of the damage in its own share. */
void checksum_verify(struct h5 *h5, const struct comm *comm, bool demanded);

#endif
