/* The text of a run, over any number of ranks, against a plain reading of the same bytes. */

#include "inputs.h"

#include "cutter.h"

#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/text/batches.h"
#include "support/failing_allocator.h"
#include "support/parallel.h"
#include "support/temporary_folder.h"

#include <stdlib.h>
#include <string.h>

static struct error error;
static const struct trainer_observer silent;
static char folder[TEMPORARY_PATH_BYTES];

/* What a plain reading gives: code points in their order, CRLF as LF. */
struct plain {
    unsigned char *bytes;
    size_t length;
    uint32_t *tokens;
    size_t count;
};

static size_t put(unsigned char *out, uint32_t code_point)
{
    if (code_point < 0x80) {
        out[0] = (unsigned char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (unsigned char)(0xC0 | code_point >> 6);
        out[1] = (unsigned char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (unsigned char)(0xE0 | code_point >> 12);
        out[1] = (unsigned char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (unsigned char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (unsigned char)(0xF0 | code_point >> 18);
    out[1] = (unsigned char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (unsigned char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (unsigned char)(0x80 | (code_point & 0x3F));
    return 4;
}

/* Characters of one to four bytes, rare ones among them. */
static uint32_t some_character(uint64_t i)
{
    uint64_t kind = random_below(1, 1, i, 100);
    if (kind < 40)
        return 0x4E00 + (uint32_t)(random_below(1, 2, i, 40) * random_below(1, 3, i, 40));
    if (kind < 80)
        return 'a' + (uint32_t)random_below(1, 2, i, 26);
    if (kind < 90)
        return 0x400 + (uint32_t)random_below(1, 2, i, 64);
    if (kind < 92)
        return 0x1F600 + (uint32_t)random_below(1, 2, i, 64);
    return '\n';
}

/* At least `bytes` bytes of text. Where a block of the file ends, a CR stands before and its LF behind. */
static void make_plain(struct plain *plain, size_t bytes)
{
    *plain = (struct plain){0};
    CHECK(memory_new(&plain->bytes, bytes + 16, &error) == STATUS_OK);
    CHECK(memory_new(&plain->tokens, bytes + 16, &error) == STATUS_OK);
    for (uint64_t i = 0; plain->length < bytes; i++) {
        size_t to_border = DIGEST_BLOCK_BYTES - plain->length % DIGEST_BLOCK_BYTES;
        uint32_t token = some_character(i);
        if (to_border < 5)
            token = to_border == 1 ? '\n' : 'x';
        if (token == '\n')
            plain->bytes[plain->length++] = '\r';
        plain->length += put(plain->bytes + plain->length, token);
        plain->tokens[plain->count++] = token;
    }
}

static void free_plain(struct plain *plain)
{
    memory_free(plain->bytes);
    memory_free(plain->tokens);
}

/* Rank 0 writes; the others wait until it has. */
static void write_file(const struct comm *comm, char path[TEMPORARY_PATH_BYTES], const char *name,
                       const void *bytes, size_t count)
{
    snprintf(path, TEMPORARY_PATH_BYTES, "%.400s/%s", folder, name);
    if (comm->rank == 0)
        temporary_file_write(path, bytes, count);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
}

static void set(struct settings *settings, const char *name, const char *value)
{
    CHECK(settings_text_set(settings, settings_find(name), value, "the test", &error) == STATUS_OK);
}

static void make_settings(struct settings *settings, const char *corpus, const char *sampling)
{
    CHECK(settings_defaults(settings, SETTINGS_TRAIN, &error) == STATUS_OK);
    set(settings, "corpus", corpus);
    set(settings, "sampling", sampling);
    set(settings, "max-tokens", "0");
    set(settings, "batch-size", "13");
    set(settings, "num-steps", "7");
}

static uint32_t id_at(const struct inputs *inputs, size_t place)
{
    uint32_t id;
    token_ids_read(token_ids_from(inputs->ids, place), 1, &id);
    return id;
}

static void check_tokens(const struct inputs *inputs, const struct plain *plain)
{
    struct range range = batches_token_range(&inputs->spec);
    size_t wrong = 0;
    CHECK(range.first + range.count <= plain->count);
    for (size_t i = 0; i < range.count && range.first + i < plain->count; i++)
        wrong +=
            vocabulary_code_point(inputs->vocabulary, id_at(inputs, i)) != plain->tokens[range.first + i];
    CHECK(wrong == 0);
}

static void check_counts(const struct vocabulary *vocabulary, const struct plain *plain)
{
    uint64_t *counts;
    CHECK(memory_new(&counts, vocabulary_size(vocabulary), &error) == STATUS_OK);
    for (size_t i = 0; i < plain->count; i++) {
        unsigned char text[4];
        size_t bytes = put(text, plain->tokens[i]);
        counts[vocabulary_find(vocabulary, (const char *)text, bytes)]++;
    }
    size_t wrong = 0;
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++)
        wrong += vocabulary_count(vocabulary, id) != counts[id];
    CHECK(wrong == 0);
    memory_free(counts);
}

static void test_blocks(const struct comm *comm, const char *path, const struct plain *plain,
                        const char *sampling, const char *max_tokens)
{
    struct settings settings;
    struct inputs inputs;
    make_settings(&settings, path, sampling);
    set(&settings, "max-tokens", max_tokens);
    CHECK(inputs_read(&inputs, comm, &settings, NULL, &silent, &error) == STATUS_OK);
    CHECK(inputs.corpus_tokens == plain->count);
    CHECK(inputs.spec.tokens == (settings.max_tokens > 0 ? settings.max_tokens : plain->count));
    struct range rows = comm_rows(comm, 13);
    CHECK(inputs.spec.first_row == rows.first && inputs.spec.row_count == rows.count);
    check_tokens(&inputs, plain);
    check_counts(inputs.vocabulary, plain);
    CHECK((inputs.shared != NULL) == (inputs.spec.sampling == SAMPLING_RANDOM));
    uint64_t digests[] = {vocabulary_digest(inputs.vocabulary), inputs.corpus_digest, inputs.corpus_tokens};
    CHECK(agree_same(comm, digest_of(digests, sizeof digests), "inputs", &error) == STATUS_OK);
    inputs_free(&inputs);
    settings_free(&settings);
}

static enum status count_portion(void *context, const struct portion *portion, struct error *reason)
{
    return token_counts_add(context, portion, reason);
}

/* The vocabulary of the text as one piece, counted by one process. */
static struct vocabulary *whole_vocabulary(const struct token_rules *rules, const struct plain *plain,
                                           uint64_t least)
{
    struct token_counts counts;
    struct vocabulary *vocabulary = NULL;
    struct cutter cutter = {.rules = *rules};
    CHECK(token_counts_create(&counts, rules, &error) == STATUS_OK);
    CHECK(cutter_cut(&cutter, plain->bytes, plain->length, count_portion, &counts, &error) == STATUS_OK);
    token_counts_drop_rare(&counts, least);
    CHECK(vocabulary_create(&vocabulary, &counts, &error) == STATUS_OK);
    token_counts_free(&counts);
    cutter_free(&cutter);
    return vocabulary;
}

/* Whatever the ranks: the tokens of the text as one piece. */
static void test_tokens(const struct comm *comm, const char *path, const struct plain *plain,
                        const char *kind, bool clean, const char *least, const char *sampling)
{
    struct settings settings;
    struct inputs inputs;
    uint32_t *ids;
    size_t count;
    make_settings(&settings, path, sampling);
    set(&settings, "token", kind);
    set(&settings, "lowercase", clean ? "on" : "off");
    set(&settings, "drop-newlines", clean ? "on" : "off");
    set(&settings, "min-freq", least);
    const struct token_rules rules = {tokenizer_find(kind), clean, clean};
    struct vocabulary *vocabulary = whole_vocabulary(&rules, plain, settings.min_freq);
    CHECK(vocabulary_encode_text(vocabulary, &ids, &count, (const char *)plain->bytes, plain->length,
                                 &error) == STATUS_OK);
    CHECK(inputs_read(&inputs, comm, &settings, NULL, &silent, &error) == STATUS_OK);
    CHECK(inputs.corpus_tokens == count);
    CHECK(vocabulary_digest(inputs.vocabulary) == vocabulary_digest(vocabulary));
    size_t wrong = 0;
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++)
        wrong += vocabulary_count(vocabulary, id) != vocabulary_count(inputs.vocabulary, id);
    CHECK(wrong == 0);
    struct range range = batches_token_range(&inputs.spec);
    for (size_t i = 0; i < range.count; i++)
        wrong += id_at(&inputs, i) != ids[range.first + i];
    CHECK(wrong == 0);
    inputs_free(&inputs);
    settings_free(&settings);
    memory_free(ids);
    vocabulary_destroy(vocabulary);
}

/* The vocabulary of another text: what it lacks becomes <unk>. It stays its owner's. */
static void test_given_vocabulary(const struct comm *comm, const char *path, const struct plain *plain)
{
    static const char *const texts[] = {"<unk>", "a", "\n", "x"};
    struct vocabulary *vocabulary;
    struct settings settings;
    struct inputs inputs;
    CHECK(vocabulary_restore(&vocabulary, &(const struct token_rules){.tokenizer = tokenizers[0]}, texts,
                             NULL, NULL, 4, &error) == STATUS_OK);
    make_settings(&settings, path, "sequential");
    CHECK(inputs_read(&inputs, comm, &settings, vocabulary, &silent, &error) == STATUS_OK);
    CHECK(inputs.vocabulary == vocabulary);
    struct range range = batches_token_range(&inputs.spec);
    size_t wrong = 0;
    for (size_t i = 0; i < range.count; i++) {
        uint32_t token = plain->tokens[range.first + i];
        uint32_t id = id_at(&inputs, i);
        wrong += id != (token == 'a' ? 1U : token == '\n' ? 2U : token == 'x' ? 3U : 0U);
    }
    CHECK(wrong == 0);
    inputs_free(&inputs);
    CHECK(vocabulary_size(vocabulary) == 4);
    vocabulary_destroy(vocabulary);
    settings_free(&settings);
}

static void check_fails(const struct comm *comm, struct settings *settings, const char *what, const char *why)
{
    struct inputs inputs;
    memset(&error, 0, sizeof error);
    CHECK(inputs_read(&inputs, comm, settings, NULL, &silent, &error) == STATUS_FAILED);
    CHECK(strstr(error.what, what) && strstr(error.why, why));
    inputs_free(&inputs);
    settings_free(settings);
}

/* A byte that is no UTF-8 in the block of one rank. */
static void test_bad_byte(const struct comm *comm, const struct plain *plain)
{
    char path[TEMPORARY_PATH_BYTES];
    struct settings settings;
    for (size_t at = 100; at < plain->length; at += plain->length / 3) {
        unsigned char kept = plain->bytes[at];
        plain->bytes[at] = 0xFF;
        write_file(comm, path, "bad.txt", plain->bytes, plain->length);
        make_settings(&settings, path, "sequential");
        check_fails(comm, &settings, "is no UTF-8", "counted from 0");
        CHECK(strstr(error.what, "bad.txt") != NULL);
        /* The byte may have cut the character that is named. */
        const char *place = strstr(error.why, "at byte offset ");
        CHECK(place != NULL);
        size_t offset = strtoul(place + strlen("at byte offset "), NULL, 10);
        CHECK(offset <= at && at - offset < 4);
        plain->bytes[at] = kept;
        CHECK(comm_barrier(comm, &error) == STATUS_OK);
    }
}

static void test_bad_corpora(const struct comm *comm)
{
    static const char text[] = "one two three four five six seven eight nine ten";
    char path[TEMPORARY_PATH_BYTES];
    struct settings settings;
    make_settings(&settings, "/nowhere/at all.txt", "sequential");
    check_fails(comm, &settings, "/nowhere/at all.txt", "No such file");
    write_file(comm, path, "empty.txt", "", 0);
    make_settings(&settings, path, "sequential");
    check_fails(comm, &settings, "the corpus is empty", "empty.txt");
    write_file(comm, path, "short.txt", text, strlen(text));
    make_settings(&settings, path, "sequential");
    check_fails(comm, &settings, "the corpus is too short", "48 tokens and 99 are needed");
    make_settings(&settings, path, "random");
    set(&settings, "batch-size", "8");
    set(&settings, "num-steps", "6");
    check_fails(comm, &settings, "the corpus is too short", "48 tokens and 54 are needed");
}

static void test_more_ranks_than_rows(const struct comm *comm)
{
    char rows[16];
    char why[64];
    struct settings settings;
    if (comm->size == 1)
        return;
    make_settings(&settings, "/nowhere", "sequential");
    snprintf(rows, sizeof rows, "%d", comm->size - 1);
    snprintf(why, sizeof why, "%d ranks would share %d row%s", comm->size, comm->size - 1,
             comm->size == 2 ? "" : "s");
    set(&settings, "batch-size", rows);
    check_fails(comm, &settings, "more ranks than batch rows", why);
}

/* One rank is short of memory, wherever that is: an error for all, and none waits for it. */
static void test_one_rank_without_memory(const struct comm *comm, const char *path, const char *sampling,
                                         const char *kind)
{
    const int failing = comm->size / 2;
    for (long allocations = 0;; allocations++) {
        struct settings settings;
        struct inputs inputs;
        double failed = 0;
        make_settings(&settings, path, sampling);
        set(&settings, "token", kind);
        failing_allocator_after(comm->rank == failing ? allocations : -1);
        enum status status = inputs_read(&inputs, comm, &settings, NULL, &silent, &error);
        failed = failing_allocator_has_failed();
        failing_allocator_after(-1);
        inputs_free(&inputs);
        settings_free(&settings);
        CHECK(comm_sum_f64(comm, &failed, 1, &error) == STATUS_OK);
        CHECK(status == (failed > 0 ? STATUS_FAILED : STATUS_OK));
        if (failed == 0)
            break;
    }
}

/* Hosts that see other files under the same name must not wait for each other for ever. */
static void test_other_file_on_one_rank(const struct comm *comm, const struct plain *plain)
{
    char path[TEMPORARY_PATH_BYTES];
    char other[TEMPORARY_PATH_BYTES];
    struct settings settings;
    if (comm->size == 1)
        return;
    write_file(comm, path, "here.txt", plain->bytes, plain->length);
    write_file(comm, other, "there.txt", plain->bytes, 3000);
    make_settings(&settings, comm->rank == comm->size - 1 ? other : path, "sequential");
    check_fails(comm, &settings, "the corpus is not the same for all ranks", "has 3000 bytes");
}

static void test(const struct comm *comm)
{
    char path[TEMPORARY_PATH_BYTES];
    char small_path[TEMPORARY_PATH_BYTES];
    struct plain plain;
    struct plain small;
    if (comm->rank == 0)
        temporary_folder_make(folder);
    CHECK(comm_broadcast(comm, folder, sizeof folder, 0, &error) == STATUS_OK);
    make_plain(&plain, (size_t)5 * DIGEST_BLOCK_BYTES / 2);
    write_file(comm, path, "text.txt", plain.bytes, plain.length);
    test_blocks(comm, path, &plain, "sequential", "0");
    test_blocks(comm, path, &plain, "random", "0");
    test_blocks(comm, path, &plain, "sequential", "700001");
    test_blocks(comm, path, &plain, "random", "3000");
    test_tokens(comm, path, &plain, "word", false, "1", "sequential");
    test_tokens(comm, path, &plain, "word", true, "3", "random");
    test_tokens(comm, path, &plain, "byte", false, "1", "sequential");
    test_tokens(comm, path, &plain, "char", true, "5", "sequential");
    test_given_vocabulary(comm, path, &plain);
    test_bad_byte(comm, &plain);
    test_bad_corpora(comm);
    test_more_ranks_than_rows(comm);
    test_other_file_on_one_rank(comm, &plain);
    make_plain(&small, 5000);
    write_file(comm, small_path, "small.txt", small.bytes, small.length);
    test_one_rank_without_memory(comm, small_path, "sequential", "word");
    test_one_rank_without_memory(comm, small_path, "random", "char");
    free_plain(&plain);
    free_plain(&small);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
    if (comm->rank == 0)
        temporary_folder_remove(folder);
}

int main(void)
{
    return parallel_run(test);
}
