#include "progress.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/plural.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/report/visdom.h"
#include "shown.h"
#include "terminal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const double bar_interval_seconds = 0.1;

/* Of reading the corpus: what is done before the first number is not worth a line. */
static const double reading_line_seconds = 10;
static const double reading_bar_seconds = 1;

enum { PERPLEXITY_BYTES = 32 };

/* That of a run which diverges has hundreds of digits. Returns `text`. */
static const char *show_perplexity(char text[PERPLEXITY_BYTES], double value)
{
    if (value < 1e9)
        snprintf(text, PERPLEXITY_BYTES, "%.1f", value);
    else
        snprintf(text, PERPLEXITY_BYTES, "%.3e", value);
    return text;
}

static void show_corpus(FILE *out, const struct settings *settings, const struct trainer_facts *facts)
{
    fprintf(out, "corpus     ");
    if (settings->corpus.count == 0)
        fprintf(out, "the built-in story");
    for (size_t i = 0; i < settings->corpus.count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", settings->corpus.items[i]);
    fprintf(out, ": %" PRIu64 " %s", facts->corpus_tokens, settings_specs_tokens(settings).tokenizer->plural);
    if (facts->trained_tokens < facts->corpus_tokens)
        fprintf(out, ", the first %" PRIu64 " are trained on", facts->trained_tokens);
    if (facts->held_out_tokens > 0)
        fprintf(out, ", the next %" PRIu64 " held out", facts->held_out_tokens);
    fprintf(out, "; vocabulary %" PRIu64 "\n", facts->vocabulary_size);
}

static void clear_bar(struct progress_view *view)
{
    if (view->bar_is_shown)
        fprintf(view->out, "\r\033[K");
    view->bar_is_shown = false;
}

/* A field of the line with the bar; where a terminal is too narrow, those of least worth are left out. */
struct bar_field {
    int worth;
    char text[64];
};

enum { LEAST_SQUARES = 8, MOST_SQUARES = 63, BETWEEN_FIELDS = 2 };

static size_t shown_columns(const struct bar_field *fields, size_t count)
{
    size_t columns = 0;
    for (size_t i = 0; i < count; i++)
        columns += (columns > 0 ? BETWEEN_FIELDS : 0) + strlen(fields[i].text);
    return columns;
}

/* Leaves fields out, of which there are at least one, until the others fit. Returns how many are left. */
static size_t leave_out(struct bar_field *fields, size_t count, size_t room)
{
    while (count > 0 && shown_columns(fields, count) > room) {
        size_t least = 0;
        for (size_t i = 1; i < count; i++)
            least = fields[i].worth < fields[least].worth ? i : least;
        count--;
        memmove(&fields[least], &fields[least + 1], (count - least) * sizeof *fields);
    }
    return count;
}

/* One line that is written over and over: "FIELD [####....] FIELD  FIELD". It must not wrap, since a line
 * that wraps cannot be written over: where there is no room for a bar there is none, and fewer fields. */
static void draw_bar(struct progress_view *view, struct bar_field *fields, size_t count, double done)
{
    size_t room = view->columns > 0 ? view->columns - 1 : 0;
    count = leave_out(fields, count, room);
    size_t taken = shown_columns(fields, count) + strlen(" [] ") - BETWEEN_FIELDS;
    size_t squares = count > 1 && room > taken ? smaller(room - taken, MOST_SQUARES) : 0;
    fprintf(view->out, "\r\033[K%s", count > 0 ? fields[0].text : "");
    if (squares >= LEAST_SQUARES) {
        fputs(" [", view->out);
        for (size_t i = 0; i < squares; i++)
            fputc((double)i < done * (double)squares ? '#' : '.', view->out);
        fputs("] ", view->out);
    }
    for (size_t i = 1; i < count; i++)
        fprintf(view->out, "%s%s", i == 1 && squares >= LEAST_SQUARES ? "" : "  ", fields[i].text);
    fflush(view->out);
    view->bar_is_shown = true;
    view->bar_shown_at = clock_seconds();
}

/* Nothing for a corpus that is read in a moment. */
static void reading(void *context, const struct trainer_reading *reading)
{
    struct progress_view *view = context;
    struct bar_field fields[] = {{.worth = 3}, {.worth = 2}, {.worth = 1}};
    char left[CLOCK_TEXT_BYTES];
    double now = clock_seconds();
    double megabytes = (double)reading->bytes / 1e6;
    if (reading->seconds < (view->bar ? reading_bar_seconds : reading_line_seconds))
        return;
    if (now - view->reading_shown_at < (view->bar ? bar_interval_seconds : reading_line_seconds))
        return;
    view->reading_shown_at = now;
    clock_format(left, reading->seconds * (1 - reading->share) / reading->share);
    snprintf(fields[0].text, sizeof fields[0].text, "reading %.0f MB", megabytes);
    snprintf(fields[1].text, sizeof fields[1].text, "%.0f %%", 100 * reading->share);
    snprintf(fields[2].text, sizeof fields[2].text, "%s left", left);
    if (view->bar) {
        draw_bar(view, fields, sizeof fields / sizeof *fields, reading->share);
    } else {
        fprintf(view->out, "%s  %s  %s\n", fields[0].text, fields[1].text, fields[2].text);
        fflush(view->out);
    }
}

static void show_finished(FILE *out, const struct settings *settings, const struct trainer_facts *facts)
{
    if (facts->resumed_epoch < settings->epochs)
        fprintf(out,
                "this run is finished: %" PRIu64 " log interval%s brought no better validation perplexity\n",
                settings->patience, plural(settings->patience));
    else
        fprintf(out, "this run is finished: it has done its %" PRIu64 " epoch%s\n", settings->epochs,
                plural(settings->epochs));
}

static double mebibytes(uint64_t bytes)
{
    return (double)bytes / (1024 * 1024);
}

static void show_memory(FILE *out, const struct trainer_facts *facts)
{
    fprintf(out, "memory     weights %.1f MiB", mebibytes(facts->node_bytes));
    if (facts->state_bytes > 0)
        fprintf(out, " and optimizer's state %.1f MiB", mebibytes(facts->state_bytes));
    fprintf(out, " a host; gradients and activations %.1f MiB a rank\n", mebibytes(facts->rank_bytes));
}

static void show_update(FILE *out, const struct settings *settings)
{
    fprintf(out, "update     %" PRIu64 " row%s of %" PRIu64 " step%s, %s", settings->batch_size,
            plural(settings->batch_size), settings->num_steps, plural(settings->num_steps),
            settings->optimizer == SETTINGS_OPTIMIZER_ADAM ? "adam, " : "");
    if (settings->momentum > 0)
        fprintf(out, "momentum %g, ", settings->momentum);
    if (settings->weight_decay > 0)
        fprintf(out, "weight decay %g, ", settings->weight_decay);
    fprintf(out, "learning rate %g, ", settings->lr);
    if (settings->clip_norm > 0)
        fprintf(out, "gradients clipped to norm %g\n", settings->clip_norm);
    else
        fprintf(out, "gradients not clipped\n");
}

static void show_model(FILE *out, const struct settings *settings, const struct trainer_facts *facts)
{
    char parameters[SHOWN_NUMBER_BYTES];
    fprintf(out, "model      %s", cell_names[settings->cell]);
    if (settings->num_layers > 1)
        fprintf(out, ", %" PRIu64 " layers", settings->num_layers);
    if (settings->bidirectional)
        fprintf(out, ", both directions");
    fprintf(out, ", hidden size %" PRIu64, settings->hidden_size);
    if (settings->embedding_size > 0)
        fprintf(out, ", embedding size %" PRIu64 "%s", settings->embedding_size,
                settings->tie_weights ? " (tied to the output)" : "");
    if (settings->dropout > 0)
        fprintf(out, ", dropout %g", settings->dropout);
    fprintf(out, ": %s parameters\n", shown_grouped(parameters, facts->learned_parameters));
}

/* With what earlier starts have done, if this one goes on with it. */
static void begin_chart(void *context, const struct settings *settings, const struct trainer_facts *facts)
{
    struct progress_view *view = context;
    if (facts->finished_before || strcmp(settings->visdom, SETTINGS_VISDOM_OFF) == 0)
        return;
    view->chart = visdom_open(settings->visdom, settings->visdom_env);
    for (size_t i = 0; i < facts->history->count; i++) {
        const struct epoch_record *record = &facts->history->records[i];
        visdom_add(view->chart, VISDOM_TRAIN, (double)record->epoch, record->perplexity);
        visdom_add(view->chart, VISDOM_VALID, (double)record->epoch, record->valid_perplexity);
    }
}

static void extend_chart(void *context, const struct trainer_standing *standing)
{
    struct progress_view *view = context;
    visdom_add(view->chart, VISDOM_TRAIN, (double)standing->epoch, standing->perplexity);
    visdom_add(view->chart, VISDOM_VALID, (double)standing->epoch, standing->valid_perplexity);
}

static void begin(void *context, const struct settings *settings, const struct trainer_facts *facts)
{
    struct progress_view *view = context;
    begin_chart(view, settings, facts);
    FILE *out = view->out;
    const struct comm *comm = view->comm;
    char host[COMM_HOST_BYTES];
    clear_bar(view);
    comm_host_name(host);
    fprintf(out, "lstm_mpi %s on %d rank%s, %d host%s (rank 0 on %s)\n", LSTM_MPI_VERSION, comm->size,
            plural((uint64_t)comm->size), comm->nodes, plural((uint64_t)comm->nodes), host);
    if (comm->workers < comm->size)
        fprintf(out, "ranks      the rows of a batch go to %d of them, one a CPU\n", comm->workers);
    const struct blis_setup *blis = blis_setup_in_use();
    fprintf(out, "BLIS       %s kernels (%s), %s library, %d thread%s a rank\n", blis->configuration,
            blis->reason, blis->threading, blis->threads, plural((uint64_t)blis->threads));
    if (blis->own_loops)
        fprintf(out,
                "products   by %s loops of lstm_mpi, which are faster; by BLIS if BLIS_ARCH_TYPE is set\n",
                vector_level_name(vector_level_in_use()));
    show_corpus(out, settings, facts);
    show_model(out, settings, facts);
    show_memory(out, facts);
    show_update(out, settings);
    fprintf(out, "run        %s", settings->run_dir);
    if (facts->resumed_from)
        fprintf(out, ", going on from %s (epoch %" PRIu64 ", update %" PRIu64 ")", facts->resumed_from,
                facts->resumed_epoch, facts->resumed_update);
    fprintf(out, "\n");
    if (facts->finished_before)
        show_finished(out, settings, facts);
    fflush(out);
}

static void sample(void *context, const char *text, size_t bytes)
{
    struct progress_view *view = context;
    clear_bar(view);
    fwrite(text, 1, bytes, view->out);
    fputc('\n', view->out);
    fflush(view->out);
}

static void plain_line(struct progress_view *view, const struct trainer_standing *standing, bool within_epoch)
{
    char perplexity[PERPLEXITY_BYTES];
    char elapsed[CLOCK_TEXT_BYTES];
    char left[CLOCK_TEXT_BYTES];
    clock_format(elapsed, standing->elapsed_seconds);
    clock_format(left, standing->left_seconds);
    clear_bar(view);
    fprintf(view->out, "epoch %" PRIu64 "/%" PRIu64, standing->epoch, standing->epochs);
    if (within_epoch)
        fprintf(view->out, "  update %" PRIu64 "/%" PRIu64, standing->update_of_epoch,
                standing->updates_of_epoch);
    fprintf(view->out, "  perplexity %s", show_perplexity(perplexity, standing->perplexity));
    if (!isnan(standing->valid_perplexity))
        fprintf(view->out, "  validation %s", show_perplexity(perplexity, standing->valid_perplexity));
    fprintf(view->out, "  %.0f tokens/s  grad-norm %.2f  %s elapsed  %s left\n", standing->tokens_per_second,
            standing->grad_norm, elapsed, left);
    fflush(view->out);
}

static void draw_standing(struct progress_view *view, const struct trainer_standing *standing)
{
    enum { FIELD_BYTES = sizeof((struct bar_field *)NULL)->text };
    char left[CLOCK_TEXT_BYTES];
    char perplexity[PERPLEXITY_BYTES];
    struct bar_field fields[5] = {{.worth = 5}, {.worth = 4}};
    size_t count = 2;
    clock_format(left, standing->left_seconds);
    if (!isnan(standing->valid_perplexity))
        view->valid_perplexity = standing->valid_perplexity;
    snprintf(fields[0].text, FIELD_BYTES, "epoch %" PRIu64 "/%" PRIu64, standing->epoch, standing->epochs);
    snprintf(fields[1].text, FIELD_BYTES, "perplexity %s", show_perplexity(perplexity, standing->perplexity));
    if (view->valid_perplexity > 0) {
        fields[count].worth = 2;
        snprintf(fields[count++].text, FIELD_BYTES, "validation %s",
                 show_perplexity(perplexity, view->valid_perplexity));
    }
    fields[count].worth = 1;
    snprintf(fields[count++].text, FIELD_BYTES, "%.0f tokens/s", standing->tokens_per_second);
    fields[count].worth = 3;
    snprintf(fields[count++].text, FIELD_BYTES, "%s left", left);
    double done = ((double)standing->epoch - 1 +
                   (double)standing->update_of_epoch / (double)standing->updates_of_epoch) /
                  (double)standing->epochs;
    draw_bar(view, fields, count, done);
}

static bool has_epoch_line(const struct progress_view *view, const struct trainer_standing *standing)
{
    return !view->bar && (standing->epoch == standing->epochs || standing->epoch % view->log_every == 0);
}

static void update(void *context, const struct trainer_standing *standing)
{
    struct progress_view *view = context;
    bool epoch_line_follows =
        standing->update_of_epoch == standing->updates_of_epoch && has_epoch_line(view, standing);
    if (view->log_every_updates > 0 && standing->update % view->log_every_updates == 0 && !epoch_line_follows)
        plain_line(view, standing, true);
    if (view->bar && clock_seconds() - view->bar_shown_at >= bar_interval_seconds)
        draw_standing(view, standing);
}

static void epoch(void *context, const struct trainer_standing *standing)
{
    struct progress_view *view = context;
    extend_chart(view, standing);
    bool last = standing->epoch == standing->epochs;
    if (view->bar && (last || clock_seconds() - view->bar_shown_at >= bar_interval_seconds))
        draw_standing(view, standing);
    else if (has_epoch_line(view, standing))
        plain_line(view, standing, false);
}

static void end(void *context, const struct trainer_result *result)
{
    struct progress_view *view = context;
    char perplexity[PERPLEXITY_BYTES];
    if (view->bar_is_shown)
        fputc('\n', view->out);
    view->bar_is_shown = false;
    if (result->end == TRAINER_STOPPED_WHILE_READING) {
        fprintf(
            view->out,
            "stopped on a signal while the corpus was read, before any update; start again with --resume\n");
        fflush(view->out);
        return;
    }
    bool measured = !isnan(result->perplexity);
    if (measured)
        fprintf(view->out, "perplexity %s", show_perplexity(perplexity, result->perplexity));
    if (result->tokens_per_second > 0)
        fprintf(view->out, "%s%.0f tokens/s on %d rank%s", measured ? ", " : "", result->tokens_per_second,
                view->comm->size, plural((uint64_t)view->comm->size));
    fputc('\n', view->out);
    if (result->best_valid_perplexity > 0)
        fprintf(view->out, "best validation perplexity %.1f, after update %" PRIu64 ": %s/best.h5\n",
                result->best_valid_perplexity, result->best_update, view->run_dir);
    if (result->end == TRAINER_OUT_OF_PATIENCE)
        fprintf(view->out, "stopped by --patience after update %" PRIu64 "\n", result->update);
    if (result->end == TRAINER_STOPPED_BY_SIGNAL || result->end == TRAINER_STOPPED_BY_CLOCK)
        fprintf(view->out,
                "stopped %s after update %" PRIu64 "; the checkpoint is in %s, --resume goes on from it\n",
                result->end == TRAINER_STOPPED_BY_SIGNAL ? "on a signal" : "by --max-minutes", result->update,
                view->run_dir);
    fflush(view->out);
}

struct trainer_observer progress_observer(struct progress_view *view, FILE *out, const struct comm *comm,
                                          const struct settings *settings)
{
    struct terminal terminal = terminal_of_output();
    *view = (struct progress_view){
        .out = out,
        .comm = comm,
        .bar = settings->progress == SETTINGS_PROGRESS_BAR ||
               (settings->progress == SETTINGS_PROGRESS_AUTO && terminal.present),
        .columns = terminal.columns,
        .run_dir = settings->run_dir,
        .log_every = settings->log_every,
        .log_every_updates = settings->log_every_updates,
    };
    if (settings->quiet)
        return (struct trainer_observer){.context = view, .begin = begin_chart, .epoch = extend_chart};
    return (struct trainer_observer){
        .context = view,
        .reading = reading,
        .begin = begin,
        .sample = sample,
        .update = update,
        .epoch = epoch,
        .end = end,
    };
}

void progress_close(struct progress_view *view, bool soon)
{
    visdom_close(view->chart, soon ? 0.2 : 2);
    view->chart = NULL;
}
