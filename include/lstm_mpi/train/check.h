#ifndef LSTM_MPI_TRAIN_CHECK_H
#define LSTM_MPI_TRAIN_CHECK_H

/* Does a network learn as it should? Two tests that need nothing but the network: its gradients agree with
 * differences of its loss, and it can learn one batch by heart. Both go through the update of training, the
 * exchange between the ranks included. The batch consists of random tokens. */

#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/model/parameters.h"

struct check_spec {
    const struct model_spec *model;
    const float *weights; /* laid out by parameters_layout; they stay as they are */
    size_t batch_size;    /* rows over all ranks, at least one each */
    size_t num_steps;
    uint64_t seed;
    bool rank_invariant;
};

enum check_verdict {
    CHECK_RIGHT,
    CHECK_WRONG,
    CHECK_RIGHT_IN_PART, /* nothing can be said of some gates */
    CHECK_TOO_SMALL,     /* nothing can be said */
};

/* What was found of a tensor's gradient. The numbers of each gate are moved all at once, in several
 * directions: first at the weights that are given, and where some directions tell nothing there, since the
 * gradient drowns in rounding errors, at larger random weights too. */
struct check_tensor {
    const struct parameter *parameter; /* a view */
    size_t directions;                 /* that told something */
    bool needed_larger_weights;
    double difference; /* the largest, relative to the gradient's norm */
    enum check_verdict verdict;
};

struct check_overfit {
    double first_perplexity;
    double perplexity;
    uint64_t updates;
    bool learned; /* the batch, by heart: the perplexity is 1, within a hundredth */
};

/* Told on rank 0 what was found, as it is found. */
struct check_observer {
    void *context;
    void (*tensor)(void *context, const struct check_tensor *tensor);
    void (*overfit)(void *context, const struct check_overfit *overfit);
};

/* Makes both tests. Fails, alike on every rank, with an error that names the tensors whose gradients are
 * wrong, where the batch cannot be learned, and where there are more ranks than rows. Collective. */
MUST_CHECK enum status check_run(const struct comm *comm, const struct check_spec *spec,
                                 const struct check_observer *observer, struct error *error);

#endif
