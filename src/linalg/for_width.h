#ifndef LSTM_MPI_LINALG_FOR_WIDTH_H
#define LSTM_MPI_LINALG_FOR_WIDTH_H

/* CALL(width), where `width` is a constant for the widths that panels mostly have, so that the loops over it
 * become a few vector instructions. Those are the sides of the tiles of multiply_rows.c (see strip_shape.h)
 * and of BLIS's kernels: 32 x 12 with AVX-512, 24 x 4 and 16 x 6 with AVX2, 8 x 6 and 8 x 4 below. */
#define FOR_WIDTH(width, CALL) \
    do {                       \
        switch (width) {       \
        case 32:               \
            CALL(32);          \
            break;             \
        case 24:               \
            CALL(24);          \
            break;             \
        case 16:               \
            CALL(16);          \
            break;             \
        case 12:               \
            CALL(12);          \
            break;             \
        case 8:                \
            CALL(8);           \
            break;             \
        case 6:                \
            CALL(6);           \
            break;             \
        case 4:                \
            CALL(4);           \
            break;             \
        default:               \
            CALL(width);       \
        }                      \
    } while (0)

#endif
