#include "corpus_private.h"

#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/text/utf8.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 3, MOST_TOKENS = 4096, MOST_BLOCKS = 4096 };

static struct error error;
static char folder[] = "/tmp/test_corpus.XXXXXX";
static char paths[FILES][64];

static struct token_rules chars(void)
{
    return (struct token_rules){.tokenizer = tokenizer_find("char")};
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < FILES; i++)
        snprintf(paths[i], sizeof paths[i], "%s/part%d.txt", folder, i);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++)
        unlink(paths[i]);
    return rmdir(folder);
}

struct text {
    const char *bytes;
    size_t count;
};
#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static void write_file(int index, struct text text)
{
    FILE *file = fopen(paths[index], "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text.bytes, 1, text.count, file), text.count);
    assert_int_equal(fclose(file), 0);
}

static struct corpus *opened(size_t count, size_t block_bytes)
{
    const char *const all[FILES] = {paths[0], paths[1], paths[2]};
    const struct token_rules rules = chars();
    struct corpus *corpus;
    assert_int_equal(corpus_open_blocks(&corpus, all, count, &rules, block_bytes, &error), STATUS_OK);
    return corpus;
}

/* What the whole text is, cleaned and decoded without any block. */
static size_t reference_tokens(uint32_t tokens[MOST_TOKENS], const struct text *texts, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct text text = texts[i];
        size_t at = text.count >= 3 && memcmp(text.bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        while (at < text.count) {
            size_t length = utf8_decode(&tokens[found], text.bytes + at, text.count - at);
            assert_int_not_equal(length, 0);
            at += length;
            if (tokens[found] != '\r' || at == text.count || text.bytes[at] != '\n')
                found++;
        }
    }
    return found;
}

struct scan {
    struct token_counts counts;
    struct corpus_block blocks[MOST_BLOCKS];
    size_t block_count;
};

static void make_counts(struct token_counts *counts)
{
    const struct token_rules rules = chars();
    assert_int_equal(token_counts_create(counts, &rules, &error), STATUS_OK);
}

static void scan_all(struct scan *scan, struct corpus *corpus)
{
    scan->block_count = corpus_block_count(corpus);
    assert_true(scan->block_count <= MOST_BLOCKS);
    make_counts(&scan->counts);
    for (size_t i = 0; i < scan->block_count; i++)
        assert_int_equal(corpus_scan_block(corpus, i, &scan->counts, &scan->blocks[i], &error), STATUS_OK);
}

static enum status encode(struct corpus *corpus, const struct corpus_block *blocks,
                          const struct vocabulary *vocabulary, uint64_t first, size_t count, uint32_t *ids)
{
    const struct encoding encoding = {vocabulary, first, first + count, {.four_bytes = ids}, NULL};
    struct range range = corpus_blocks_of(blocks, corpus_block_count(corpus), first, first + count);
    uint64_t token = corpus_tokens(blocks, range.first);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < range.count; i++) {
        const struct corpus_block *info = &blocks[range.first + i];
        status = corpus_encode_block(corpus, range.first + i, info, token, &encoding, &error);
        token += info->tokens;
    }
    return status;
}

/* Every range of tokens for short texts, some of them for longer ones. */
static void check_encoding(struct corpus *corpus, const struct scan *scan, const uint32_t *tokens,
                           size_t token_count)
{
    struct vocabulary *vocabulary;
    assert_int_equal(vocabulary_create(&vocabulary, &scan->counts, &error), STATUS_OK);
    uint64_t counted = 0;
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++)
        counted += vocabulary_count(vocabulary, id);
    assert_int_equal(counted, token_count);
    size_t step = token_count / 8 + 1;
    for (size_t first = 0; first <= token_count; first += step) {
        for (size_t count = 0; count <= token_count - first; count += step) {
            uint32_t *ids = malloc(count * sizeof *ids + 1);
            assert_non_null(ids);
            assert_int_equal(encode(corpus, scan->blocks, vocabulary, first, count, ids), STATUS_OK);
            for (size_t i = 0; i < count; i++) {
                assert_int_not_equal(ids[i], VOCABULARY_UNKNOWN);
                assert_int_equal(vocabulary_code_point(vocabulary, ids[i]), tokens[first + i]);
            }
            free(ids);
        }
    }
    vocabulary_destroy(vocabulary);
}

static void check_blocks(const struct text *texts, size_t count, size_t block_bytes)
{
    uint32_t tokens[MOST_TOKENS];
    size_t token_count = reference_tokens(tokens, texts, count);
    struct corpus *corpus = opened(count, block_bytes);
    static struct scan scan;
    scan_all(&scan, corpus);

    size_t block = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t first = 0; first < texts[i].count; first += block_bytes, block++) {
            size_t rest = texts[i].count - first;
            size_t length = rest < block_bytes ? rest : block_bytes;
            bytes += length;
            assert_int_equal(scan.blocks[block].digest, digest_of(texts[i].bytes + first, length));
        }
    }
    assert_int_equal(scan.block_count, block);
    assert_int_equal(corpus_bytes(corpus), bytes);
    assert_int_equal(corpus_tokens(scan.blocks, block), token_count);

    check_encoding(corpus, &scan, tokens, token_count);
    token_counts_free(&scan.counts);
    corpus_close(corpus);
}

static void blocks_do_not_matter(void **state)
{
    (void)state;
    static const struct {
        struct text texts[FILES];
        size_t count;
    } cases[] = {
        {{TEXT("plain")}, 1},
        {{TEXT("我有一剑😀é!")}, 1},
        {{TEXT("一\r\n二\r\n\r\n三\r四\n\r五\r\r\n六\r")}, 1},
        {{TEXT("\xEF\xBB\xBF"
               "begins with a mark, \xEF\xBB\xBF one within stays")},
         1},
        {{TEXT("\xEF\xBB\xBF")}, 1},
        {{TEXT("\xEF\xBB\xBF\r\n")}, 1},
        {{TEXT("\xEF\xBB\xBF\xEF\xBB\xBF"
               "x")},
         1},
        {{TEXT("\0\0zero\0")}, 1},
        {{TEXT("one\r"), TEXT("\ntwo"), TEXT("\xEF\xBB\xBF三\r\n")}, 3},
        {{TEXT(""), TEXT("only the middle one"), TEXT("")}, 3},
        {{TEXT("剑"), TEXT(""), TEXT("你是")}, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < cases[i].count; k++)
            write_file((int)k, cases[i].texts[k]);
        for (size_t block_bytes = 1; block_bytes <= 5; block_bytes++)
            check_blocks(cases[i].texts, cases[i].count, block_bytes);
        check_blocks(cases[i].texts, cases[i].count, DIGEST_BLOCK_BYTES);
    }
}

/* More tokens in a block than are cut at once. */
static void long_stretches_are_cut_in_portions(void **state)
{
    (void)state;
    static char bytes[4000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)('a' + i % 26);
    bytes[3000] = '\r';
    bytes[3001] = '\n';
    for (size_t length = 1022; length <= 1026; length++) {
        const struct text text = {bytes, length};
        write_file(0, text);
        check_blocks(&text, 1, DIGEST_BLOCK_BYTES);
    }
    const struct text text = {bytes, sizeof bytes};
    write_file(0, text);
    check_blocks(&text, 1, DIGEST_BLOCK_BYTES);
    check_blocks(&text, 1, 1500);
}

/* The first scan that fails, in the order of the blocks, names the byte. */
static void assert_bad_byte(struct text text, size_t offset, size_t block_bytes, struct token_counts *counts)
{
    const struct text before = TEXT("a good part\n");
    char expected[64];
    write_file(0, before);
    write_file(1, text);
    struct corpus *corpus = opened(2, block_bytes);
    struct corpus_block info;
    enum status status = STATUS_OK;
    for (size_t block = 0; status == STATUS_OK && block < corpus_block_count(corpus); block++)
        status = corpus_scan_block(corpus, block, counts, &info, &error);
    assert_int_equal(status, STATUS_FAILED);
    assert_non_null(strstr(error.what, paths[1]));
    snprintf(expected, sizeof expected, "byte offset %zu,", offset);
    assert_non_null(strstr(error.why, expected));
    corpus_close(corpus);
}

static void a_bad_byte_is_named_wherever_blocks_end(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        size_t offset;
    } cases[] = {
        {TEXT("\x80"), 0},
        {TEXT("我有\x80一剑"), 6},
        {TEXT("我有\x88\x88一剑"), 6},
        {TEXT("\xEF\xBB\xBF\xFFx"), 3},
        {TEXT("\xEF\xBBx"), 0},
        {TEXT("a\r\nb\r\nc\xC0\x80"), 7},
        {TEXT("a\r\n\xED\xA0\x80"), 3},
        {TEXT("剑\xE5\x89\r\n"), 3},
        {TEXT("剑\xE5\r\n\x89"), 3},
        {TEXT("剑\xF0\x9F\x98"), 3},
        {TEXT("abc\xE5"), 3},
        {TEXT("ab\xF8\x88\x80\x80\x80"), 2},
        {TEXT("ab\xF4\x90\x80\x80"), 2},
    };
    struct token_counts counts;
    make_counts(&counts);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t block_bytes = 1; block_bytes <= 9; block_bytes++)
            assert_bad_byte(cases[i].text, cases[i].offset, block_bytes, &counts);
        assert_bad_byte(cases[i].text, cases[i].offset, DIGEST_BLOCK_BYTES, &counts);
    }
    token_counts_free(&counts);
}

/* A character that is cut short by the end of its file is not completed by the next one. */
static void files_are_decoded_by_themselves(void **state)
{
    (void)state;
    const struct text first = TEXT("剑\xE5");
    const struct text second = TEXT("\x89\x91");
    write_file(0, first);
    write_file(1, second);
    struct corpus *corpus = opened(2, DIGEST_BLOCK_BYTES);
    struct token_counts counts;
    struct corpus_block info;
    make_counts(&counts);
    assert_int_equal(corpus_scan_block(corpus, 0, &counts, &info, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "offset 3,"));
    assert_int_equal(corpus_scan_block(corpus, 1, &counts, &info, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "offset 0,"));
    token_counts_free(&counts);
    corpus_close(corpus);
}

static void the_built_in_text_is_a_corpus(void **state)
{
    (void)state;
    struct corpus *corpus;
    static struct scan scan;
    const struct token_rules rules = chars();
    assert_int_equal(corpus_open(&corpus, NULL, 0, &rules, &error), STATUS_OK);
    scan_all(&scan, corpus);
    struct vocabulary *vocabulary;
    assert_int_equal(vocabulary_create(&vocabulary, &scan.counts, &error), STATUS_OK);
    static const char *const expected[] = {"你", "是", "我", "有", "一", "剑"};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_not_equal(vocabulary_find(vocabulary, expected[i], 3), VOCABULARY_UNKNOWN);
    assert_int_equal(vocabulary_find(vocabulary, "\r", 1), VOCABULARY_UNKNOWN);

    size_t tokens = corpus_tokens(scan.blocks, scan.block_count);
    uint32_t *ids = malloc(tokens * sizeof *ids);
    assert_non_null(ids);
    assert_int_equal(encode(corpus, scan.blocks, vocabulary, 0, tokens, ids), STATUS_OK);
    size_t text_bytes = 0;
    for (size_t i = 0; i < tokens; i++) {
        size_t bytes;
        assert_non_null(vocabulary_text(vocabulary, ids[i], &bytes));
        text_bytes += bytes;
    }
    assert_int_equal(text_bytes, corpus_bytes(corpus));
    free(ids);
    vocabulary_destroy(vocabulary);
    token_counts_free(&scan.counts);
    corpus_close(corpus);
}

static void assert_no_corpus(const char *const *names, size_t count, const char *named, const char *why)
{
    const struct token_rules rules = chars();
    struct corpus *corpus;
    assert_int_equal(corpus_open(&corpus, names, count, &rules, &error), STATUS_FAILED);
    assert_null(corpus);
    char line[ERROR_LINE_BYTES];
    error_line(line, &error);
    assert_non_null(strstr(line, named));
    assert_non_null(strstr(line, why));
}

static void what_is_no_text_file_is_refused(void **state)
{
    (void)state;
    const struct text good = TEXT("good");
    char missing[96];
    char pipe_path[96];
    snprintf(missing, sizeof missing, "%s/missing.txt", folder);
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
    write_file(0, good);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_no_corpus((const char *[]){missing}, 1, missing, "No such file");
    assert_no_corpus((const char *[]){paths[0], missing}, 2, missing, "No such file");
    assert_no_corpus((const char *[]){paths[0], folder}, 2, folder, "Is a directory");
    assert_no_corpus((const char *[]){pipe_path}, 1, pipe_path, "regular file");
    assert_int_equal(unlink(pipe_path), 0);
    assert_int_equal(chmod(paths[0], 0), 0);
    if (access(paths[0], R_OK) != 0)
        assert_no_corpus((const char *[]){paths[0]}, 1, paths[0], "Permission denied");
    assert_int_equal(chmod(paths[0], 0600), 0);
}

static void an_empty_corpus_is_refused(void **state)
{
    (void)state;
    const struct text empty = TEXT("");
    for (int i = 0; i < FILES; i++)
        write_file(i, empty);
    assert_no_corpus((const char *[]){paths[0]}, 1, paths[0], "empty");
    assert_no_corpus((const char *[]){paths[0], paths[1], paths[2]}, 3, paths[0], "empty");
    assert_non_null(strstr(error.why, "2 files after it"));
}

/* After a scan the file becomes what `text` says; to encode or scan it then is an error. */
static void assert_change_is_noticed(struct text text, bool scan_notices)
{
    const struct text first = TEXT("我有一剑，一剑而已。\nA sword, no more.\n");
    static struct scan scan;
    write_file(0, first);
    struct corpus *corpus = opened(1, 8);
    scan_all(&scan, corpus);
    struct vocabulary *vocabulary;
    assert_int_equal(vocabulary_create(&vocabulary, &scan.counts, &error), STATUS_OK);
    write_file(0, text);
    uint32_t ids[64];
    uint64_t tokens = corpus_tokens(scan.blocks, scan.block_count);
    assert_int_equal(encode(corpus, scan.blocks, vocabulary, 0, tokens, ids), STATUS_FAILED);
    assert_non_null(strstr(error.what, paths[0]));
    assert_non_null(strstr(error.what, "has changed"));
    struct corpus_block info;
    assert_int_equal(corpus_scan_block(corpus, scan.block_count - 1, &scan.counts, &info, &error),
                     scan_notices ? STATUS_FAILED : STATUS_OK);
    vocabulary_destroy(vocabulary);
    token_counts_free(&scan.counts);
    corpus_close(corpus);
}

static void a_file_that_changes_is_an_error(void **state)
{
    (void)state;
    const struct text longer = TEXT("我有一剑，一剑而已。\nA sword, no more. And yet\n");
    const struct text shorter = TEXT("我有一剑");
    const struct text empty = TEXT("");
    const struct text other = TEXT("我有一剑，一剑而已。\nA sword, no less.\n");
    assert_change_is_noticed(longer, true);
    assert_change_is_noticed(shorter, true);
    assert_change_is_noticed(empty, true);
    assert_change_is_noticed(other, false);
}

/* The last character of a block ends behind it, in bytes that the block's digest does not cover. */
static void what_lies_behind_a_block_may_change_too(void **state)
{
    (void)state;
    const struct text others[] = {TEXT("我有\xE4\xB8x\xE5\x89\x91"), TEXT("我有\xE4\xB8\xFF\xE5\x89\x91")};
    uint32_t ids[4];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        write_file(0, (struct text)TEXT("我有一剑"));
        struct corpus *corpus = opened(1, 8);
        static struct scan scan;
        struct vocabulary *vocabulary;
        scan_all(&scan, corpus);
        assert_int_equal(scan.blocks[0].tokens, 3);
        assert_int_equal(vocabulary_create(&vocabulary, &scan.counts, &error), STATUS_OK);
        assert_int_equal(encode(corpus, scan.blocks, vocabulary, 0, 3, ids), STATUS_OK);
        write_file(0, others[i]);
        assert_int_equal(encode(corpus, scan.blocks, vocabulary, 0, 3, ids), STATUS_FAILED);
        vocabulary_destroy(vocabulary);
        token_counts_free(&scan.counts);
        corpus_close(corpus);
    }
}

static void a_file_that_vanishes_is_an_error(void **state)
{
    (void)state;
    const struct text text = TEXT("text");
    write_file(0, text);
    write_file(1, text);
    struct corpus *corpus = opened(2, 8); /* the second one is open now */
    struct token_counts counts;
    struct corpus_block info;
    make_counts(&counts);
    assert_int_equal(unlink(paths[0]), 0);
    assert_int_equal(corpus_scan_block(corpus, 0, &counts, &info, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, paths[0]));
    assert_int_equal(corpus_scan_block(corpus, 1, &counts, &info, &error), STATUS_OK);
    token_counts_free(&counts);
    corpus_close(corpus);
}

/* Encoding reads the blocks that hold the tokens and no others: another block may be gone. */
static void encoding_touches_its_blocks_alone(void **state)
{
    (void)state;
    const struct text first = TEXT("first one");
    const struct text second = TEXT("other one");
    static struct scan scan;
    write_file(0, first);
    write_file(1, second);
    struct corpus *corpus = opened(2, DIGEST_BLOCK_BYTES);
    scan_all(&scan, corpus);
    struct vocabulary *vocabulary;
    uint32_t ids[18];
    assert_int_equal(vocabulary_create(&vocabulary, &scan.counts, &error), STATUS_OK);
    assert_int_equal(unlink(paths[0]), 0);
    assert_int_equal(encode(corpus, scan.blocks, vocabulary, 9, 9, ids), STATUS_OK);
    assert_int_equal(vocabulary_code_point(vocabulary, ids[0]), 'o');
    assert_int_equal(encode(corpus, scan.blocks, vocabulary, 8, 9, ids), STATUS_FAILED);
    vocabulary_destroy(vocabulary);
    token_counts_free(&scan.counts);
    corpus_close(corpus);
}

static void what_the_vocabulary_lacks_becomes_unknown(void **state)
{
    (void)state;
    const struct text text = TEXT("abcab");
    static const char *const texts[] = {"<unk>", "b", "a"};
    static const uint32_t expected[] = {2, 1, VOCABULARY_UNKNOWN, 2, 1};
    static struct scan scan;
    write_file(0, text);
    struct corpus *corpus = opened(1, 2);
    scan_all(&scan, corpus);
    struct vocabulary *vocabulary;
    uint32_t ids[5];
    const struct token_rules rules = chars();
    assert_int_equal(vocabulary_restore(&vocabulary, &rules, texts, NULL, NULL, 3, &error), STATUS_OK);
    assert_int_equal(encode(corpus, scan.blocks, vocabulary, 0, 5, ids), STATUS_OK);
    assert_memory_equal(ids, expected, sizeof expected);
    vocabulary_destroy(vocabulary);
    token_counts_free(&scan.counts);
    corpus_close(corpus);
}

static void the_digest_is_that_of_all_bytes_in_order(void **state)
{
    (void)state;
    const struct corpus_block blocks[] = {{1, 10}, {2, 20}, {3, 30}};
    const struct corpus_block swapped[] = {{2, 20}, {1, 10}, {3, 30}};
    const struct corpus_block other_tokens[] = {{7, 10}, {8, 20}, {9, 30}};
    assert_int_equal(corpus_digest(blocks, 3), corpus_digest(other_tokens, 3));
    assert_int_not_equal(corpus_digest(blocks, 3), corpus_digest(swapped, 3));
    assert_int_not_equal(corpus_digest(blocks, 3), corpus_digest(blocks, 2));
    assert_int_equal(corpus_tokens(blocks, 3), 6);
}

/* Nobody has this text; the arithmetic alone. */
static void numbers_beyond_32_bits_are_fine(void **state)
{
    (void)state;
    const uint64_t many = UINT64_C(3000000000);
    const struct corpus_block blocks[] = {{many, 1}, {0, 2}, {many, 3}, {many, 4}, {5, 5}};
    static const struct {
        uint64_t first, end;
        struct range blocks;
    } cases[] = {
        {0, 0, {0, 0}},
        {0, 1, {0, 1}},
        {0, UINT64_C(9000000005), {0, 5}},
        {UINT64_C(2999999999), UINT64_C(3000000001), {0, 3}},
        {UINT64_C(3000000000), UINT64_C(3000000001), {2, 1}},
        {UINT64_C(5999999999), UINT64_C(6000000000), {2, 1}},
        {UINT64_C(6000000000), UINT64_C(9000000001), {3, 2}},
        {UINT64_C(9000000004), UINT64_C(9000000005), {4, 1}},
    };
    assert_true(corpus_tokens(blocks, 5) == UINT64_C(9000000005));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct range range = corpus_blocks_of(blocks, 5, cases[i].first, cases[i].end);
        assert_int_equal(range.count, cases[i].blocks.count);
        if (range.count > 0)
            assert_int_equal(range.first, cases[i].blocks.first);
    }
}

/* A sparse file of 5 GB: offsets beyond 32 bits. Its end alone is text. */
static void files_beyond_4_gb_are_fine(void **state)
{
    (void)state;
    const off_t bytes = (off_t)5 << 30;
    int descriptor = open(paths[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(descriptor >= 0);
    if (ftruncate(descriptor, bytes) != 0) {
        close(descriptor);
        skip();
    }
    assert_int_equal(pwrite(descriptor, "\r\n剑\xFF", 6, bytes - 6), 6);
    assert_int_equal(close(descriptor), 0);
    const char *const names[] = {paths[2]};
    struct corpus *corpus;
    struct token_counts counts;
    struct corpus_block info;
    const struct token_rules rules = chars();
    assert_int_equal(corpus_open(&corpus, names, 1, &rules, &error), STATUS_OK);
    assert_int_equal(corpus_block_count(corpus), 5120);
    make_counts(&counts);
    assert_int_equal(corpus_scan_block(corpus, 5118, &counts, &info, &error), STATUS_OK);
    assert_int_equal(info.tokens, DIGEST_BLOCK_BYTES);
    assert_int_equal(corpus_scan_block(corpus, 5119, &counts, &info, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "byte offset 5368709119,"));
    token_counts_free(&counts);
    corpus_close(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_do_not_matter),
        cmocka_unit_test(long_stretches_are_cut_in_portions),
        cmocka_unit_test(a_bad_byte_is_named_wherever_blocks_end),
        cmocka_unit_test(files_are_decoded_by_themselves),
        cmocka_unit_test(the_built_in_text_is_a_corpus),
        cmocka_unit_test(what_is_no_text_file_is_refused),
        cmocka_unit_test(an_empty_corpus_is_refused),
        cmocka_unit_test(a_file_that_changes_is_an_error),
        cmocka_unit_test(what_lies_behind_a_block_may_change_too),
        cmocka_unit_test(a_file_that_vanishes_is_an_error),
        cmocka_unit_test(encoding_touches_its_blocks_alone),
        cmocka_unit_test(what_the_vocabulary_lacks_becomes_unknown),
        cmocka_unit_test(the_digest_is_that_of_all_bytes_in_order),
        cmocka_unit_test(numbers_beyond_32_bits_are_fine),
        cmocka_unit_test(files_beyond_4_gb_are_fine),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
