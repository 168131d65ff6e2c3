#include "lstm_mpi/text/utf8.h"
#include "lstm_mpi/base/memory.h"

#include <string.h>
#include <unistr.h>

/* Bytes that are looked at together where they may all be ASCII. */
enum { STRIDE = 32 };

size_t utf8_decode(uint32_t *code_point, const void *bytes, size_t count)
{
    if (count == 0)
        return 0;
    ucs4_t value;
    int length = u8_mbtoucr(&value, bytes, count);
    if (length <= 0)
        return 0;
    *code_point = value;
    return (size_t)length;
}

static bool stride_is_ascii(const unsigned char *bytes)
{
    uint64_t words[STRIDE / sizeof(uint64_t)];
    memcpy(words, bytes, STRIDE);
    return ((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080)) == 0;
}

size_t utf8_ascii_prefix(const unsigned char *bytes, size_t count)
{
    size_t position = 0;
    while (count - position >= STRIDE && stride_is_ascii(bytes + position))
        position += STRIDE;
    while (position < count && bytes[position] < 0x80)
        position++;
    return position;
}

/* A character of three bytes, as nearly all of Chinese and Japanese are, whose first byte leaves no room for
 * an overlong form or a surrogate. */
static bool is_plain_three(const unsigned char *bytes)
{
    return (bytes[0] & 0xF0U) == 0xE0 && bytes[0] != 0xE0 && bytes[0] != 0xED && utf8_continues(bytes[1]) &&
           utf8_continues(bytes[2]);
}

size_t utf8_check(const void *bytes, size_t count)
{
    const unsigned char *text = bytes;
    size_t position = 0;
    while (position < count) {
        if (text[position] < 0x80)
            position += utf8_ascii_prefix(text + position, count - position);
        while (count - position >= 3 && is_plain_three(text + position))
            position += 3;
        if (position < count && text[position] >= 0x80) {
            ucs4_t value;
            int length = u8_mbtoucr(&value, text + position, count - position);
            if (length <= 0)
                break;
            position += (size_t)length;
        }
    }
    return position;
}

static uint32_t decode_three(const unsigned char *bytes)
{
    return (bytes[0] & 0x0FU) << 12 | (bytes[1] & 0x3FU) << 6 | (bytes[2] & 0x3FU);
}

/* The character at the beginning of good text. */
static uint32_t decode_good(const unsigned char *bytes, size_t *length)
{
    if (bytes[0] < 0xE0) {
        *length = 2;
        return (bytes[0] & 0x1FU) << 6 | (bytes[1] & 0x3FU);
    }
    if (bytes[0] < 0xF0) {
        *length = 3;
        return decode_three(bytes);
    }
    *length = 4;
    return (bytes[0] & 0x07U) << 18 | (bytes[1] & 0x3FU) << 12 | (bytes[2] & 0x3FU) << 6 | (bytes[3] & 0x3FU);
}

size_t utf8_decode_all(uint32_t *code_points, size_t capacity, const unsigned char *bytes, size_t count,
                       size_t *position)
{
    size_t at = *position;
    size_t found = 0;
    while (found < capacity && at < count) {
        if ((bytes[at] & 0xF0U) == 0xE0) {
            do {
                code_points[found++] = decode_three(bytes + at);
                at += 3;
            } while (found < capacity && at < count && (bytes[at] & 0xF0U) == 0xE0);
        } else if (bytes[at] >= 0x80) {
            size_t length;
            code_points[found++] = decode_good(bytes + at, &length);
            at += length;
        } else if (capacity - found >= STRIDE && count - at >= STRIDE && stride_is_ascii(bytes + at)) {
            for (size_t i = 0; i < STRIDE; i++)
                code_points[found + i] = bytes[at + i];
            found += STRIDE;
            at += STRIDE;
        } else {
            code_points[found++] = bytes[at++];
        }
    }
    *position = at;
    return found;
}

size_t utf8_encode(unsigned char bytes[UTF8_MAX_BYTES], uint32_t code_point)
{
    int length = u8_uctomb(bytes, code_point, UTF8_MAX_BYTES);
    return length > 0 ? (size_t)length : 0;
}

enum status utf8_repair(char **out, const char *text, struct error *error)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t count = strlen(text);
    size_t written = 0;
    enum status status = memory_allocate(out, count + 1, sizeof replacement, error);
    for (size_t position = 0; status == STATUS_OK && position < count;) {
        uint32_t code_point;
        size_t length = utf8_decode(&code_point, text + position, count - position);
        const char *from = length > 0 ? text + position : replacement;
        size_t bytes = length > 0 ? length : sizeof replacement - 1;
        memcpy(*out + written, from, bytes);
        written += bytes;
        position += length > 0 ? length : 1;
    }
    return status;
}
