#include "exchange_metadata.h"
#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/store/exchange.h"
#include "torch_layout.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bytes at a time, and, for the sake of the cache, rows at least; tensors that any model has at most. */
enum { BLOCK_BYTES = 4 << 20, LEAST_ROWS = 16, MOST_TENSORS = 1 << 14 };

/* A safetensors file at work. */
struct input {
    const char *path;
    int descriptor;
    struct safetensors_header header;
    struct torch_shape shape;
    struct torch_layout layout;
};

static enum status cannot_import(const struct input *input, struct error *error)
{
    error_set(error, STATUS_FAILED, "cannot import %s", input->path);
    return error_remedy(error, "save the state_dict of modules named rnn, linear and, if any, embedding");
}

/* The shape of the network */

/* The size of a dimension; 0 where there is no such tensor. */
static size_t dim_of(const struct input *input, const char *name, size_t d)
{
    const struct safetensors_tensor *tensor = safetensors_header_find(&input->header, name);
    return tensor && d < tensor->dim_count ? tensor->dims[d] : 0;
}

static size_t length_of(const struct input *input, const char *name)
{
    const struct safetensors_tensor *tensor = safetensors_header_find(&input->header, name);
    return tensor && tensor->dim_count == 1 ? tensor->dims[0] : 0;
}

static bool has_layer(const struct input *input, size_t layer)
{
    char name[TENSOR_PATH_BYTES];
    snprintf(name, sizeof name, "rnn.weight_hh_l%zu", layer);
    return safetensors_header_find(&input->header, name) != NULL;
}

static const char *text_of(const struct settings *settings, const char *name)
{
    const struct settings_row *row = settings_find(name);
    bool known = row && row->choices && settings_given(settings, name);
    return known ? row->choices[*(const int *)settings_value(settings, row)] : NULL;
}

/* A program that saves shared memory once leaves one of the two names of a tied table out. */
static void find_embedding(struct input *input)
{
    struct torch_shape *shape = &input->shape;
    size_t below = dim_of(input, "rnn.weight_ih_l0", 1);
    bool has_embedding = safetensors_header_find(&input->header, "embedding.weight");
    bool has_linear = safetensors_header_find(&input->header, "linear.weight");
    bool fits = below == shape->hidden * shape->directions;
    shape->embedding = dim_of(input, "embedding.weight", 1);
    if (has_embedding && !has_linear && fits)
        shape->tied = true;
    if (!has_embedding && has_linear && fits && below != shape->vocabulary) {
        shape->embedding = below;
        shape->tied = true;
    }
}

static const char recurrent[] = "rnn.weight_hh_l0";

/* It may be there under another name. */
static enum status no_recurrent(const struct input *input, struct error *error)
{
    static const char ending[] = "weight_hh_l0";
    cannot_import(input, error);
    for (size_t t = 0; t < input->header.count; t++) {
        const char *name = input->header.tensors[t].name;
        size_t bytes = strlen(name);
        char shown[SAFETENSORS_SHOWN_BYTES];
        if (bytes < sizeof ending - 1 || strcmp(name + bytes - (sizeof ending - 1), ending) != 0)
            continue;
        safetensors_header_show(shown, name);
        return error_why(error, "it has no %s, but %s", recurrent, shown);
    }
    return error_why(error, "it has no %s", recurrent);
}

static enum status find_shape(struct input *input, const struct settings *settings, struct error *error)
{
    struct torch_shape *shape = &input->shape;
    size_t hidden = dim_of(input, recurrent, 1);
    size_t rows = dim_of(input, recurrent, 0);
    bool whole = hidden > 0 && rows % hidden == 0;
    if (!safetensors_header_find(&input->header, recurrent))
        return no_recurrent(input, error);
    *shape = (struct torch_shape){
        .cell = whole ? torch_layout_cell(text_of(settings, "cell"), rows / hidden) : NULL,
        .hidden = hidden,
        .directions = safetensors_header_find(&input->header, "rnn.weight_hh_l0_reverse") ? 2 : 1,
        .vocabulary = length_of(input, "linear.bias"),
    };
    while (has_layer(input, shape->layers))
        shape->layers++;
    if (shape->vocabulary == 0) {
        cannot_import(input, error);
        return error_why(error, "it has no linear.bias with a number for each token");
    }
    if (!shape->cell) {
        const char *cell = text_of(settings, "cell");
        cannot_import(input, error);
        return error_why(error, "%s has the shape [%zu, %zu], which is not that of %s", recurrent, rows,
                         hidden, cell ? cell : "an LSTM, a GRU or an RNN");
    }
    find_embedding(input);
    return STATUS_OK;
}

/* The tensor of the file for one of the layout; NULL where there is none. */
static const struct safetensors_tensor *stored_as(const struct input *input,
                                                  const struct torch_tensor *tensor)
{
    const struct safetensors_tensor *stored = safetensors_header_find(&input->header, tensor->name);
    const struct torch_tensor *table = &input->layout.tensors[0];
    if (stored || !input->shape.tied || strcmp(tensor->path, table->path) != 0)
        return stored;
    return safetensors_header_find(&input->header, tensor->repeated ? table->name : "linear.weight");
}

static void format_shape(char text[64], size_t dim_count, size_t rows, size_t columns)
{
    if (dim_count == 0)
        snprintf(text, 64, "[]");
    else if (dim_count == 1)
        snprintf(text, 64, "[%zu]", rows);
    else
        snprintf(text, 64, "[%zu, %zu]", rows, columns);
}

/* Every tensor of the network must be in the file, with its shape, and no other. */
static enum status check_tensors(const struct input *input, struct error *error)
{
    for (size_t t = 0; t < input->layout.count; t++) {
        const struct torch_tensor *tensor = &input->layout.tensors[t];
        const struct safetensors_tensor *stored = stored_as(input, tensor);
        if (!stored) {
            cannot_import(input, error);
            return error_why(error, "it has no %s", tensor->name);
        }
        if (stored->dim_count != tensor->dim_count || stored->dims[0] != tensor->rows ||
            (tensor->dim_count == 2 && stored->dims[1] != tensor->columns)) {
            char has[64], needs[64];
            format_shape(has, stored->dim_count, stored->dims[0], stored->dims[1]);
            format_shape(needs, tensor->dim_count, tensor->rows, tensor->columns);
            cannot_import(input, error);
            return error_why(error, "%s has the shape %s, and %s fits to the other tensors", stored->name,
                             has, needs);
        }
    }
    for (size_t t = 0; t < input->header.count; t++) {
        if (!torch_layout_find(&input->layout, input->header.tensors[t].name)) {
            char shown[SAFETENSORS_SHOWN_BYTES];
            safetensors_header_show(shown, input->header.tensors[t].name);
            cannot_import(input, error);
            return error_why(error, "the tensor %s belongs to no model of this program", shown);
        }
    }
    return STATUS_OK;
}

/* The data */

/* False: a number is beyond those of float32. */
static bool narrow(uint32_t *rows, const uint64_t *wide, size_t count)
{
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = le64toh(wide[i]);
        double value;
        memcpy(&value, &bits, sizeof value);
        float rounded = (float)value;
        fits &= isfinite(rounded) || !isfinite(value);
        uint32_t narrow_bits;
        memcpy(&narrow_bits, &rounded, sizeof narrow_bits);
        rows[i] = htole32(narrow_bits);
    }
    return fits;
}

/* A tensor's rows on their way: little-endian float32, whatever the file has. */
struct block {
    size_t rows; /* at most */
    uint32_t *data;
    uint64_t *wide; /* NULL for a tensor of float32 */
};

static enum status block_make(struct block *block, const struct safetensors_tensor *stored, size_t rows,
                              size_t columns, struct error *error)
{
    enum status status;
    size_t row_bytes = columns * sizeof(uint32_t);
    *block =
        (struct block){.rows = row_bytes < BLOCK_BYTES / LEAST_ROWS ? BLOCK_BYTES / row_bytes : LEAST_ROWS};
    block->rows = block->rows < rows ? block->rows : rows;
    TRY(memory_new(&block->data, block->rows * columns, error));
    if (stored->element_bytes == sizeof(uint64_t))
        TRY(memory_new(&block->wide, block->rows * columns, error));
done:
    return status;
}

static void block_free(struct block *block)
{
    memory_free(block->data);
    memory_free(block->wide);
}

static enum status block_read(const struct block *block, const struct input *input,
                              const struct safetensors_tensor *stored, size_t first, size_t count,
                              size_t columns, struct error *error)
{
    void *out = block->wide ? (void *)block->wide : (void *)block->data;
    uint64_t row_bytes = (uint64_t)columns * stored->element_bytes;
    uint64_t place = input->header.data_offset + stored->begin + first * row_bytes;
    enum status status =
        safetensors_header_read_bytes(input->descriptor, out, count * row_bytes, place, input->path, error);
    if (status != STATUS_OK || !block->wide || narrow(block->data, block->wide, count * columns))
        return status;
    error_set(error, STATUS_FAILED, "cannot import %s", input->path);
    error_why(error, "%s has a number of float64 that is too large for float32", stored->name);
    return error_remedy(error, "look into the model: such weights are of no use");
}

static enum status read_tensor(float *data, const struct input *input, const struct torch_tensor *tensor,
                               struct error *error)
{
    enum status status;
    struct block block;
    const struct safetensors_tensor *stored = stored_as(input, tensor);
    TRY(block_make(&block, stored, tensor->rows, tensor->columns, error));
    for (size_t first = 0; first < tensor->rows; first += block.rows) {
        size_t count = tensor->rows - first < block.rows ? tensor->rows - first : block.rows;
        TRY(block_read(&block, input, stored, first, count, tensor->columns, error));
        torch_layout_put_rows(data, tensor, first, count, block.data);
    }
done:
    block_free(&block);
    return status;
}

/* Is there a bias_hh with a number that is not zero? */
static enum status second_bias_matters(bool *matters, const struct input *input, struct error *error)
{
    enum status status = STATUS_OK;
    struct block block = {0};
    *matters = false;
    for (size_t t = 0; t < input->layout.count && !*matters; t++) {
        const struct torch_tensor *tensor = &input->layout.tensors[t];
        if (tensor->path[0])
            continue;
        const struct safetensors_tensor *stored = stored_as(input, tensor);
        TRY(block_make(&block, stored, tensor->rows, 1, error));
        for (size_t first = 0; first < tensor->rows && !*matters; first += block.rows) {
            size_t count = tensor->rows - first < block.rows ? tensor->rows - first : block.rows;
            TRY(block_read(&block, input, stored, first, count, 1, error));
            for (size_t i = 0; i < count; i++)
                *matters |= block.data[i] != 0;
        }
        block_free(&block);
        block = (struct block){0};
    }
done:
    block_free(&block);
    return status;
}

/* Are the embedding's and the output layer's weights the same, bit for bit? */
static enum status tables_are_equal(bool *equal, const struct input *input, struct error *error)
{
    enum status status;
    struct block left = {0}, right = {0};
    const struct safetensors_tensor *a = safetensors_header_find(&input->header, "embedding.weight");
    const struct safetensors_tensor *b = safetensors_header_find(&input->header, "linear.weight");
    size_t rows = a->dims[0], columns = a->dims[1];
    *equal = b->dims[1] == columns;
    TRY(block_make(&left, a, rows, columns, error));
    TRY(block_make(&right, b, rows, columns, error));
    for (size_t first = 0; first < rows && *equal; first += left.rows) {
        size_t count = rows - first < left.rows ? rows - first : left.rows;
        TRY(block_read(&left, input, a, first, count, columns, error));
        TRY(block_read(&right, input, b, first, count, columns, error));
        *equal = memcmp(left.data, right.data, count * columns * sizeof *left.data) == 0;
    }
done:
    block_free(&left);
    block_free(&right);
    return status;
}

/* What only the numbers can tell. Two biases and two tables always give the right model; one will do where
 * the second bias is zero or the tables are equal, unless the settings say that there are two. */
static enum status refine_shape(struct input *input, const struct settings *settings, struct error *error)
{
    enum status status;
    struct torch_shape *shape = &input->shape;
    const struct settings_row *tie = settings_find("tie-weights");
    const char *bias = text_of(settings, "bias");
    bool apart = tie && settings_given(settings, tie->name) && !*(const bool *)settings_value(settings, tie);
    TRY(second_bias_matters(&shape->double_bias, input, error));
    if (bias && strcmp(bias, "double") == 0)
        shape->double_bias = true;
    if (shape->embedding > 0 && !shape->tied && !apart)
        TRY(tables_are_equal(&shape->tied, input, error));
    torch_layout_free(&input->layout);
    TRY(torch_layout_make(&input->layout, shape, error));
done:
    return status;
}

/* The model */

static enum status set_one(struct settings *settings, const struct input *input, const char *name,
                           const char *text, const char *usual, struct error *error)
{
    const struct settings_row *row = settings_find(name);
    if (!row && strcmp(text, usual) == 0)
        return STATUS_OK;
    if (row && settings_text_set(settings, row, text, input->path, error) == STATUS_OK)
        return STATUS_OK;
    cannot_import(input, error);
    error_why(error, "it is a model with --%s %s", name, text);
    return error_remedy(error, "use a version of the program that has it");
}

static enum status set_shape(struct settings *settings, const struct input *input, struct error *error)
{
    enum status status;
    const struct torch_shape *shape = &input->shape;
    char hidden[32], layers[32], embedding[32];
    snprintf(hidden, sizeof hidden, "%zu", shape->hidden);
    snprintf(layers, sizeof layers, "%zu", shape->layers);
    snprintf(embedding, sizeof embedding, "%zu", shape->embedding);
    TRY(set_one(settings, input, "hidden-size", hidden, "", error));
    TRY(set_one(settings, input, "cell", shape->cell->name, "lstm", error));
    TRY(set_one(settings, input, "num-layers", layers, "1", error));
    TRY(set_one(settings, input, "bidirectional", shape->directions == 2 ? "true" : "false", "false", error));
    TRY(set_one(settings, input, "embedding-size", embedding, "0", error));
    TRY(set_one(settings, input, "tie-weights", shape->tied ? "true" : "false", "false", error));
    TRY(set_one(settings, input, "bias", shape->double_bias ? "double" : "single", "single", error));
done:
    return status;
}

/* What a token is goes with the vocabulary. */
static enum status take_vocabulary(struct exchange_model *model, const struct checkpoint *from,
                                   struct error *error)
{
    static const char *const names[] = {"token", "lowercase", "drop-newlines"};
    enum status status;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        model->settings.given[settings_find(names[i]) - settings_table] = false;
    TRY(settings_saved_tokens(&model->settings, from->saved, from->saved_count, from->path, error));
    struct token_rules rules = settings_specs_tokens(&model->settings);
    TRY(checkpoint_read_vocabulary(&model->vocabulary, from, &rules, error));
done:
    return status;
}

static enum status read_vocabulary(struct exchange_model *model, const struct input *input,
                                   const struct checkpoint *vocabulary_from, struct error *error)
{
    enum status status;
    struct token_rules rules = settings_specs_tokens(&model->settings);
    TRY(vocabulary_from
            ? take_vocabulary(model, vocabulary_from, error)
            : exchange_metadata_vocabulary(&model->vocabulary, &input->header, &rules, input->path, error));
    if (!model->vocabulary) {
        cannot_import(input, error);
        error_why(error, "there is no vocabulary in its metadata");
        status = error_remedy(error, "save it with metadata={\"vocabulary\": json.dumps(tokens)}, or name a "
                                     "checkpoint that has it with --vocabulary-from");
        goto done;
    }
    if (vocabulary_size(model->vocabulary) != input->shape.vocabulary) {
        cannot_import(input, error);
        error_why(error, "the vocabulary has %zu tokens, and linear.bias has %zu numbers",
                  vocabulary_size(model->vocabulary), input->shape.vocabulary);
        status = error_remedy(error, "give the vocabulary that the model was trained with, the token for all "
                                     "that is unknown first, in the metadata or with --vocabulary-from");
    }
done:
    return status;
}

static bool all_finite(const struct tensor *tensor)
{
    bool finite = true;
    for (size_t i = 0; i < tensor_elements(tensor); i++)
        finite &= isfinite(tensor->data[i]) != 0;
    return finite;
}

/* A model may leave a token out by a bias of minus infinity; one whose training diverged looks the same. */
static void warn_of_infinite(const struct exchange_model *model, const struct input *input)
{
    for (size_t t = 0; t < model->tensor_count; t++) {
        if (all_finite(&model->tensors[t]))
            continue;
        log_warning("%s: the weights have numbers that are not finite, the first of them in %s", input->path,
                    model->tensors[t].path);
        return;
    }
}

static enum status read_weights(struct exchange_model *model, const struct input *input, struct error *error)
{
    enum status status = STATUS_OK;
    const struct torch_layout *layout = &input->layout;
    size_t total = 0;
    TRY(memory_new(&model->tensors, layout->count, error));
    for (size_t t = 0; t < layout->count; t++)
        if (layout->tensors[t].path[0] && !layout->tensors[t].repeated)
            total += layout->tensors[t].rows * layout->tensors[t].columns;
    TRY(memory_new(&model->weights, total, error));
    float *next = model->weights;
    for (size_t t = 0; t < layout->count; t++) {
        if (!layout->tensors[t].path[0] || layout->tensors[t].repeated)
            continue;
        struct tensor *tensor = &model->tensors[model->tensor_count++];
        *tensor = torch_layout_stored(&layout->tensors[t]);
        tensor->data = next;
        next += tensor_elements(tensor);
        TRY(read_tensor(tensor->data, input, &layout->tensors[t], error));
    }
    warn_of_infinite(model, input);
done:
    return status;
}

static enum status read_open(struct exchange_model *model, struct input *input,
                             const struct checkpoint *vocabulary_from, struct error *error)
{
    enum status status;
    TRY(safetensors_header_read(&input->header, input->descriptor, input->path, error));
    if (input->header.count > MOST_TENSORS) {
        cannot_import(input, error);
        status = error_why(error, "it has %zu tensors", input->header.count);
        goto done;
    }
    TRY(settings_defaults(&model->settings, SETTINGS_TRAIN, error));
    TRY(exchange_metadata_settings(&model->settings, &input->header, input->path, error));
    TRY(find_shape(input, &model->settings, error));
    TRY(torch_layout_make(&input->layout, &input->shape, error));
    TRY(check_tensors(input, error));
    TRY(read_vocabulary(model, input, vocabulary_from, error));
    TRY(refine_shape(input, &model->settings, error));
    TRY(set_shape(&model->settings, input, error));
    model->cell_module = input->shape.cell->module;
    TRY(read_weights(model, input, error));
done:
    return status;
}

enum status exchange_read(struct exchange_model *model, const char *path,
                          const struct checkpoint *vocabulary_from, struct error *error)
{
    struct input input = {.path = path, .descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    *model = (struct exchange_model){0};
    if (input.descriptor < 0)
        return error_system(error, errno, "cannot read %s", path);
    enum status status = read_open(model, &input, vocabulary_from, error);
    close(input.descriptor);
    torch_layout_free(&input.layout);
    safetensors_header_free(&input.header);
    return status;
}

void exchange_model_free(struct exchange_model *model)
{
    settings_free(&model->settings);
    vocabulary_destroy(model->vocabulary);
    memory_free(model->tensors);
    memory_free(model->weights);
    *model = (struct exchange_model){0};
}
