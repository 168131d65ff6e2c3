#include "inputs.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/plural.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "lstm_mpi/text/corpus.h"
#include "lstm_mpi/train/stop.h"
#include "stage.h"
#include "token_sums.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A block is two numbers, so an array of them is summed as numbers. */
_Static_assert(sizeof(struct corpus_block) == 2 * sizeof(uint64_t), "struct corpus_block has padding");

enum status inputs_check_ranks(const struct comm *comm, uint64_t batch_size, struct error *error)
{
    if ((uint64_t)comm->size <= batch_size)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "more ranks than batch rows");
    error_why(error, "%d ranks would share %" PRIu64 " row%s", comm->size, batch_size, plural(batch_size));
    return error_remedy(error, "use at most %" PRIu64 " rank%s or a larger --batch-size", batch_size,
                        plural(batch_size));
}

enum status inputs_check_same_sizes(const struct corpus *corpus, const struct comm *comm, struct error *error)
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

/* The blocks that this rank goes through, first to count and then to number their tokens. */
struct reading {
    const struct comm *comm;
    const struct trainer_observer *observer;
    struct corpus *corpus;
    struct corpus_block *blocks; /* of the whole corpus */
    size_t block_count;
    double started_at;
    double asked_to_stop_at; /* 0: not yet */
    double done_before;      /* the share of all work that was done before these blocks, */
    double share;            /* and theirs */
};

/* What is left of a short text is read all the same: the run then stops with a checkpoint. */
static const double patience_seconds = 1;

static bool must_stop(struct reading *reading, double now)
{
    if (!stop_signal())
        return false;
    if (reading->asked_to_stop_at == 0)
        reading->asked_to_stop_at = now;
    return now - reading->asked_to_stop_at > patience_seconds;
}

/* After each block, of which a rank has read `done` out of `all`. */
static enum status block_is_done(struct reading *reading, size_t done, size_t all, struct error *error)
{
    double now = clock_seconds();
    watch_step(reading->comm, STAGE_CORPUS, 0);
    if (must_stop(reading, now))
        return error_set(error, STATUS_STOPPED, "stopped on a signal while the corpus was read");
    if (reading->observer->reading) {
        struct trainer_reading progress = {
            .bytes = corpus_bytes(reading->corpus),
            .share = reading->done_before + reading->share * (double)done / (double)all,
            .seconds = now - reading->started_at,
        };
        reading->observer->reading(reading->observer->context, &progress);
    }
    return STATUS_OK;
}

static enum status scan_my_blocks(struct reading *reading, struct token_counts *counts, struct error *error)
{
    enum status status = STATUS_OK;
    const struct comm *comm = reading->comm;
    struct range mine = partition_range(reading->block_count, (size_t)comm->size, (size_t)comm->rank);
    for (size_t i = 0; i < mine.count; i++) {
        size_t block = mine.first + i;
        TRY(corpus_scan_block(reading->corpus, block, counts, &reading->blocks[block], error));
        TRY(block_is_done(reading, i + 1, mine.count, error));
    }
done:
    return status;
}

/* Leaves in `blocks` those of the whole corpus. */
static enum status scan_corpus(struct reading *reading, struct token_counts *counts, struct error *error)
{
    enum status status;
    const struct comm *comm = reading->comm;
    reading->share = 0.5;
    TRY(agree_on_status(comm, scan_my_blocks(reading, counts, error), error));
    if (comm->size > 1)
        TRY(comm_sum_u64(comm, (uint64_t *)reading->blocks, 2 * reading->block_count, error));
    reading->done_before = reading->share;
done:
    return status;
}

static enum status encode(struct reading *reading, const struct encoding *encoding, struct error *error)
{
    enum status status = STATUS_OK;
    struct range range =
        corpus_blocks_of(reading->blocks, reading->block_count, encoding->first, encoding->end);
    uint64_t token = corpus_tokens(reading->blocks, range.first);
    for (size_t i = 0; i < range.count; i++) {
        size_t block = range.first + i;
        const struct corpus_block *info = &reading->blocks[block];
        TRY(corpus_encode_block(reading->corpus, block, info, token, encoding, error));
        TRY(block_is_done(reading, i + 1, range.count, error));
        token += info->tokens;
    }
done:
    return status;
}

/* The tokens of a range, in memory of this rank's own. */
static enum status read_tokens(struct token_ids *ids, const struct vocabulary *vocabulary, struct range range,
                               struct reading *reading, struct error *error)
{
    enum status status;
    struct encoding encoding = {
        .vocabulary = vocabulary, .first = range.first, .end = range.first + range.count};
    TRY(token_ids_create(ids, range.count, vocabulary_size(vocabulary), error));
    encoding.ids = *ids;
    TRY(encode(reading, &encoding, error));
done:
    return agree_on_status(reading->comm, status, error);
}

/* Of this rank's rows. */
static enum status read_own_tokens(struct inputs *inputs, struct reading *reading, struct error *error)
{
    struct range range = batches_token_range(&inputs->spec);
    return read_tokens(&inputs->ids, inputs->vocabulary, range, reading, error);
}

/* Of this rank's rows of the held-out part. */
static enum status read_held_out(struct inputs *inputs, struct reading *reading, struct error *error)
{
    struct range range = evaluation_tokens(&inputs->held_out);
    range.first += inputs->spec.tokens;
    reading->done_before = 1;
    reading->share = 0;
    return read_tokens(&inputs->held_out_ids, inputs->vocabulary, range, reading, error);
}

/* All tokens, once a node; each of its ranks reads a part. */
static enum status read_shared_tokens(struct inputs *inputs, struct reading *reading, struct error *error)
{
    enum status status;
    const struct comm *comm = reading->comm;
    struct range all = batches_token_range(&inputs->spec);
    void *memory;
    size_t size = vocabulary_size(inputs->vocabulary);
    TRY(comm_shared_allocate(&inputs->shared, &memory, comm, all.count * token_ids_bytes(size), error));
    inputs->ids = token_ids_place(memory, size);
    struct range mine = partition_range(all.count, (size_t)comm->node_size, (size_t)comm->node_rank);
    struct encoding encoding = {
        .vocabulary = inputs->vocabulary,
        .first = all.first + mine.first,
        .end = all.first + mine.first + mine.count,
        .ids = token_ids_from(inputs->ids, mine.first),
    };
    TRY(agree_on_status(comm, encode(reading, &encoding, error), error));
    TRY(comm_node_barrier(comm, error));
done:
    return status;
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

/* To the error of a text that is too short because most of it is held out. */
static void add_held_out(size_t held_out, struct error *error)
{
    struct error short_text = *error;
    error_why(error, "%s; %zu more are held out by --valid-fraction", short_text.why, held_out);
    error_remedy(error, "hold out less, or %s", short_text.remedy);
}

/* Which tokens are trained on, which are held out, and this rank's rows of both. */
static enum status deal_out(struct inputs *inputs, const struct comm *comm, const struct settings *settings,
                            struct error *error)
{
    size_t tokens = limited_tokens(inputs->corpus_tokens, settings);
    size_t held_out = settings->valid_fraction > 0 ? held_out_tokens(tokens, settings) : 0;
    struct range rows = comm_rows(comm, settings->batch_size);
    inputs->spec = settings_specs_batches(settings, tokens - held_out, rows);
    inputs->held_out = (struct evaluation_spec){
        .tokens = held_out,
        .batch_size = inputs->spec.batch_size,
        .rows = rows,
        .num_steps = inputs->spec.num_steps,
        .bidirectional = settings->bidirectional,
    };
    enum status status = check_held_out(tokens, held_out, settings, error);
    if (status != STATUS_OK)
        return status;
    status = batches_check(&inputs->spec, error);
    if (status != STATUS_OK && held_out > 0)
        add_held_out(held_out, error);
    return status;
}

static enum status prepare(struct reading *reading, struct token_counts *counts,
                           const struct settings *settings, struct error *error)
{
    enum status status;
    struct token_rules rules = settings_specs_tokens(settings);
    TRY(corpus_open(&reading->corpus, (const char *const *)settings->corpus.items, settings->corpus.count,
                    &rules, error));
    reading->block_count = corpus_block_count(reading->corpus);
    TRY(memory_new(&reading->blocks, reading->block_count, error));
    TRY(token_counts_create(counts, &rules, error));
done:
    return status;
}

enum status inputs_read(struct inputs *inputs, const struct comm *comm, const struct settings *settings,
                        struct vocabulary *vocabulary, const struct trainer_observer *observer,
                        struct error *error)
{
    enum status status;
    struct reading reading = {.comm = comm, .observer = observer, .started_at = clock_seconds()};
    struct token_counts counts = {0};
    *inputs = (struct inputs){.vocabulary = vocabulary};
    TRY(inputs_check_ranks(comm, settings->batch_size, error));
    TRY(agree_on_status(comm, prepare(&reading, &counts, settings, error), error));
    TRY(inputs_check_same_sizes(reading.corpus, comm, error));
    TRY(scan_corpus(&reading, vocabulary ? NULL : &counts, error));
    inputs->corpus_tokens = corpus_tokens(reading.blocks, reading.block_count);
    inputs->corpus_digest = corpus_digest(reading.blocks, reading.block_count);
    TRY(deal_out(inputs, comm, settings, error));
    if (!vocabulary) {
        inputs->owns_vocabulary = true;
        TRY(token_sums_make(&counts, comm, settings->min_freq, error));
        TRY(agree_on_status(comm, vocabulary_create(&inputs->vocabulary, &counts, error), error));
    }
    TRY(agree_same(comm, vocabulary_digest(inputs->vocabulary), "vocabulary", error));
    if (inputs->spec.sampling == SAMPLING_RANDOM)
        TRY(read_shared_tokens(inputs, &reading, error));
    else
        TRY(read_own_tokens(inputs, &reading, error));
    if (inputs->held_out.tokens > 0)
        TRY(read_held_out(inputs, &reading, error));
done:
    token_counts_free(&counts);
    memory_free(reading.blocks);
    corpus_close(reading.corpus);
    return status;
}

void inputs_free(struct inputs *inputs)
{
    if (inputs->shared)
        comm_shared_free(inputs->shared);
    else
        token_ids_free(&inputs->ids);
    token_ids_free(&inputs->held_out_ids);
    if (inputs->owns_vocabulary)
        vocabulary_destroy(inputs->vocabulary);
    *inputs = (struct inputs){0};
}
