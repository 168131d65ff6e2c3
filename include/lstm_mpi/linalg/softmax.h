#ifndef LSTM_MPI_LINALG_SOFTMAX_H
#define LSTM_MPI_LINALG_SOFTMAX_H

/* Softmax and cross-entropy of rows of logits, and their gradients. With the logits z of a row (bias
 * included), its target t and a scale s:
 *
 *     loss = log(Σ_v exp z_v) - z_t
 *     dz_v = s · (exp z_v / Σ_u exp z_u - [v = t]), the gradient of s · loss
 *
 * In two forms: straight from these formulas, and for logits that a product has left in wide panels, as the
 * right operand of the next. There the logits become, in place,
 *
 *     e_v = exp(z_v - largest) - [v = t] · total,    total = Σ_u exp(z_u - largest)
 *
 * so that dz_v = factor · e_v with factor = s / total, and whoever multiplies by dz multiplies by e and puts
 * the factors where they are fewer. The e of a tile are computed just before the product that takes them as
 * its left operand. The total of a row is not known yet then, so that product leaves out the target's term,
 * which is added afterwards (panels_add_depth). */

#include "lstm_mpi/linalg/panels.h"

#include <stdint.h>

struct softmax_block {
    float *logits; /* [rows, V] without the bias; the gradients out */
    size_t rows;
    size_t vocabulary;
    const float *bias;       /* [V] */
    const uint32_t *targets; /* [rows] */
    float scale;
};

/* Returns the sum of the losses; not finite where a logit is not. The gradients are also added up into
 * `bias_gradient` [V]. */
double softmax_loss(const struct softmax_block *block, float *bias_gradient);

/* The loss of each row into `losses` [rows], without gradients: the logits become exponentials. */
void softmax_row_losses(const struct softmax_block *block, double *losses);

struct softmax_row;

/* The other form. A set of rows goes through softmax_begin, softmax_largest for each part of the columns,
 * softmax_exponentials for each part of rows and columns, softmax_loss_of_panels. */
struct softmax {
    struct panels *logits;   /* lanes: the V columns, depths: the rows */
    const float *bias;       /* [V] */
    const uint32_t *targets; /* [rows] */
    float scale;
    struct softmax_row *row; /* [capacity], owned */
    size_t capacity;
};

/* For up to `rows` rows. The caller owns: softmax_free. */
MUST_CHECK enum status softmax_create(struct softmax *softmax, size_t rows, struct error *error);
void softmax_free(struct softmax *softmax);

/* Floats that it holds. */
size_t softmax_floats(const struct softmax *softmax);

/* `logits`, of which only lanes and depths are known yet (panels_begin), `bias` and `targets` are views. */
void softmax_begin(struct softmax *softmax, struct panels *logits, const float *bias, const uint32_t *targets,
                   float scale);

/* The logits of these columns, from the first of a panel on, are there, for all rows. */
void softmax_largest(struct softmax *softmax, struct range columns);

/* All logits have been seen. */
void softmax_end_of_largest(struct softmax *softmax);

/* The logits of these rows and columns, both from the first of a panel on, become exponentials, which are
 * also packed into `left` as a left operand [rows, columns]. */
void softmax_exponentials(struct softmax *softmax, struct range rows, struct range columns,
                          struct panels *left);

/* When all are exponentials: puts the target's term into the panels and the factors of the rows into
 * `factors`. Returns the sum of the losses. */
double softmax_loss_of_panels(struct softmax *softmax, float *factors);

/* When all are exponentials: the loss of each row into `losses`, where no gradients are wanted. */
void softmax_row_losses_of_panels(const struct softmax *softmax, double *losses);

#endif
