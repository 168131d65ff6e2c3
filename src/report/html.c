#include "html.h"
#include "lstm_mpi/text/utf8.h"

#include <string.h>

static const char *entity_of(uint32_t code_point)
{
    switch (code_point) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static int is_allowed(uint32_t code_point)
{
    return (code_point >= ' ' && (code_point < 0x7F || code_point > 0x9F)) || code_point == '\n' ||
           code_point == '\t';
}

void html_text(FILE *out, const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    for (size_t count = strlen(text); count > 0;) {
        uint32_t code_point;
        size_t length = utf8_decode(&code_point, text, count);
        const char *entity = length > 0 ? entity_of(code_point) : NULL;
        if (entity)
            fputs(entity, out);
        else if (length > 0 && is_allowed(code_point))
            fwrite(text, 1, length, out);
        else
            fputs(replacement, out);
        length += length == 0;
        text += length;
        count -= length;
    }
}
