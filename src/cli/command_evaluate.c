#include "command_evaluate.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/plural.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/train/evaluate.h"
#include "standard_output.h"
#include "trained_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 6, NUMBER_BYTES = 32 };

/* With so many significant digits; an exponent comes where as many do not reach the decimal point. */
static void show_number(char text[NUMBER_BYTES], double value)
{
    snprintf(text, NUMBER_BYTES, "%.*e", DIGITS - 1, value);
    const char *mark = strchr(text, 'e');
    long exponent = mark ? strtol(mark + 1, NULL, 10) : 0;
    if (mark && exponent >= -DIGITS && exponent < DIGITS)
        snprintf(text, NUMBER_BYTES, "%.*f", (int)(DIGITS - 1 - exponent), value);
}

static enum status print_result(const struct evaluate_result *result, struct error *error)
{
    char perplexity[NUMBER_BYTES];
    char bits[NUMBER_BYTES];
    char line[3 * NUMBER_BYTES];
    show_number(perplexity, exp(result->loss / (double)result->foretold));
    show_number(bits, result->loss / log(2) / (double)result->characters);
    int bytes = snprintf(line, sizeof line, "perplexity %s, bits per character %s, %" PRIu64 " tokens\n",
                         perplexity, bits, result->tokens);
    return standard_output_write(line, (size_t)bytes, error);
}

/* A little is lost in any other text; where it is more, the numbers tell of another one. */
static void warn_of_unknown(const struct evaluate_result *result, const struct vocabulary *vocabulary)
{
    static const double little = 0.01;
    double share = (double)result->unknown / (double)result->foretold;
    if (share > little)
        log_warning("%.1f %% of the %s are not in the vocabulary: they are measured as <unk>", 100 * share,
                    vocabulary_rules(vocabulary)->tokenizer->plural);
}

static enum status print_lines(void *unused, const double *log_probabilities, size_t count, bool *go_on,
                               struct error *error)
{
    (void)unused;
    enum status status;
    enum { LINE_BYTES = 32 };
    char *text = NULL;
    size_t bytes = 0;
    TRY(memory_new(&text, count * LINE_BYTES, error));
    for (size_t i = 0; i < count; i++)
        bytes += (size_t)snprintf(text + bytes, LINE_BYTES, "%.9g\n", log_probabilities[i]);
    TRY(standard_output_stream(go_on, text, bytes, error));
done:
    memory_free(text);
    return status;
}

static enum status read_model(struct trained_model *model, struct settings *settings,
                              const struct checkpoint *checkpoint, struct error *error)
{
    enum status status;
    TRY(settings_saved_one(settings, "num-steps", checkpoint->saved, checkpoint->saved_count,
                           checkpoint->path, error));
    TRY(trained_model_read(model, settings, checkpoint, error));
    if (model->spec.bidirectional)
        log_warning(
            "the model is bidirectional: it sees, within windows of %llu token%s, those that it should "
            "foretell; this is no measure of it",
            (unsigned long long)settings->num_steps, plural(settings->num_steps));
done:
    return status;
}

enum status command_evaluate(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct checkpoint *checkpoint = NULL;
    struct trained_model model = {0};
    struct evaluate_result result;
    TRY(checkpoint_open(&checkpoint, comm, settings->checkpoint, CHECKPOINT_MODEL, error));
    TRY(agree_on_status(comm, read_model(&model, settings, checkpoint, error), error));
    struct evaluate_spec spec = {
        .model = &model.spec,
        .weights = model.weights,
        .vocabulary = model.vocabulary,
        .paths = (const char *const *)settings->corpus.items,
        .path_count = settings->corpus.count,
        .max_tokens = settings_given(settings, "max-tokens") ? settings->max_tokens : 0,
        .batch_size = settings->batch_size,
        .num_steps = settings->num_steps,
    };
    if (settings->per_line)
        TRY(evaluate_lines(&result, comm, &spec, print_lines, NULL, error));
    else
        TRY(evaluate_text(&result, comm, &spec, error));
    if (comm->rank == 0) {
        warn_of_unknown(&result, model.vocabulary);
        status = print_result(&result, error);
    }
    TRY(agree_on_status(comm, status, error));
done:
    checkpoint_close(checkpoint);
    trained_model_free(&model);
    return status;
}
