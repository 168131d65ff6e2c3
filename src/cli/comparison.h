#ifndef LSTM_MPI_CLI_COMPARISON_H
#define LSTM_MPI_CLI_COMPARISON_H

/* In what two checkpoints differ, for compare_text, compare_json and compare_csv to print. */

#include "inspection.h"

/* A setting whose values differ, as /config has them; NULL: that file has none. Views. */
struct compared_setting {
    const char *name;
    const char *left;
    const char *right;
};

struct compared_tensor {
    const char *path;
    const struct tensor
        *left; /* NULL: that file has none; then, and with other shapes, nothing is compared */
    const struct tensor *right;
    bool compared;
    uint64_t differing;   /* numbers that are not the same, bit for bit */
    double most;          /* the largest |left - right|; infinite where one is not finite */
    double most_relative; /* the largest |left - right| / max(|left|, |right|) */
    double left_norm;     /* root of the sum of squares */
    double right_norm;
    double difference_norm; /* of left - right */
};

struct comparison {
    const struct inspection *left;
    const struct inspection *right;
    struct compared_setting *settings;
    size_t setting_count;
    struct compared_tensor
        *tensors; /* of the left file in its order, then those that the right one alone has */
    size_t tensor_count;
    bool same_model;      /* everything below /model is the same, bit for bit */
    bool same_vocabulary; /* the same tokens with the same ids */
    bool same_counts;
    uint32_t *left_only; /* ids of tokens that the other vocabulary lacks */
    size_t left_only_count;
    uint32_t *right_only;
    size_t right_only_count;
    size_t moved; /* tokens of both that have other ids */
};

/* Of two inspections that have a checkpoint, which must outlive it. Needs memory for the largest tensor
 * twice. The caller owns it, after a failure too: comparison_free. Not collective. */
MUST_CHECK enum status comparison_make(struct comparison *comparison, const struct inspection *left,
                                       const struct inspection *right, struct error *error);

void comparison_free(struct comparison *comparison);

#endif
