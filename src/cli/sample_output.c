#include "sample_output.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/generate/generator.h"
#include "lstm_mpi/model/cell.h"
#include "standard_output.h"

#include <string.h>

/* A batch is large enough that the weights, read once for all its rows, are not what takes the time, and as
 * large as fits into so much memory. */
enum { BATCH_BYTES = 64 << 20, MOST_ROWS = 192 };

static const char separator[] = "\f\n";

struct sample_output {
    const struct sample_output_spec *spec;
    struct generator *generator;
    size_t rows;      /* of a batch */
    uint32_t *tokens; /* [length, rows - 1]: of all rows but the first */
    char *text;       /* [text_capacity], of which text_length bytes are to be written */
    size_t text_capacity;
    size_t text_length;
    bool open; /* somebody reads */
};

/* What a row has in memory: logits, tokens, and what the layers keep of it. */
static size_t bytes_of_row(const struct sample_output_spec *spec)
{
    const struct model_spec *model = &spec->model->spec;
    size_t layers = 1 + model->num_layers * model_directions(model);
    size_t of_layer = 4 * (model->cell->gates + 1) * model->hidden_size;
    size_t tokens = (size_t)(spec->length < BATCH_BYTES ? spec->length : BATCH_BYTES);
    return sizeof(float) * (model->vocabulary_size + layers * of_layer) + sizeof(uint32_t) * tokens;
}

/* Batches of like size. */
static size_t rows_of_batch(const struct sample_output_spec *spec)
{
    size_t most = smaller(MOST_ROWS, larger(BATCH_BYTES / bytes_of_row(spec), 1));
    uint64_t batches = (spec->count - 1) / most + 1;
    return (size_t)((spec->count - 1) / batches + 1);
}

static enum status create(struct sample_output *output, const struct sample_output_spec *spec,
                          struct error *error)
{
    enum status status;
    const struct trained_model *model = spec->model;
    *output = (struct sample_output){.spec = spec, .rows = rows_of_batch(spec), .open = true};
    if (output->rows > 1)
        TRY(memory_new(&output->tokens, (size_t)spec->length * (output->rows - 1), error));
    TRY(generator_create(&output->generator, &model->spec, model->weights, &spec->sampling, output->rows,
                         error));
    generator_load(output->generator);
done:
    return status;
}

static void destroy(struct sample_output *output)
{
    generator_destroy(output->generator);
    memory_free(output->tokens);
    memory_free(output->text);
}

static enum status append(struct sample_output *output, const char *text, size_t bytes, struct error *error)
{
    enum status status =
        memory_grow(&output->text, &output->text_capacity, output->text_length + bytes, error);
    if (status != STATUS_OK)
        return status;
    memcpy(output->text + output->text_length, text, bytes);
    output->text_length += bytes;
    return STATUS_OK;
}

static enum status append_token(struct sample_output *output, uint32_t token, struct error *error)
{
    size_t bytes;
    const char *text = vocabulary_text(output->spec->model->vocabulary, token, &bytes);
    return append(output, text, bytes, error);
}

static enum status append_beginning(struct sample_output *output, uint64_t sample, struct error *error)
{
    enum status status = STATUS_OK;
    if (sample > 0 || output->spec->behind_another)
        TRY(append(output, separator, strlen(separator), error));
    TRY(append(output, output->spec->beginning.text, output->spec->beginning.bytes, error));
done:
    return status;
}

static enum status flush(struct sample_output *output, struct error *error)
{
    size_t bytes = output->text_length;
    output->text_length = 0;
    return standard_output_stream(&output->open, output->text, bytes, error);
}

/* Writes the first sample of a batch, and keeps the others. */
static enum status write_first(struct sample_output *output, uint64_t sample, struct error *error)
{
    enum status status;
    const struct sample_output_spec *spec = output->spec;
    size_t kept = output->rows - 1;
    TRY(append_beginning(output, sample, error));
    TRY(flush(output, error));
    generator_start(output->generator, spec->beginning.tokens, spec->beginning.count, sample);
    for (uint64_t i = 0; i < spec->length && output->open; i++) {
        const uint32_t *tokens = generator_next(output->generator);
        for (size_t row = 0; row < kept; row++)
            output->tokens[i * kept + row] = tokens[1 + row];
        TRY(append_token(output, tokens[0], error));
        TRY(flush(output, error));
    }
    TRY(append(output, "\n", 1, error));
    if (output->open)
        TRY(flush(output, error));
done:
    return status;
}

static enum status write_kept(struct sample_output *output, uint64_t sample, size_t row, struct error *error)
{
    enum status status;
    size_t kept = output->rows - 1;
    TRY(append_beginning(output, sample, error));
    for (uint64_t i = 0; i < output->spec->length; i++)
        TRY(append_token(output, output->tokens[i * kept + row], error));
    TRY(append(output, "\n", 1, error));
    TRY(flush(output, error));
done:
    return status;
}

enum status sample_output_write(const struct sample_output_spec *spec, bool *open, struct error *error)
{
    enum status status;
    struct sample_output output;
    TRY(create(&output, spec, error));
    for (uint64_t first = 0; first < spec->count && output.open; first += output.rows) {
        TRY(write_first(&output, first, error));
        for (size_t row = 1; row < output.rows && first + row < spec->count && output.open; row++)
            TRY(write_kept(&output, first + row, row - 1, error));
    }
    *open = output.open;
done:
    destroy(&output);
    return status;
}
