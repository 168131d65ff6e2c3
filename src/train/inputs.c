#include "inputs.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "lstm_mpi/text/corpus.h"
#include "stage.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A block is two numbers, so an array of them is summed as numbers. */
_Static_assert(sizeof(struct corpus_block) == 2 * sizeof(uint64_t), "struct corpus_block has padding");

static enum status check_ranks(const struct comm *comm, const struct settings *settings, struct error *error)
{
    if ((uint64_t)comm->size <= settings->batch_size)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "more ranks than batch rows");
    error_why(error, "%d ranks would share %llu rows", comm->size, (unsigned long long)settings->batch_size);
    return error_remedy(error, "use at most %llu ranks or a larger --batch-size",
                        (unsigned long long)settings->batch_size);
}

/* Ranks that see other files must not add up blocks of other numbers. Files of the same sizes with other
 * bytes are found by the blocks' digests. */
static enum status check_same_sizes(const struct corpus *corpus, const struct comm *comm, struct error *error)
{
    enum status status;
    const uint64_t here[] = {corpus_bytes(corpus), corpus_block_count(corpus)};
    uint64_t first[] = {here[0], here[1]};
    TRY(comm_broadcast(comm, first, sizeof first, 0, error));
    if (memcmp(here, first, sizeof first) != 0) {
        char host[COMM_HOST_BYTES];
        comm_host_name(host);
        error_set(error, STATUS_FAILED, "the corpus is not the same for all ranks");
        error_why(error, "for rank %d on %s it has %" PRIu64 " bytes, for rank 0 %" PRIu64, comm->rank, host,
                  here[0], first[0]);
        status = error_remedy(error, "put it where all hosts see the same files");
    }
    status = agree_on_status(comm, status, error);
done:
    return status;
}

static enum status scan_my_blocks(struct corpus *corpus, const struct comm *comm, struct corpus_block *blocks,
                                  struct token_counts *counts, struct error *error)
{
    enum status status = STATUS_OK;
    struct range mine = partition_range(corpus_block_count(corpus), (size_t)comm->size, (size_t)comm->rank);
    for (size_t block = mine.first; block < mine.first + mine.count; block++) {
        watch_step(comm, STAGE_CORPUS, 0);
        TRY(corpus_scan_block(corpus, block, counts, &blocks[block], error));
    }
done:
    return status;
}

/* Leaves in `blocks` and `counts` those of the whole corpus. */
static enum status scan_corpus(struct corpus *corpus, const struct comm *comm, struct corpus_block *blocks,
                               struct token_counts *counts, struct error *error)
{
    enum status status;
    TRY(agree_on_status(comm, scan_my_blocks(corpus, comm, blocks, counts, error), error));
    if (comm->size > 1) {
        TRY(comm_sum_u64(comm, (uint64_t *)blocks, 2 * corpus_block_count(corpus), error));
        TRY(comm_sum_u64(comm, counts->counts, counts->length, error));
    }
done:
    return status;
}

/* The tokens of this rank's rows, in memory of its own. */
static enum status read_own_tokens(struct inputs *inputs, struct corpus *corpus, const struct comm *comm,
                                   const struct corpus_block *blocks, struct error *error)
{
    enum status status;
    struct range range = batches_token_range(&inputs->spec);
    TRY(memory_new(&inputs->ids, range.count, error));
    TRY(corpus_encode(corpus, blocks, inputs->vocabulary, range.first, range.count, inputs->ids, error));
done:
    return agree_on_status(comm, status, error);
}

/* All tokens, once a node; each of its ranks reads a part. */
static enum status read_shared_tokens(struct inputs *inputs, struct corpus *corpus, const struct comm *comm,
                                      const struct corpus_block *blocks, struct error *error)
{
    enum status status;
    struct range all = batches_token_range(&inputs->spec);
    void *memory;
    TRY(comm_shared_allocate(&inputs->shared, &memory, comm, all.count * sizeof *inputs->ids, error));
    inputs->ids = memory;
    struct range mine = partition_range(all.count, (size_t)comm->node_size, (size_t)comm->node_rank);
    TRY(agree_on_status(comm,
                        corpus_encode(corpus, blocks, inputs->vocabulary, all.first + mine.first, mine.count,
                                      inputs->ids + mine.first, error),
                        error));
    TRY(comm_node_barrier(comm, error));
done:
    return status;
}

/* The tokens of the held-out part for this rank's rows of it. */
static enum status read_held_out(struct inputs *inputs, struct corpus *corpus, const struct comm *comm,
                                 const struct corpus_block *blocks, struct error *error)
{
    enum status status;
    struct range range = evaluation_tokens(&inputs->held_out);
    TRY(memory_new(&inputs->held_out_ids, range.count, error));
    TRY(corpus_encode(corpus, blocks, inputs->vocabulary, inputs->spec.tokens + range.first, range.count,
                      inputs->held_out_ids, error));
done:
    return agree_on_status(comm, status, error);
}

static size_t limited_tokens(uint64_t tokens, const struct settings *settings)
{
    return settings->max_tokens > 0 && settings->max_tokens < tokens ? settings->max_tokens : tokens;
}

/* The product's own rounding must not cost a token: 0.29 · 100 is a little less than 29. */
static size_t held_out_tokens(size_t tokens, const struct settings *settings)
{
    return (size_t)nextafter(settings->valid_fraction * (double)tokens, INFINITY);
}

static enum status check_held_out(size_t tokens, size_t held_out, const struct settings *settings,
                                  struct error *error)
{
    if (settings->valid_fraction == 0 || held_out >= 2)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "option --valid-fraction");
    error_why(error, "%g of %zu tokens are %zu, and validation needs 2", settings->valid_fraction, tokens,
              held_out);
    return error_remedy(error, "hold out a larger part");
}

/* Which tokens are trained on, which are held out, and this rank's rows of both. */
static enum status deal_out(struct inputs *inputs, const struct comm *comm, const struct settings *settings,
                            struct error *error)
{
    size_t tokens = limited_tokens(inputs->corpus_tokens, settings);
    size_t held_out = settings->valid_fraction > 0 ? held_out_tokens(tokens, settings) : 0;
    struct range rows = partition_range(settings->batch_size, (size_t)comm->size, (size_t)comm->rank);
    inputs->spec = settings_specs_batches(settings, tokens - held_out, rows);
    inputs->held_out =
        (struct evaluation_spec){held_out, inputs->spec.batch_size, rows, inputs->spec.num_steps};
    enum status status = check_held_out(tokens, held_out, settings, error);
    return status == STATUS_OK ? batches_check(&inputs->spec, error) : status;
}

static enum status prepare(struct corpus **corpus, struct corpus_block **blocks, struct token_counts *counts,
                           const struct settings *settings, struct error *error)
{
    enum status status;
    TRY(corpus_open(corpus, (const char *const *)settings->corpus.items, settings->corpus.count, error));
    TRY(memory_new(blocks, corpus_block_count(*corpus), error));
    TRY(token_counts_create(counts, tokenizers[0], error));
done:
    return status;
}

enum status inputs_read(struct inputs *inputs, const struct comm *comm, const struct settings *settings,
                        struct vocabulary *vocabulary, struct error *error)
{
    enum status status;
    struct corpus *corpus = NULL;
    struct corpus_block *blocks = NULL;
    struct token_counts counts = {0};
    *inputs = (struct inputs){.vocabulary = vocabulary};
    TRY(check_ranks(comm, settings, error));
    TRY(agree_on_status(comm, prepare(&corpus, &blocks, &counts, settings, error), error));
    TRY(check_same_sizes(corpus, comm, error));
    TRY(scan_corpus(corpus, comm, blocks, &counts, error));
    inputs->corpus_tokens = corpus_tokens(blocks, corpus_block_count(corpus));
    inputs->corpus_digest = corpus_digest(blocks, corpus_block_count(corpus));
    TRY(deal_out(inputs, comm, settings, error));
    if (!vocabulary) {
        inputs->owns_vocabulary = true;
        TRY(agree_on_status(comm, vocabulary_create(&inputs->vocabulary, &counts, error), error));
    }
    TRY(agree_same(comm, vocabulary_digest(inputs->vocabulary), "vocabulary", error));
    if (inputs->spec.sampling == SAMPLING_RANDOM)
        TRY(read_shared_tokens(inputs, corpus, comm, blocks, error));
    else
        TRY(read_own_tokens(inputs, corpus, comm, blocks, error));
    if (inputs->held_out.tokens > 0)
        TRY(read_held_out(inputs, corpus, comm, blocks, error));
done:
    token_counts_free(&counts);
    memory_free(blocks);
    corpus_close(corpus);
    return status;
}

void inputs_free(struct inputs *inputs)
{
    if (inputs->shared)
        comm_shared_free(inputs->shared);
    else
        memory_free(inputs->ids);
    memory_free(inputs->held_out_ids);
    if (inputs->owns_vocabulary)
        vocabulary_destroy(inputs->vocabulary);
    *inputs = (struct inputs){0};
}
