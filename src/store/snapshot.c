#include "lstm_mpi/store/snapshot.h"

#define FIELD(field, type_of, version)                                                          \
    {                                                                                           \
        .name = #field, .offset = offsetof(struct progress, field), .type = PROGRESS_##type_of, \
        .since = PROGRESS_##version                                                             \
    }

const struct progress_field progress_fields[] = {
    FIELD(epoch, UINT64, ALWAYS),
    FIELD(batch, UINT64, ALWAYS),
    FIELD(update, UINT64, ALWAYS),
    FIELD(tokens_seen, UINT64, ALWAYS),
    FIELD(start_offset, UINT64, ALWAYS),
    FIELD(loss_sum, FLOAT64, ALWAYS),
    FIELD(epoch_tokens, UINT64, ALWAYS),
    FIELD(grad_norm_sum, FLOAT64, ALWAYS),
    FIELD(epoch_seconds, FLOAT64, ALWAYS),
    FIELD(seconds, FLOAT64, ALWAYS),
    FIELD(rate, FLOAT64, OPTIMIZERS),
    FIELD(optimizer_updates, UINT64, OPTIMIZERS),
    FIELD(rate_factor, FLOAT64, VALIDATION),
    FIELD(best_valid_perplexity, FLOAT64, VALIDATION),
    FIELD(best_update, UINT64, VALIDATION),
    FIELD(best_optimizer_updates, UINT64, VALIDATION),
    FIELD(intervals_since_best, UINT64, VALIDATION),
    FIELD(finished, UINT64, ALWAYS),
};
const size_t progress_field_count = sizeof progress_fields / sizeof progress_fields[0];
