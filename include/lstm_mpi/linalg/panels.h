#ifndef LSTM_MPI_LINALG_PANELS_H
#define LSTM_MPI_LINALG_PANELS_H

/* Matrices packed once and multiplied by many times.
 *
 * C[M × N] = A[M × K] · B[K × N] is computed by BLIS's micro-kernel, or by our own loops. They take a panel
 * of a few rows of A and a panel of a few columns of B, both stored depth by depth:
 *
 *     narrow panel (lanes are rows of A)          wide panel (lanes are columns of B)
 *     a00 a10 … a(n-1)0 | a01 a11 … | …           b00 b01 … b0(w-1) | b10 b11 … | …
 *
 * bli_sgemm packs both operands at every call; here the one that stays the same is packed once. Two kinds of
 * product are left to loops of our own: those of few rows, for which BLIS's kernel is not made, and deep
 * ones, which need more from beyond the L2 cache than can be prefetched through BLIS's kernel. Both round
 * alike, so a row of C never depends on the rows beside it. Where our own loops are the faster ones for all
 * products (see blis_setup.h), they multiply everything; where BLIS's panels do not suit them, nothing.
 *
 * A panel is always full: lanes that the matrix does not have are zero. Its depth is the K of the product;
 * the two widths are MR and NR of BLIS's configuration in use, whichever way round that kernel prefers them
 * (wide × narrow: 32 × 12 for skx, 16 × 6 for haswell), or those of our own loops.
 *
 * Where BLIS has more than one thread, nothing is packed: the panels remember the matrix, and bli_sgemm
 * multiplies it. So the matrix must stay in place as long as its panels are used. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/base/partition.h"

#include <stdbool.h>
#include <stddef.h>

enum panels_side {
    PANELS_NARROW, /* the left operand A: lanes are its rows */
    PANELS_WIDE,   /* the right operand B: lanes are its columns */
};

/* A matrix in memory as seen by one operand: lane l at depth k is data[l·lane_stride + k·depth_stride]. One
 * of the strides must be 1. */
struct panels_source {
    const float *data;
    size_t lanes;
    size_t depth;
    size_t lane_stride;
    size_t depth_stride;
};

struct panels {
    enum panels_side side;
    size_t width;                /* lanes of a panel */
    size_t capacity;             /* floats in data: the panels, and what a kernel may read beyond them */
    struct panels_source source; /* of the last packing */
    bool lazy;                   /* a product packs them, one after the other (panels_create_lazy) */
    float *data;                 /* [panel][depth][lane] */
    size_t panel_stride;         /* floats from a panel to the next */
    float *owned;                /* what panels_free frees */
};

/* Room for any matrix with at most these lanes and this depth. The caller owns: panels_free. */
MUST_CHECK enum status panels_create(struct panels *panels, enum panels_side side, size_t lanes, size_t depth,
                                     struct error *error);
void panels_free(struct panels *panels);

/* Wide panels of matrices that are multiplied by once or twice, at most this deep and of any number of lanes.
 * panels_pack only remembers the matrix, which must stay in place; the product packs each panel as it comes
 * to it, into room for one, which stays in the caches. They have no elements of their own.
 * The caller owns: panels_free. */
MUST_CHECK enum status panels_create_lazy(struct panels *panels, size_t depth, struct error *error);

/* The same in memory of the caller's: panels_floats floats, aligned to MEMORY_ALIGNMENT, which processes may
 * share. Nothing to free. */
size_t panels_floats(enum panels_side side, size_t lanes, size_t depth);
void panels_place(struct panels *panels, enum panels_side side, size_t lanes, size_t depth, float *memory);

/* Packs a matrix that fits into what panels_create or panels_place was told. */
void panels_pack(struct panels *panels, struct panels_source source);

/* Packs a matrix whose depths are its rows, every lane of depth k times factors[k]. Only where panels are
 * packed. */
void panels_pack_scaled(struct panels *panels, struct panels_source source, const float *factors);

/* Packs the panels of part `part` of `parts`: together the parts are the whole. */
void panels_pack_part(struct panels *panels, struct panels_source source, size_t part, size_t parts);

/* For whoever writes the panels of a matrix himself: says its lanes and depth. Only where panels are packed.
 */
void panels_begin(struct panels *panels, size_t lanes, size_t depth);

/* The element at a lane and a depth, for whoever writes into panels what panels_begin announced. */
float *panels_element(const struct panels *panels, size_t lane, size_t depth);

/* Some lanes, from the first of a panel on, and depths of packed panels, as an operand of its own: a view,
 * not to be packed or freed. */
struct panels panels_slice(const struct panels *whole, struct range lanes, struct range depths);

/* Every lane of depth k times factors[k]. */
void panels_scale_depths(struct panels *panels, const float *factors);

/* out[lane] = scale · out[lane] + factor · the lane's element at this depth */
void panels_add_depth(const struct panels *panels, size_t depth, float factor, float scale, float *out);

/* out[lane] += Σ over the depths k of factors[k] · the lane's element at k */
void panels_add_weighted_depths(const struct panels *panels, const float *factors, float *out);

/* How many lanes a panel has. */
size_t panels_width(enum panels_side side);

/* At least so many lanes, in whole panels. */
size_t panels_whole_lanes(enum panels_side side, size_t lanes);

/* The lanes of blocks of like size that end where a panel ends, but for the last: so few blocks that each has
 * about `most` lanes at most. */
size_t panels_block_lanes(enum panels_side side, size_t lanes, size_t most);

/* Does BLIS have more than one thread, so that panels only remember their matrices? */
bool panels_are_views(void);

/* C = A·B, or C += A·B with `accumulate`; C is row-major, M rows of N columns, `stride` floats apart. */
void panels_multiply(float *C, size_t stride, const struct panels *A, const struct panels *B,
                     bool accumulate);

/* The same with the rows of a matrix in memory. It is packed into `packed`, which has room for it, only where
 * the product is the faster for it: for many rows, or more than a few and many columns. The others are read
 * where they are. */
void panels_multiply_matrix(float *C, size_t stride, const struct panels_source *A, struct panels *packed,
                            const struct panels *B, bool accumulate);

/* C = A·B as the right operand of a product to come: its lanes are B's, its depths the rows of A. C has been
 * begun (panels_begin), or is a slice of what has been. Only where panels are packed. */
void panels_multiply_into(struct panels *C, const struct panels *A, const struct panels *B);

#endif
