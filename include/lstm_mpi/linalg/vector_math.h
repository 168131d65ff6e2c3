#ifndef LSTM_MPI_LINALG_VECTOR_MATH_H
#define LSTM_MPI_LINALG_VECTOR_MATH_H

/* exp, tanh and sigmoid for the loops of files that are compiled for each vector level: plain code that a
 * compiler makes vectors of, each lane and the last elements of a row alike. Within 2 units in the last place
 * (exp 1); NaN stays NaN.
 *
 * The C library's vector forms (glibc's libmvec) have to be called for one vector at a time: some 45
 * instructions with what is saved around a call, where these take 20 and several vectors are under way at
 * once. Rows of logits became exponentials 1.8 times as fast, the gates of an LSTM 1.7 times (Zen 3).
 *
 *     x = n·ln 2 + f, |f| ≤ ln 2 / 2;    exp(x) = 2^n · exp(f);    exp(f) - 1 = f + f²·P(f)
 *
 * P is the polynomial whose largest error of exp(f), relative, is least (Remez): 3·10^-9. */

#include <stdint.h>
#include <string.h>

/* Arguments beyond these count as these: 2^n stays a normal number. Defined elsewhere, because gcc follows
 * what it knows a constant to become, and then has no loop that it could make vectors of. */
struct vector_exp_bounds {
    float least; /* -87.3 */
    float most;  /* 87.3 */
};
extern const struct vector_exp_bounds vector_exp_bounds;

struct power {
    float scale; /* 2^n */
    float rest;  /* exp(f) - 1 */
};

static inline struct power power_of_e(float x)
{
    x = vector_exp_bounds.least > x ? vector_exp_bounds.least : x;
    x = vector_exp_bounds.most < x ? vector_exp_bounds.most : x;
    /* Where floats are 1 apart: rounding leaves n, and with it the exponent's bias, 127, in the lowest bits.
     */
    const float ones = 12582912.0F + 127.0F;
    const float log2_e = 1.44269504F;
    const float ln_2_high = 0.693145751953125F; /* so few bits that n times them is exact */
    const float ln_2_low = 1.42860677e-6F;
    float shifted = x * log2_e + ones;
    float n = shifted - ones;
    float f = (x - n * ln_2_high) - n * ln_2_low;
    float p = 1.381461275741458e-3F;
    p = p * f + 8.368710055947304e-3F;
    p = p * f + 4.166838899254799e-2F;
    p = p * f + 0.1666652113199234F;
    p = p * f + 0.4999999403953552F;
    p = p * f + 1.0F;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    struct power power = {.rest = p * f};
    memcpy(&power.scale, &bits, sizeof power.scale);
    return power;
}

static inline float vector_expf(float x)
{
    struct power power = power_of_e(x);
    return power.scale * power.rest + power.scale;
}

static inline float vector_sigmoidf(float x)
{
    return 1.0F / (1.0F + vector_expf(-x));
}

/* (e^2x - 1) / (e^2x + 1), where e^2x - 1 is exact to its last digits however small it is. */
static inline float vector_tanhf(float x)
{
    struct power power = power_of_e(2 * x);
    float less_one = power.scale * power.rest + (power.scale - 1.0F);
    return less_one / (less_one + 2.0F);
}

#endif
