#include "format_text.h"

#include <stdio.h>

/* The length of the character that begins with this byte. */
static size_t character_bytes(unsigned char first)
{
    return first >= 0xF0U ? 4 : first >= 0xE0U ? 3 : first >= 0xC0U ? 2 : 1;
}

/* Bytes 10xxxxxx continue a character: back to its first byte, to see whether it is whole. */
static void drop_cut_character(char *text, size_t length)
{
    size_t first = length - 1;
    while (first > 0 && ((unsigned char)text[first] & 0xC0U) == 0x80U)
        first--;
    if (length - first < character_bytes((unsigned char)text[first]))
        text[first] = '\0';
}

void format_text(char *text, size_t bytes, const char *format, va_list arguments)
{
    int length = vsnprintf(text, bytes, format, arguments);
    if (length < 0)
        text[0] = '\0';
    else if ((size_t)length >= bytes && bytes > 1)
        drop_cut_character(text, bytes - 1);
}
