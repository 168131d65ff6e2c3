#include "lstm_mpi/text/utf8.h"

#include <unistr.h>

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

size_t utf8_check(const void *bytes, size_t count)
{
    const uint8_t *bad = u8_check(bytes, count);
    return bad ? (size_t)(bad - (const uint8_t *)bytes) : count;
}

size_t utf8_encode(unsigned char bytes[UTF8_MAX_BYTES], uint32_t code_point)
{
    int length = u8_uctomb(bytes, code_point, UTF8_MAX_BYTES);
    return length > 0 ? (size_t)length : 0;
}
