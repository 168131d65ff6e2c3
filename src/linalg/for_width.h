#ifndef LSTM_MPI_LINALG_FOR_WIDTH_H
#define LSTM_MPI_LINALG_FOR_WIDTH_H

/* CALL(width), where `width` is a constant, for the widths that panels mostly have, so that the loops over it
 * become a few vector instructions; OTHERWISE for all others. The widths are the sides of the tiles of
 * multiply_rows.c (see strip_shape.h) and of BLIS's kernels: 32 x 12 with AVX-512, 24 x 4 and 16 x 6 with
 * AVX2. */
#define FOR_WIDE_WIDTH(width, CALL, OTHERWISE) \
    do {                                       \
        if ((width) == 32)                     \
            CALL(32);                          \
        else if ((width) == 24)                \
            CALL(24);                          \
        else if ((width) == 16)                \
            CALL(16);                          \
        else                                   \
            (OTHERWISE);                       \
    } while (0)

#define FOR_NARROW_WIDTH(width, CALL, OTHERWISE) \
    do {                                         \
        if ((width) == 12)                       \
            CALL(12);                            \
        else if ((width) == 6)                   \
            CALL(6);                             \
        else if ((width) == 4)                   \
            CALL(4);                             \
        else                                     \
            (OTHERWISE);                         \
    } while (0)

#endif
