/* Lines are dealt out in rounds: so many consecutive ones to each rank, one rank after the other. Every rank
 * goes through the whole text and keeps its own lines. It reads as many of them at once as it has rows: a
 * row that has come to the end of its line takes the next one when the next window begins.
 *
 *     row 0   | line 0   .... | line 2 ........ | line 2 ..... |       windows of T steps
 *     row 1   | line 1 ...... | line 1 .        | line 3 ...   |
 *
 * Where a model sees in a window what comes after, a line that ends in it waits for a window that ends where
 * the line does.
 *
 * The losses of a round go to all ranks, and rank 0 hands them on in the order of the lines. */

#include "evaluate_network.h"
#include "inputs.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/text/lines.h"

#include <string.h>

enum { LINES_PER_ROW = 32 };

/* A line that a row reads: its tokens between two newlines. */
struct row_line {
    uint32_t *tokens; /* [count], owned; NULL: the row is free */
    size_t count;
    size_t position; /* of the next input */
    size_t number;   /* in the round */
};

/* What a rank says of its lines of a round, an array of doubles. */
enum { SAID_LINES, SAID_TOKENS, SAID_UNKNOWN, SAID_CHARACTERS, SAID_LOSSES };

struct scoring {
    const struct evaluate_spec *spec;
    const struct comm *comm;
    struct lines *lines;
    struct evaluate_network network;
    size_t rows;
    struct row_line *row_lines; /* [rows] */
    uint32_t *inputs;           /* [T, rows], and so these */
    uint32_t *targets;
    double *losses;
    float *kept;       /* where rows wait: the state before a window, h and then c */
    size_t share;      /* most lines of a rank in a round */
    size_t said_count; /* SAID_LOSSES + share */
    double *said;      /* [said_count] */
    double *all_said;  /* [ranks, said_count] */
    double *scores;    /* [share] */
};

/* The same errors, before any work, as when the text is read as a whole. */
static enum status check_text(const struct evaluate_spec *spec, const struct comm *comm, struct error *error)
{
    enum status status;
    struct corpus *corpus = NULL;
    TRY(agree_on_status(
        comm, corpus_open(&corpus, spec->paths, spec->path_count, vocabulary_rules(spec->vocabulary), error),
        error));
    TRY(inputs_check_same_sizes(corpus, comm, error));
done:
    corpus_close(corpus);
    return status;
}

static enum status create_own(struct scoring *scoring, struct error *error)
{
    enum status status;
    const struct evaluate_spec *spec = scoring->spec;
    size_t ranks = (size_t)scoring->comm->size;
    size_t places = spec->num_steps * scoring->rows;
    scoring->share = LINES_PER_ROW * partition_range(spec->batch_size, ranks, 0).count;
    scoring->said_count = SAID_LOSSES + scoring->share;
    TRY(evaluate_network_create(&scoring->network, spec, scoring->rows, error));
    TRY(lines_open(&scoring->lines, spec->paths, spec->path_count,
                   vocabulary_rules(spec->vocabulary)->tokenizer->needs_utf8, error));
    TRY(memory_new(&scoring->row_lines, scoring->rows, error));
    TRY(memory_new(&scoring->inputs, places, error));
    TRY(memory_new(&scoring->targets, places, error));
    TRY(memory_new(&scoring->losses, places, error));
    if (spec->model->bidirectional)
        TRY(memory_new(&scoring->kept, 2 * model_state(scoring->network.model).floats, error));
    TRY(memory_new(&scoring->said, scoring->said_count, error));
    TRY(memory_new(&scoring->all_said, ranks * scoring->said_count, error));
    TRY(memory_new(&scoring->scores, scoring->share, error));
done:
    return status;
}

static void free_own(struct scoring *scoring)
{
    for (size_t row = 0; scoring->row_lines && row < scoring->rows; row++)
        memory_free(scoring->row_lines[row].tokens);
    evaluate_network_free(&scoring->network);
    lines_close(scoring->lines);
    memory_free(scoring->row_lines);
    memory_free(scoring->inputs);
    memory_free(scoring->targets);
    memory_free(scoring->losses);
    memory_free(scoring->kept);
    memory_free(scoring->said);
    memory_free(scoring->all_said);
    memory_free(scoring->scores);
}

static size_t characters_of(const char *text, size_t bytes)
{
    size_t characters = 0;
    for (size_t i = 0; i < bytes; i++)
        characters += ((unsigned char)text[i] & 0xC0) != 0x80;
    return characters;
}

static enum status encode_line(const struct scoring *scoring, struct row_line *line, const char *text,
                               size_t bytes, struct error *error)
{
    enum status status;
    const struct vocabulary *vocabulary = scoring->spec->vocabulary;
    uint32_t newline = vocabulary_find(vocabulary, "\n", 1);
    uint32_t *ids = NULL;
    size_t count;
    TRY(vocabulary_encode_text(vocabulary, &ids, &count, text, bytes, error));
    TRY(memory_new(&line->tokens, count + 2, error));
    line->tokens[0] = newline;
    for (size_t i = 0; i < count; i++)
        line->tokens[1 + i] = ids[i];
    line->tokens[count + 1] = newline;
    line->count = count + 2;
    for (size_t i = 0; i < count; i++)
        scoring->said[SAID_UNKNOWN] += ids[i] == VOCABULARY_UNKNOWN;
    line->position = 0;
    scoring->said[SAID_TOKENS] += (double)(count + 1);
    scoring->said[SAID_CHARACTERS] += (double)(characters_of(text, bytes) + 1);
done:
    memory_free(ids);
    return status;
}

/* The state of a row becomes what `kept` holds of it; NULL: zero. */
static void set_row_state(const struct scoring *scoring, size_t row, const float *kept)
{
    struct model_state state = model_state(scoring->network.model);
    size_t hidden = scoring->spec->model->hidden_size;
    for (size_t layer = 0; layer < state.floats / (scoring->rows * hidden); layer++) {
        size_t at = (layer * scoring->rows + row) * hidden;
        for (size_t i = at; i < at + hidden; i++) {
            state.h[i] = kept ? kept[i] : 0;
            if (state.c)
                state.c[i] = kept ? kept[state.floats + i] : 0;
        }
    }
}

static void keep_state(struct scoring *scoring)
{
    struct model_state state = model_state(scoring->network.model);
    memcpy(scoring->kept, state.h, state.floats * sizeof *state.h);
    if (state.c)
        memcpy(scoring->kept + state.floats, state.c, state.floats * sizeof *state.c);
}

/* Gives the free rows lines, as long as there are any and this rank may have more. */
static enum status take_lines(struct scoring *scoring, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t row = 0; row < scoring->rows; row++) {
        struct row_line *line = &scoring->row_lines[row];
        size_t taken = (size_t)scoring->said[SAID_LINES];
        const char *text;
        size_t bytes;
        if (line->tokens || taken == scoring->share)
            continue;
        TRY(lines_next(scoring->lines, &text, &bytes, error));
        if (!text)
            break;
        TRY(encode_line(scoring, line, text, bytes, error));
        line->number = taken;
        scoring->said[SAID_LINES]++;
        set_row_state(scoring, row, NULL);
    }
done:
    return status;
}

static size_t inputs_left(const struct row_line *line)
{
    return line->tokens ? line->count - 1 - line->position : 0;
}

/* How many steps the next window has; 0: no row has a line. */
static size_t window_steps(const struct scoring *scoring)
{
    size_t longest = 0;
    for (size_t row = 0; row < scoring->rows; row++) {
        size_t left = inputs_left(&scoring->row_lines[row]);
        longest = left > longest ? left : longest;
    }
    return longest < scoring->spec->num_steps ? longest : scoring->spec->num_steps;
}

/* A row without a line, or behind its end, reads token 0; its losses are not looked at. */
static void fill_window(struct scoring *scoring, size_t steps)
{
    for (size_t row = 0; row < scoring->rows; row++) {
        const struct row_line *line = &scoring->row_lines[row];
        size_t left = inputs_left(line);
        for (size_t step = 0; step < steps; step++) {
            const uint32_t *token = step < left ? &line->tokens[line->position + step] : NULL;
            scoring->inputs[step * scoring->rows + row] = token ? token[0] : 0;
            scoring->targets[step * scoring->rows + row] = token ? token[1] : 0;
        }
    }
}

static void add_losses(struct scoring *scoring, size_t steps)
{
    for (size_t row = 0; row < scoring->rows; row++) {
        struct row_line *line = &scoring->row_lines[row];
        size_t left = inputs_left(line);
        size_t read = left < steps ? left : steps;
        if (scoring->kept && read < steps) {
            set_row_state(scoring, row, scoring->kept);
            continue;
        }
        for (size_t step = 0; step < read; step++)
            scoring->said[SAID_LOSSES + line->number] += scoring->losses[step * scoring->rows + row];
        line->position += read;
        if (inputs_left(line) == 0) {
            memory_free(line->tokens);
            *line = (struct row_line){0};
        }
    }
}

static enum status skip_lines(struct scoring *scoring, size_t count, struct error *error)
{
    enum status status = STATUS_OK;
    const char *text = "";
    size_t bytes;
    for (size_t i = 0; i < count && text; i++)
        TRY(lines_next(scoring->lines, &text, &bytes, error));
done:
    return status;
}

/* This rank's part of a round: its own lines, and past those of the others. */
static enum status score_own(struct scoring *scoring, struct error *error)
{
    enum status status;
    size_t rank = (size_t)scoring->comm->rank;
    size_t ranks = (size_t)scoring->comm->size;
    memset(scoring->said, 0, scoring->said_count * sizeof *scoring->said);
    TRY(skip_lines(scoring, rank * scoring->share, error));
    for (;;) {
        TRY(take_lines(scoring, error));
        size_t steps = window_steps(scoring);
        if (steps == 0)
            break;
        fill_window(scoring, steps);
        if (scoring->kept)
            keep_state(scoring);
        model_losses(scoring->network.model, scoring->inputs, scoring->targets, steps, scoring->losses);
        add_losses(scoring, steps);
    }
    TRY(skip_lines(scoring, (ranks - 1 - rank) * scoring->share, error));
done:
    return status;
}

/* Adds what one rank says of a round to the result, and hands its scores on. */
static enum status tell(struct scoring *scoring, const double *said, struct evaluate_result *result,
                        evaluate_lines_sink *sink, void *context, bool *go_on, struct error *error)
{
    size_t count = (size_t)said[SAID_LINES];
    result->tokens += (uint64_t)said[SAID_TOKENS];
    result->foretold += (uint64_t)said[SAID_TOKENS];
    result->unknown += (uint64_t)said[SAID_UNKNOWN];
    result->characters += (uint64_t)said[SAID_CHARACTERS];
    for (size_t i = 0; i < count; i++) {
        scoring->scores[i] = 0 - said[SAID_LOSSES + i];
        result->loss += said[SAID_LOSSES + i];
    }
    if (scoring->comm->rank > 0 || !*go_on || count == 0)
        return STATUS_OK;
    return sink(context, scoring->scores, count, go_on, error);
}

/* Hands a round on, in the order of the lines; whether another one is to come is the same on all ranks. */
static enum status tell_round(struct scoring *scoring, struct evaluate_result *result,
                              evaluate_lines_sink *sink, void *context, bool *go_on, struct error *error)
{
    enum status status = STATUS_OK;
    const struct comm *comm = scoring->comm;
    const double *said = scoring->all_said;
    *go_on = true;
    for (int rank = 0; rank < comm->size && status == STATUS_OK; rank++, said += scoring->said_count)
        status = tell(scoring, said, result, sink, context, go_on, error);
    TRY(agree_on_status(comm, status, error));
    TRY(comm_broadcast(comm, go_on, sizeof *go_on, 0, error));
    double lines_of_last_rank =
        scoring->all_said[scoring->said_count * (size_t)(comm->size - 1) + SAID_LINES];
    *go_on = *go_on && lines_of_last_rank == (double)scoring->share;
done:
    return status;
}

enum status evaluate_lines(struct evaluate_result *result, const struct comm *comm,
                           const struct evaluate_spec *spec, evaluate_lines_sink *sink, void *context,
                           struct error *error)
{
    enum status status;
    size_t ranks = (size_t)comm->size;
    struct scoring scoring = {.spec = spec, .comm = comm};
    *result = (struct evaluate_result){0};
    TRY(inputs_check_ranks(comm, spec->batch_size, error));
    scoring.rows = partition_range(spec->batch_size, ranks, (size_t)comm->rank).count;
    TRY(check_text(spec, comm, error));
    TRY(agree_on_status(comm, create_own(&scoring, error), error));
    bool go_on = true;
    while (go_on) {
        TRY(agree_on_status(comm, score_own(&scoring, error), error));
        TRY(comm_gather(comm, scoring.said, scoring.said_count * sizeof *scoring.said, scoring.all_said,
                        error));
        TRY(tell_round(&scoring, result, sink, context, &go_on, error));
    }
done:
    free_own(&scoring);
    return status;
}
