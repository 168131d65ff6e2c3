#ifndef LSTM_MPI_TEXT_UTF8_H
#define LSTM_MPI_TEXT_UTF8_H

/* UTF-8 as the Unicode standard defines it, with nothing forgiven: overlong forms, surrogates, values
 * beyond U+10FFFF and characters that are cut short are errors. */

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX_BYTES = 4, UTF8_CODE_POINTS = 0x110000 };

/* Reads the character at the beginning of `bytes`. Returns its length, 1 to 4; 0 where there is none. */
size_t utf8_decode(uint32_t *code_point, const void *bytes, size_t count);

/* The offset of the first character that is none (of its first byte); `count` where all is well. */
size_t utf8_check(const void *bytes, size_t count);

/* The offset of the first byte that is not ASCII; `count` where all are. */
size_t utf8_ascii_prefix(const unsigned char *bytes, size_t count);

/* Decodes text that utf8_check has passed, from `*position` on and up to `capacity` characters, and moves the
 * position behind them. Returns how many. */
size_t utf8_decode_all(uint32_t *code_points, size_t capacity, const unsigned char *bytes, size_t count,
                       size_t *position);

/* Writes a character. Returns its length; 0 for a surrogate and beyond U+10FFFF. */
size_t utf8_encode(unsigned char bytes[UTF8_MAX_BYTES], uint32_t code_point);

/* Copies a text of any bytes, such as a path, with U+FFFD in the place of each byte that belongs to no
 * character. The caller owns the copy: memory_free. */
MUST_CHECK enum status utf8_repair(char **out, const char *text, struct error *error);

/* A byte 10xxxxxx, which never begins a character. */
static inline bool utf8_continues(unsigned char byte)
{
    return (byte & 0xC0U) == 0x80U;
}

#endif
