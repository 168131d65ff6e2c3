#ifndef LSTM_MPI_STORE_EXCHANGE_METADATA_H
#define LSTM_MPI_STORE_EXCHANGE_METADATA_H

/* Private to this room: what goes along with the tensors of a safetensors file. Its metadata are texts, and
 * these hold JSON:
 *
 *     vocabulary    a list of the tokens, by their ids
 *     code_points   a list of numbers, as in a checkpoint's /vocabulary/code_point; need not be there
 *     counts        the same of /vocabulary/count
 *     config        an object of the settings, by their names in /config */

#include "lstm_mpi/store/checkpoint.h"
#include "safetensors_header.h"

/* NULL for want of memory; else the caller's. */
struct json_t *exchange_metadata_make(const struct checkpoint *checkpoint,
                                      const struct vocabulary *vocabulary);

/* Gives the settings the values that the file has of them; those without a row are passed over. Settings that
 * the file has become marked in `settings->given`. */
MUST_CHECK enum status exchange_metadata_settings(struct settings *settings,
                                                  const struct safetensors_header *header, const char *path,
                                                  struct error *error);

/* The vocabulary, which the caller owns; NULL where the file has none. */
MUST_CHECK enum status exchange_metadata_vocabulary(struct vocabulary **out,
                                                    const struct safetensors_header *header,
                                                    const struct token_rules *rules, const char *path,
                                                    struct error *error);

#endif
