#include "lstm_mpi/text/vocabulary.h"

#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/text/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_TEXT_BYTES = sizeof "<0x00>" };

struct entry {
    uint64_t count;
    uint32_t code_point;
    uint32_t bytes;
    char text[ENTRY_TEXT_BYTES];
    char shown[ENTRY_TEXT_BYTES];
};

struct vocabulary {
    const struct tokenizer_ops *tokenizer;
    struct entry *entries; /* [size] by id */
    size_t size;
    uint32_t *ids; /* [tokenizer->code_points] by code point; 0 where there is no token */
};

/* Everything but the entries from 1 on. */
static enum status create_empty(struct vocabulary **out, const struct tokenizer_ops *tokenizer, size_t size,
                                struct error *error)
{
    static const char unknown[] = "<unk>";
    struct vocabulary *vocabulary = NULL;
    enum status status;
    TRY(memory_new(&vocabulary, 1, error));
    vocabulary->tokenizer = tokenizer;
    vocabulary->size = size;
    TRY(memory_new(&vocabulary->entries, size, error));
    TRY(memory_new(&vocabulary->ids, tokenizer->code_points, error));
    vocabulary->entries[VOCABULARY_UNKNOWN].bytes = sizeof unknown - 1;
    memcpy(vocabulary->entries[VOCABULARY_UNKNOWN].text, unknown, sizeof unknown);
    memcpy(vocabulary->entries[VOCABULARY_UNKNOWN].shown, unknown, sizeof unknown);
    *out = vocabulary;
    vocabulary = NULL;
done:
    vocabulary_destroy(vocabulary);
    return status;
}

/* A file's strings are UTF-8 and end at a zero byte: what such a string cannot hold is spelled out. */
static void spell(struct entry *entry, const struct tokenizer_ops *tokenizer)
{
    unsigned char text[TOKEN_SPELL_BYTES];
    size_t bytes = tokenizer->spell(text, entry->code_point);
    entry->bytes = (uint32_t)bytes;
    memcpy(entry->text, text, bytes);
    if (entry->code_point == 0 || utf8_check(text, bytes) < bytes) {
        snprintf(entry->shown, sizeof entry->shown, "<0x%02X>", entry->code_point & 0xFFU);
    } else {
        memcpy(entry->shown, text, bytes);
    }
}

static int by_count_then_code_point(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return (a->code_point > b->code_point) - (a->code_point < b->code_point);
}

enum status vocabulary_create(struct vocabulary **out, const struct token_counts *counts, struct error *error)
{
    *out = NULL;
    size_t size = 1;
    for (size_t i = 0; i < counts->length; i++)
        size += counts->counts[i] > 0;

    struct vocabulary *vocabulary;
    enum status status;
    TRY(create_empty(&vocabulary, counts->tokenizer, size, error));
    struct entry *entry = vocabulary->entries + 1;
    for (size_t i = 0; i < counts->length; i++) {
        if (counts->counts[i] == 0)
            continue;
        entry->code_point = (uint32_t)i;
        entry->count = counts->counts[i];
        spell(entry++, counts->tokenizer);
    }
    qsort(vocabulary->entries + 1, size - 1, sizeof *entry, by_count_then_code_point);
    for (size_t id = 1; id < size; id++)
        vocabulary->ids[vocabulary->entries[id].code_point] = (uint32_t)id;
    *out = vocabulary;
done:
    return status;
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = digit ? strchr(digits, digit) : NULL;
    return found ? (int)(found - digits) % 16 : -1;
}

/* Whether a text is exactly <0xNN>. */
static bool is_spelled_out(const char *text, uint32_t *value)
{
    if (strlen(text) != ENTRY_TEXT_BYTES - 1 || strncmp(text, "<0x", 3) != 0 || text[5] != '>')
        return false;
    int high = hex_value(text[3]);
    int low = hex_value(text[4]);
    *value = (uint32_t)(16 * high + low);
    return high >= 0 && low >= 0;
}

/* Whether a text is exactly one token. */
static bool is_one_token(const struct tokenizer_ops *tokenizer, const char *text, size_t bytes,
                         uint32_t *code_point)
{
    struct cut cut = {.text = (const unsigned char *)text, .bytes = bytes, .border = bytes};
    struct token token;
    if (tokenizer->next(&cut, &token, 1) != 1 || cut.position != bytes)
        return false;
    *code_point = token.code_point;
    return true;
}

enum { QUOTE_BYTES = 32 };

/* The beginning of a text from a file, made fit for a message of one line. */
static void quote(char out[QUOTE_BYTES], const char *text)
{
    size_t bytes = utf8_check(text, strnlen(text, QUOTE_BYTES - 1));
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)text[i] < ' ' ? '?' : text[i];
    out[bytes] = '\0';
}

static enum status bad_token(struct error *error, size_t id, const char *text, const char *fault)
{
    char quoted[QUOTE_BYTES];
    quote(quoted, text);
    error_set(error, STATUS_FAILED, "the vocabulary cannot be used");
    error_why(error, "token %zu, \"%s\", %s", id, quoted, fault);
    return error_remedy(error, "take another file; this one cannot be used");
}

static enum status restore_entry(struct vocabulary *vocabulary, size_t id, const char *text,
                                 const uint32_t *code_points, struct error *error)
{
    struct entry *entry = &vocabulary->entries[id];
    if (!is_spelled_out(text, &entry->code_point) &&
        !is_one_token(vocabulary->tokenizer, text, strlen(text), &entry->code_point))
        return bad_token(error, id, text, "is not one character");
    if (code_points && code_points[id] != entry->code_point)
        return bad_token(error, id, text, "has the code point of another character");
    if (vocabulary->ids[entry->code_point] != VOCABULARY_UNKNOWN)
        return bad_token(error, id, text, "occurs twice");
    vocabulary->ids[entry->code_point] = (uint32_t)id;
    spell(entry, vocabulary->tokenizer);
    return STATUS_OK;
}

enum status vocabulary_restore(struct vocabulary **out, const struct tokenizer_ops *tokenizer,
                               const char *const *texts, const uint32_t *code_points, const uint64_t *counts,
                               size_t size, struct error *error)
{
    *out = NULL;
    if (size == 0) {
        error_set(error, STATUS_FAILED, "the vocabulary cannot be used");
        error_why(error, "it holds no token");
        return error_remedy(error, "take another file; this one cannot be used");
    }
    struct vocabulary *vocabulary = NULL;
    enum status status;
    TRY(create_empty(&vocabulary, tokenizer, size, error));
    for (size_t id = 1; id < size; id++)
        TRY(restore_entry(vocabulary, id, texts[id], code_points, error));
    for (size_t id = 0; counts && id < size; id++)
        vocabulary->entries[id].count = counts[id];
    *out = vocabulary;
    vocabulary = NULL;
done:
    vocabulary_destroy(vocabulary);
    return status;
}

void vocabulary_destroy(struct vocabulary *vocabulary)
{
    if (!vocabulary)
        return;
    memory_free(vocabulary->entries);
    memory_free(vocabulary->ids);
    memory_free(vocabulary);
}

const struct tokenizer_ops *vocabulary_tokenizer(const struct vocabulary *vocabulary)
{
    return vocabulary->tokenizer;
}

size_t vocabulary_size(const struct vocabulary *vocabulary)
{
    return vocabulary->size;
}

const char *vocabulary_text(const struct vocabulary *vocabulary, uint32_t id, size_t *bytes)
{
    *bytes = vocabulary->entries[id].bytes;
    return vocabulary->entries[id].text;
}

const char *vocabulary_shown(const struct vocabulary *vocabulary, uint32_t id)
{
    return vocabulary->entries[id].shown;
}

uint32_t vocabulary_code_point(const struct vocabulary *vocabulary, uint32_t id)
{
    return vocabulary->entries[id].code_point;
}

uint64_t vocabulary_count(const struct vocabulary *vocabulary, uint32_t id)
{
    return vocabulary->entries[id].count;
}

uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t bytes)
{
    uint32_t code_point;
    if (!is_one_token(vocabulary->tokenizer, text, bytes, &code_point))
        return VOCABULARY_UNKNOWN;
    return vocabulary->ids[code_point];
}

uint32_t vocabulary_find_code_point(const struct vocabulary *vocabulary, uint32_t code_point)
{
    return code_point < vocabulary->tokenizer->code_points ? vocabulary->ids[code_point] : VOCABULARY_UNKNOWN;
}

void vocabulary_encode(const struct vocabulary *vocabulary, uint32_t *ids, const struct token *tokens,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        ids[i] = vocabulary->ids[tokens[i].code_point];
}

enum status vocabulary_encode_text(const struct vocabulary *vocabulary, uint32_t **ids, size_t *count,
                                   const char *text, size_t bytes, struct error *error)
{
    *ids = NULL;
    *count = 0;
    struct token *tokens = NULL;
    enum status status;
    /* No token is shorter than a byte. */
    TRY(memory_new(&tokens, bytes, error));
    struct cut cut = {.text = (const unsigned char *)text, .bytes = bytes, .border = bytes};
    size_t found = vocabulary->tokenizer->next(&cut, tokens, bytes);
    if (cut.position < bytes) {
        error_set(error, STATUS_FAILED, "the text is no UTF-8");
        TRY(error_why(error, "at byte offset %zu, counted from 0, stands 0x%02X", cut.position,
                      cut.text[cut.position]));
    }
    TRY(memory_new(ids, found, error));
    vocabulary_encode(vocabulary, *ids, tokens, found);
    *count = found;
done:
    memory_free(tokens);
    return status;
}

uint64_t vocabulary_digest(const struct vocabulary *vocabulary)
{
    uint64_t digest = vocabulary->size;
    for (size_t id = 1; id < vocabulary->size; id++) {
        const uint64_t link[] = {digest, vocabulary->entries[id].code_point};
        digest = digest_of(link, sizeof link);
    }
    return digest;
}
