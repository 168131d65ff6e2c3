#include "lstm_mpi/store/snapshot.h"

#define UINT64_FIELD(field)                                                                 \
    {                                                                                       \
        .name = #field, .offset = offsetof(struct progress, field), .type = PROGRESS_UINT64 \
    }
#define FLOAT64_FIELD(field)                                                                 \
    {                                                                                        \
        .name = #field, .offset = offsetof(struct progress, field), .type = PROGRESS_FLOAT64 \
    }

const struct progress_field progress_fields[] = {
    UINT64_FIELD(epoch),
    UINT64_FIELD(batch),
    UINT64_FIELD(update),
    UINT64_FIELD(tokens_seen),
    UINT64_FIELD(start_offset),
    FLOAT64_FIELD(loss_sum),
    UINT64_FIELD(epoch_tokens),
    FLOAT64_FIELD(grad_norm_sum),
    FLOAT64_FIELD(epoch_seconds),
    FLOAT64_FIELD(seconds),
    FLOAT64_FIELD(rate),
    UINT64_FIELD(optimizer_updates),
    FLOAT64_FIELD(rate_factor),
    FLOAT64_FIELD(best_valid_perplexity),
    UINT64_FIELD(best_update),
    UINT64_FIELD(best_optimizer_updates),
    UINT64_FIELD(intervals_since_best),
    UINT64_FIELD(finished),
};
const size_t progress_field_count = sizeof progress_fields / sizeof progress_fields[0];
