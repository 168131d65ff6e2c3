#ifndef LSTM_MPI_STORE_CONFIG_DIGEST_H
#define LSTM_MPI_STORE_CONFIG_DIGEST_H

/* HDF5 has no checksum for attributes of many kilobytes, such as the paths of many files. So /checksum has an
 * attribute `config`, the digest of the long ones of /config, where there are such. */

#include "h5.h"

/* When all of them, and /checksum, are there. */
void config_digest_put(struct h5 *h5);

/* Fails where there is a digest and it is another one. */
void config_digest_verify(struct h5 *h5);

#endif
