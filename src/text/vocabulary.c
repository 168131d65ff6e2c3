#include "lstm_mpi/text/vocabulary.h"

#include "cutter.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/text/utf8.h"
#include "word_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>

static const char unknown_text[] = "<unk>";

enum { SPELLED_OUT_BYTES = sizeof "<0x00>" - 1 };

struct entry {
    uint64_t count;
    const char *shown;
    uint32_t code_point;
};

struct vocabulary {
    struct token_rules rules;
    struct word_table *texts;   /* of the tokens but <unk>: id - 1 is the number there */
    struct word_table *spelled; /* what is shown for texts that a file cannot hold; NULL: there is none */
    struct entry *entries;      /* [size] by id */
    size_t size;
    uint32_t *ids; /* [code_points] by code point, 0 where there is no token; NULL where tokens are words */
};

static enum status create_empty(struct vocabulary **out, const struct token_rules *rules, size_t size,
                                struct error *error)
{
    struct vocabulary *vocabulary = NULL;
    enum status status;
    TRY(memory_new(&vocabulary, 1, error));
    vocabulary->rules = *rules;
    TRY(word_table_create(&vocabulary->texts, error));
    TRY(memory_new(&vocabulary->entries, size, error));
    if (rules->tokenizer->code_points > 0)
        TRY(memory_new(&vocabulary->ids, rules->tokenizer->code_points, error));
    vocabulary->entries[VOCABULARY_UNKNOWN].shown = unknown_text;
    vocabulary->size = 1;
    *out = vocabulary;
    vocabulary = NULL;
done:
    vocabulary_destroy(vocabulary);
    return status;
}

/* A file's strings are UTF-8 and end at a zero byte: what such a string cannot hold is spelled out. */
static enum status spell_out(struct vocabulary *vocabulary, const char *text, size_t bytes,
                             const char **shown, struct error *error)
{
    enum status status = STATUS_OK;
    char *spelled = NULL;
    size_t used = 0;
    size_t index;
    *shown = text;
    if (!memchr(text, '\0', bytes) && utf8_check(text, bytes) == bytes)
        return STATUS_OK;
    if (!vocabulary->spelled)
        TRY(word_table_create(&vocabulary->spelled, error));
    TRY(memory_new(&spelled, SPELLED_OUT_BYTES * bytes + 1, error));
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\0' || bytes == 1)
            used +=
                (size_t)snprintf(spelled + used, SPELLED_OUT_BYTES + 1, "<0x%02X>", (unsigned char)text[i]);
        else
            spelled[used++] = text[i];
    }
    TRY(word_table_add(vocabulary->spelled, spelled, used, &index, error));
    *shown = word_table_text(vocabulary->spelled, index, &used);
done:
    memory_free(spelled);
    return status;
}

/* Gives the next id to a token; `*added` is false where it has one already. */
static enum status add_token(struct vocabulary *vocabulary, const char *text, size_t bytes,
                             uint32_t code_point, uint64_t count, bool *added, struct error *error)
{
    size_t index;
    enum status status;
    TRY(word_table_add(vocabulary->texts, text, bytes, &index, error));
    *added = index + 1 == vocabulary->size;
    if (!*added)
        goto done;
    struct entry *entry = &vocabulary->entries[vocabulary->size];
    *entry = (struct entry){.count = count, .code_point = code_point};
    TRY(spell_out(vocabulary, word_table_text(vocabulary->texts, index, &bytes), bytes, &entry->shown,
                  error));
    if (vocabulary->ids)
        vocabulary->ids[code_point] = (uint32_t)vocabulary->size;
    vocabulary->size++;
done:
    return status;
}

/* A token that was counted; `text` is that of a word. */
struct counted {
    uint64_t count;
    const char *text;
    uint32_t bytes;
    uint32_t code_point;
};

/* Bytes of UTF-8 stand in the order of the code points. */
static int by_count_then_bytes(const void *left, const void *right)
{
    const struct counted *a = left;
    const struct counted *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    if (!a->text)
        return (a->code_point > b->code_point) - (a->code_point < b->code_point);
    int order = memcmp(a->text, b->text, a->bytes < b->bytes ? a->bytes : b->bytes);
    return order ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static enum status sort_counted(struct counted **out, size_t *count, const struct token_counts *counts,
                                struct error *error)
{
    size_t found = 0;
    for (size_t i = 0; i < counts->length; i++)
        found += counts->counts[i] > 0;
    enum status status = memory_new(out, found, error);
    if (status != STATUS_OK)
        return status;
    struct counted *counted = *out;
    for (size_t i = 0; i < counts->length; i++) {
        if (counts->counts[i] == 0)
            continue;
        *counted = (struct counted){.count = counts->counts[i]};
        if (counts->words) {
            size_t bytes;
            counted->text = word_table_text(counts->words, i, &bytes);
            counted->bytes = (uint32_t)bytes;
        } else {
            counted->code_point = (uint32_t)i;
        }
        counted++;
    }
    qsort(*out, found, sizeof **out, by_count_then_bytes);
    *count = found;
    return STATUS_OK;
}

static enum status add_counted(struct vocabulary *vocabulary, const struct counted *counted,
                               struct error *error)
{
    unsigned char spelled[TOKEN_SPELL_BYTES];
    const char *text = counted->text;
    size_t bytes = counted->bytes;
    bool added;
    if (!text) {
        text = (const char *)spelled;
        bytes = vocabulary->rules.tokenizer->spell(spelled, counted->code_point);
    }
    return add_token(vocabulary, text, bytes, counted->code_point, counted->count, &added, error);
}

enum status vocabulary_create(struct vocabulary **out, const struct token_counts *counts, struct error *error)
{
    *out = NULL;
    struct vocabulary *vocabulary = NULL;
    struct counted *counted = NULL;
    size_t count;
    enum status status;
    TRY(sort_counted(&counted, &count, counts, error));
    TRY(create_empty(&vocabulary, &counts->rules, count + 1, error));
    vocabulary->entries[VOCABULARY_UNKNOWN].count = counts->unknown;
    for (size_t i = 0; i < count; i++)
        TRY(add_counted(vocabulary, &counted[i], error));
    *out = vocabulary;
    vocabulary = NULL;
done:
    memory_free(counted);
    vocabulary_destroy(vocabulary);
    return status;
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = digit ? strchr(digits, digit) : NULL;
    return found ? (int)(found - digits) % 16 : -1;
}

/* Whether a text begins with <0xNN>. */
static bool is_spelled_out(const char *text, uint32_t *value)
{
    if (strlen(text) < SPELLED_OUT_BYTES || strncmp(text, "<0x", 3) != 0 || text[5] != '>')
        return false;
    int high = hex_value(text[3]);
    int low = hex_value(text[4]);
    *value = (uint32_t)(16 * high + low);
    return high >= 0 && low >= 0;
}

/* Whether a text from a file is exactly one code point of the tokenizer. */
static bool is_code_point(const struct tokenizer_ops *tokenizer, const char *text, uint32_t *code_point)
{
    size_t bytes = strlen(text);
    if (bytes == SPELLED_OUT_BYTES && is_spelled_out(text, code_point))
        return true;
    if (tokenizer->needs_utf8)
        return bytes > 0 && utf8_decode(code_point, text, bytes) == bytes;
    *code_point = (unsigned char)text[0];
    return bytes == 1;
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

static enum status restore_code_point(struct vocabulary *vocabulary, size_t id, const char *text,
                                      const uint32_t *code_points, uint64_t count, struct error *error)
{
    const struct tokenizer_ops *tokenizer = vocabulary->rules.tokenizer;
    uint32_t code_point;
    bool added;
    enum status status;
    if (!is_code_point(tokenizer, text, &code_point))
        return bad_token(error, id, text, tokenizer->needs_utf8 ? "is not one character" : "is not one byte");
    if (code_points && code_points[id] != code_point)
        return bad_token(error, id, text, "has the code point of another token");
    unsigned char spelled[TOKEN_SPELL_BYTES];
    size_t bytes = tokenizer->spell(spelled, code_point);
    TRY(add_token(vocabulary, (const char *)spelled, bytes, code_point, count, &added, error));
    if (!added)
        status = bad_token(error, id, text, "occurs twice");
done:
    return status;
}

/* A zero byte that stands spelled out within a word: no word of a text has these characters side by side. */
static enum status restore_word(struct vocabulary *vocabulary, size_t id, const char *text, uint64_t count,
                                struct error *error)
{
    enum status status = STATUS_OK;
    char *word = NULL;
    size_t bytes = 0;
    bool added;
    if (text[0] == '\0' || utf8_check(text, strlen(text)) < strlen(text))
        return bad_token(error, id, text, "is no word");
    TRY(memory_new(&word, strlen(text), error));
    for (const char *next = text; *next;) {
        uint32_t value;
        if (is_spelled_out(next, &value) && value == 0) {
            word[bytes++] = '\0';
            next += SPELLED_OUT_BYTES;
        } else {
            word[bytes++] = *next++;
        }
    }
    TRY(add_token(vocabulary, word, bytes, 0, count, &added, error));
    if (!added)
        status = bad_token(error, id, text, "occurs twice");
done:
    memory_free(word);
    return status;
}

enum status vocabulary_restore(struct vocabulary **out, const struct token_rules *rules,
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
    TRY(create_empty(&vocabulary, rules, size, error));
    vocabulary->entries[VOCABULARY_UNKNOWN].count = counts ? counts[VOCABULARY_UNKNOWN] : 0;
    for (size_t id = 1; id < size; id++) {
        uint64_t count = counts ? counts[id] : 0;
        TRY(vocabulary->ids ? restore_code_point(vocabulary, id, texts[id], code_points, count, error)
                            : restore_word(vocabulary, id, texts[id], count, error));
    }
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
    word_table_destroy(vocabulary->texts);
    word_table_destroy(vocabulary->spelled);
    memory_free(vocabulary->entries);
    memory_free(vocabulary->ids);
    memory_free(vocabulary);
}

const struct token_rules *vocabulary_rules(const struct vocabulary *vocabulary)
{
    return &vocabulary->rules;
}

size_t vocabulary_size(const struct vocabulary *vocabulary)
{
    return vocabulary->size;
}

const char *vocabulary_text(const struct vocabulary *vocabulary, uint32_t id, size_t *bytes)
{
    if (id != VOCABULARY_UNKNOWN)
        return word_table_text(vocabulary->texts, id - 1, bytes);
    *bytes = sizeof unknown_text - 1;
    return unknown_text;
}

const char *vocabulary_shown(const struct vocabulary *vocabulary, uint32_t id)
{
    return vocabulary->entries[id].shown;
}

size_t vocabulary_longest_shown(const struct vocabulary *vocabulary)
{
    size_t longest = 0;
    for (uint32_t id = 0; id < vocabulary->size; id++)
        longest = larger(longest, strlen(vocabulary_shown(vocabulary, id)));
    return longest;
}

uint32_t vocabulary_code_point(const struct vocabulary *vocabulary, uint32_t id)
{
    return vocabulary->entries[id].code_point;
}

uint64_t vocabulary_count(const struct vocabulary *vocabulary, uint32_t id)
{
    return vocabulary->entries[id].count;
}

bool vocabulary_has_code_points(const struct vocabulary *vocabulary)
{
    return vocabulary->ids != NULL;
}

uint32_t vocabulary_opening(const struct vocabulary *vocabulary)
{
    for (uint32_t id = 1; id < vocabulary->size; id++) {
        size_t bytes;
        uint32_t code_point;
        const char *text = vocabulary_text(vocabulary, id, &bytes);
        if (utf8_decode(&code_point, text, bytes) > 0 && uc_is_alpha(code_point))
            return id;
    }
    return vocabulary->size > 1 ? 1 : VOCABULARY_UNKNOWN;
}

uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t bytes)
{
    size_t index = word_table_find(vocabulary->texts, text, bytes);
    return index == WORD_TABLE_NONE ? VOCABULARY_UNKNOWN : (uint32_t)(index + 1);
}

static void encode_words(const struct vocabulary *vocabulary, struct token_ids ids,
                         const struct portion *portion, size_t first, size_t count)
{
    const unsigned char *text = portion->text;
    for (size_t i = 0; i < first; i++)
        text += portion->tokens[i];
    for (size_t i = 0; i < count; i++) {
        size_t bytes = portion->tokens[first + i];
        token_ids_write(ids, i, vocabulary_find(vocabulary, (const char *)text, bytes));
        text += bytes;
    }
}

void vocabulary_encode(const struct vocabulary *vocabulary, struct token_ids ids,
                       const struct portion *portion, size_t first, size_t count)
{
    const uint32_t *of_code_point = vocabulary->ids;
    if (!of_code_point) {
        encode_words(vocabulary, ids, portion, first, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        token_ids_write(ids, i, of_code_point[portion->tokens[first + i]]);
}

struct encoded {
    const struct vocabulary *vocabulary;
    uint32_t *ids;
    size_t count;
    size_t capacity;
};

static enum status encode_portion(void *context, const struct portion *portion, struct error *error)
{
    struct encoded *encoded = context;
    enum status status;
    TRY(memory_grow(&encoded->ids, &encoded->capacity, encoded->count + portion->count, error));
    struct token_ids next = {.four_bytes = encoded->ids + encoded->count};
    vocabulary_encode(encoded->vocabulary, next, portion, 0, portion->count);
    encoded->count += portion->count;
done:
    return status;
}

enum status vocabulary_encode_text(const struct vocabulary *vocabulary, uint32_t **ids, size_t *count,
                                   const char *text, size_t bytes, struct error *error)
{
    const unsigned char *start = (const unsigned char *)text;
    struct cutter cutter = {.rules = vocabulary->rules};
    struct encoded encoded = {.vocabulary = vocabulary};
    enum status status;
    *ids = NULL;
    *count = 0;
    size_t good = cutter_check(&cutter.rules, start, bytes);
    if (good < bytes) {
        error_set(error, STATUS_FAILED, "the text is no UTF-8");
        TRY(error_why(error, "at byte offset %zu, counted from 0, stands 0x%02X", good, start[good]));
    }
    TRY(cutter_cut(&cutter, start, bytes, encode_portion, &encoded, error));
    *ids = encoded.ids;
    *count = encoded.count;
    encoded.ids = NULL;
done:
    memory_free(encoded.ids);
    cutter_free(&cutter);
    return status;
}

uint64_t vocabulary_digest(const struct vocabulary *vocabulary)
{
    uint64_t digest = vocabulary->size;
    for (uint32_t id = 1; id < vocabulary->size; id++) {
        size_t bytes;
        const char *text = vocabulary_text(vocabulary, id, &bytes);
        const uint64_t link[] = {digest, digest_of(text, bytes)};
        digest = digest_of(link, sizeof link);
    }
    return digest;
}
