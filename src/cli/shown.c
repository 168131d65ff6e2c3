#include "shown.h"

#include "lstm_mpi/text/utf8.h"

#include <inttypes.h>
#include <string.h>

const char *shown_grouped(char text[SHOWN_NUMBER_BYTES], uint64_t value)
{
    char digits[SHOWN_NUMBER_BYTES];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, value);
    char *to = text;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *shown_size(char text[SHOWN_NUMBER_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    /* 1023.95 would be rounded to 1024.0. */
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    snprintf(text, SHOWN_NUMBER_BYTES, "%.1f %s", value, units[unit]);
    return text;
}

const char *shown_shape(char text[SHOWN_SHAPE_BYTES], const struct tensor *tensor)
{
    int used = 0;
    text[0] = '\0';
    for (size_t d = 0; d < tensor->dim_count; d++)
        used += snprintf(text + used, SHOWN_SHAPE_BYTES - (size_t)used, "%s%zu", d > 0 ? " x " : "",
                         tensor->dims[d]);
    return text;
}

static void print_character(FILE *out, uint32_t code_point, const char *bytes, size_t length)
{
    if (code_point == '\n')
        fputs("\\n", out);
    else if (code_point == '\t')
        fputs("\\t", out);
    else if (code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0))
        fprintf(out, "\\x%02X", (unsigned)code_point);
    else
        fwrite(bytes, 1, length, out);
}

void shown_token(FILE *out, const char *token)
{
    bool blank = token[strspn(token, " ")] == '\0';
    if (blank)
        fputc('\'', out);
    while (*token) {
        uint32_t code_point;
        size_t length = utf8_decode(&code_point, token, strlen(token));
        if (length == 0) {
            fputs(token, out);
            break;
        }
        print_character(out, code_point, token, length);
        token += length;
    }
    if (blank)
        fputc('\'', out);
}
