#include "evaluate_network.h"
#include "evaluation.h"
#include "inputs.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/plural.h"
#include "lstm_mpi/dist/agree.h"
#include "row_text.h"

#include <inttypes.h>

/* What a rank needs to read its rows. */
struct reading {
    struct corpus *corpus;
    struct corpus_block *blocks;
    struct row_text text;
    struct evaluate_network network;
    struct evaluation evaluation;
};

static enum status open_text(struct reading *reading, const struct evaluate_spec *spec, struct error *error)
{
    enum status status;
    const struct token_rules *rules = vocabulary_rules(spec->vocabulary);
    TRY(corpus_open(&reading->corpus, spec->paths, spec->path_count, rules, error));
    TRY(memory_new(&reading->blocks, corpus_block_count(reading->corpus), error));
done:
    return status;
}

static enum status scan_my_blocks(struct reading *reading, const struct comm *comm, struct error *error)
{
    enum status status = STATUS_OK;
    struct range mine =
        partition_range(corpus_block_count(reading->corpus), (size_t)comm->size, (size_t)comm->rank);
    for (size_t block = mine.first; block < mine.first + mine.count; block++)
        TRY(corpus_scan_block(reading->corpus, block, NULL, &reading->blocks[block], error));
done:
    return status;
}

/* Leaves in reading->blocks where the tokens are, and in `tokens` how many of them are read. */
static enum status count_tokens(struct reading *reading, const struct comm *comm,
                                const struct evaluate_spec *spec, uint64_t *tokens, struct error *error)
{
    enum status status;
    TRY(agree_on_status(comm, open_text(reading, spec, error), error));
    TRY(inputs_check_same_sizes(reading->corpus, comm, error));
    TRY(agree_on_status(comm, scan_my_blocks(reading, comm, error), error));
    TRY(comm_sum_u64(comm, (uint64_t *)reading->blocks, 2 * corpus_block_count(reading->corpus), error));
    *tokens = corpus_tokens(reading->blocks, corpus_block_count(reading->corpus));
    if (spec->max_tokens > 0 && spec->max_tokens < *tokens)
        *tokens = spec->max_tokens;
    if (*tokens < 2) {
        error_set(error, STATUS_FAILED, "there is nothing to foretell");
        error_why(error, "the text has %" PRIu64 " token%s", *tokens, plural(*tokens));
        TRY(error_remedy(error, "give a longer one"));
    }
done:
    return status;
}

static enum status create_own(struct reading *reading, const struct comm *comm,
                              const struct evaluate_spec *spec, uint64_t tokens, struct error *error)
{
    enum status status;
    struct evaluation_spec rows = {
        .tokens = tokens,
        .batch_size = spec->batch_size,
        .rows = partition_range(spec->batch_size, (size_t)comm->size, (size_t)comm->rank),
        .num_steps = spec->num_steps,
        .bidirectional = spec->model->bidirectional,
    };
    TRY(evaluate_network_create(&reading->network, spec, rows.rows.count, error));
    TRY(evaluation_create(&reading->evaluation, &rows, error));
    TRY(row_text_create(&reading->text, reading->corpus, reading->blocks, spec->vocabulary, tokens,
                        rows.rows.count, spec->num_steps + 1, error));
done:
    return status;
}

enum status evaluate_text(struct evaluate_result *result, const struct comm *comm,
                          const struct evaluate_spec *spec, struct error *error)
{
    enum status status;
    struct reading reading = {0};
    struct evaluation_text text = {row_text_read, &reading.text};
    uint64_t tokens;
    double mean_loss;
    TRY(inputs_check_ranks(comm, spec->batch_size, error));
    TRY(count_tokens(&reading, comm, spec, &tokens, error));
    TRY(agree_on_status(comm, create_own(&reading, comm, spec, tokens, error), error));
    TRY(evaluation_run(&reading.evaluation, comm, reading.network.model, &text, &mean_loss, error));
    TRY(comm_sum_u64(comm, &reading.text.characters, 1, error));
    TRY(comm_sum_u64(comm, &reading.text.unknown, 1, error));
    *result = (struct evaluate_result){
        .tokens = tokens,
        .foretold = tokens - 1,
        .unknown = reading.text.unknown,
        .characters = reading.text.characters,
        .loss = mean_loss * (double)(tokens - 1),
    };
done:
    evaluation_free(&reading.evaluation);
    evaluate_network_free(&reading.network);
    row_text_free(&reading.text);
    memory_free(reading.blocks);
    corpus_close(reading.corpus);
    return status;
}
