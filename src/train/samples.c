#include "samples.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/watch.h"

#include <string.h>

static bool all_known(const struct sample_prefix *prefix)
{
    for (size_t i = 0; i < prefix->count; i++) {
        if (prefix->tokens[i] == VOCABULARY_UNKNOWN)
            return false;
    }
    return true;
}

static enum status add_prefix(struct samples *samples, const char *text, bool given, struct error *error)
{
    struct sample_prefix *prefix = &samples->prefixes[samples->prefix_count];
    prefix->text = text;
    enum status status = vocabulary_encode_text(samples->vocabulary, &prefix->tokens, &prefix->count, text,
                                                strlen(text), error);
    if (status != STATUS_OK)
        return status;
    bool known = all_known(prefix);
    if (!known && given)
        log_warning("the prefix '%s' has %s that are not in the vocabulary: <unk> is used for them", text,
                    vocabulary_rules(samples->vocabulary)->tokenizer->plural);
    if (prefix->count > 0 && (known || given)) {
        samples->prefix_count++;
    } else {
        memory_free(prefix->tokens);
        *prefix = (struct sample_prefix){0};
    }
    return STATUS_OK;
}

enum status samples_create(struct samples *samples, const struct settings *settings,
                           const struct model_spec *spec, const float *weights,
                           const struct vocabulary *vocabulary, struct error *error)
{
    enum status status = STATUS_OK;
    *samples = (struct samples){.vocabulary = vocabulary, .length = settings->predict_length};
    if (settings->predict_length == 0)
        return STATUS_OK;
    bool given = settings_given(settings, "prefix");
    TRY(generator_create(&samples->generator, spec, weights, &(struct sampler_spec){0}, 1, error));
    TRY(memory_new(&samples->prefixes, settings->prefix.count, error));
    for (size_t i = 0; i < settings->prefix.count; i++)
        TRY(add_prefix(samples, settings->prefix.items[i], given, error));
done:
    if (status != STATUS_OK)
        samples_free(samples);
    return status;
}

void samples_free(struct samples *samples)
{
    generator_destroy(samples->generator);
    for (size_t i = 0; i < samples->prefix_count; i++)
        memory_free(samples->prefixes[i].tokens);
    memory_free(samples->prefixes);
    memory_free(samples->text);
    *samples = (struct samples){0};
}

static enum status append(struct samples *samples, size_t *length, const char *text, size_t bytes,
                          struct error *error)
{
    enum status status = memory_grow(&samples->text, &samples->text_capacity, *length + bytes, error);
    if (status != STATUS_OK)
        return status;
    memcpy(samples->text + *length, text, bytes);
    *length += bytes;
    return STATUS_OK;
}

static enum status append_token(struct samples *samples, size_t *length, uint32_t token, struct error *error)
{
    size_t bytes;
    const char *text = vocabulary_text(samples->vocabulary, token, &bytes);
    return append(samples, length, text, bytes, error);
}

static enum status show_one(struct samples *samples, const struct comm *comm,
                            const struct sample_prefix *prefix, const struct trainer_observer *observer,
                            struct error *error)
{
    enum status status = STATUS_OK;
    size_t length = 0;
    generator_start(samples->generator, prefix->tokens, prefix->count, 0);
    TRY(append(samples, &length, prefix->text, strlen(prefix->text), error));
    for (size_t i = 0; i < samples->length; i++) {
        TRY(append_token(samples, &length, generator_next(samples->generator)[0], error));
        watch_go_on(comm);
    }
    observer->sample(observer->context, samples->text, length);
done:
    return status;
}

enum status samples_show(struct samples *samples, const struct comm *comm,
                         const struct trainer_observer *observer, struct error *error)
{
    enum status status = STATUS_OK;
    if (!samples->generator || !observer->sample)
        return STATUS_OK;
    generator_load(samples->generator);
    for (size_t i = 0; i < samples->prefix_count; i++)
        TRY(show_one(samples, comm, &samples->prefixes[i], observer, error));
done:
    return status;
}
