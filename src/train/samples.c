#include "samples.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/watch.h"

#include <string.h>

static enum status add_prefix(struct samples *samples, const char *text, bool given, struct error *error)
{
    struct prefix *prefix = &samples->prefixes[samples->prefix_count];
    enum status status = prefix_encode(prefix, samples->vocabulary, text, strlen(text), error);
    if (status != STATUS_OK)
        return status;
    if (given)
        prefix_warn_of_unknown(prefix, samples->vocabulary);
    if (prefix->count > 0 && (given || prefix_is_known(prefix)))
        samples->prefix_count++;
    else
        prefix_free(prefix);
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
        prefix_free(&samples->prefixes[i]);
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

static enum status show_one(struct samples *samples, const struct comm *comm, const struct prefix *prefix,
                            const struct trainer_observer *observer, struct error *error)
{
    enum status status = STATUS_OK;
    size_t length = 0;
    generator_start(samples->generator, prefix->tokens, prefix->count, 0);
    TRY(append(samples, &length, prefix->text, prefix->bytes, error));
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
