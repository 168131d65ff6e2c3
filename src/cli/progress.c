#include "progress.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/optim/optimizer.h"
#include "lstm_mpi/report/visdom.h"
#include "terminal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const double bar_interval_seconds = 0.1;

/* Of reading the corpus: what is done before the first number is not worth a line. */
static const double reading_line_seconds = 10;
static const double reading_bar_seconds = 1;

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
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

/* One line that is written over and over: "BEFORE [####....] BEHIND". Cut where it would wrap, since a line
 * that wraps cannot be written over. */
static void draw_bar(struct progress_view *view, const char *before, double done, const char *behind)
{
    char squares[64];
    char line[256];
    size_t taken = strlen(before) + strlen(behind) + sizeof " [] ";
    size_t room = view->columns > taken ? view->columns - taken : 0;
    if (room > sizeof squares - 1)
        room = sizeof squares - 1;
    for (size_t i = 0; i < room; i++)
        squares[i] = (double)i < done * (double)room ? '#' : '.';
    squares[room] = '\0';
    int most = view->columns < sizeof line ? (int)view->columns - 1 : (int)sizeof line;
    snprintf(line, sizeof line, "%s [%s] %s", before, squares, behind);
    fprintf(view->out, "\r\033[K%.*s", most > 0 ? most : 0, line);
    fflush(view->out);
    view->bar_is_shown = true;
    view->bar_shown_at = clock_seconds();
}

/* Nothing for a corpus that is read in a moment. */
static void reading(void *context, const struct trainer_reading *reading)
{
    struct progress_view *view = context;
    char before[64];
    char left[CLOCK_TEXT_BYTES];
    char behind[64];
    double now = clock_seconds();
    double megabytes = (double)reading->bytes / 1e6;
    if (reading->seconds < (view->bar ? reading_bar_seconds : reading_line_seconds))
        return;
    if (now - view->reading_shown_at < (view->bar ? bar_interval_seconds : reading_line_seconds))
        return;
    view->reading_shown_at = now;
    clock_format(left, reading->seconds * (1 - reading->share) / reading->share);
    snprintf(before, sizeof before, "reading %.0f MB", megabytes);
    snprintf(behind, sizeof behind, "%.0f %%  %s left", 100 * reading->share, left);
    if (view->bar) {
        draw_bar(view, before, reading->share, behind);
    } else {
        fprintf(view->out, "%s  %s\n", before, behind);
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
        fprintf(out, "this run is finished: it has done its %" PRIu64 " epochs\n", settings->epochs);
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
    fprintf(out, "update     %" PRIu64 " rows of %" PRIu64 " steps, ", settings->batch_size,
            settings->num_steps);
    if (settings->optimizer > 0) /* not the default */
        fprintf(out, "%s, ", optimizers[settings->optimizer].name);
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
    fprintf(out, ": %" PRIu64 " parameters\n", facts->learned_parameters);
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
    char elapsed[CLOCK_TEXT_BYTES];
    char left[CLOCK_TEXT_BYTES];
    clock_format(elapsed, standing->elapsed_seconds);
    clock_format(left, standing->left_seconds);
    clear_bar(view);
    fprintf(view->out, "epoch %" PRIu64 "/%" PRIu64, standing->epoch, standing->epochs);
    if (within_epoch)
        fprintf(view->out, "  update %" PRIu64 "/%" PRIu64, standing->update_of_epoch,
                standing->updates_of_epoch);
    fprintf(view->out, "  perplexity %.1f", standing->perplexity);
    if (!isnan(standing->valid_perplexity))
        fprintf(view->out, "  validation %.1f", standing->valid_perplexity);
    fprintf(view->out, "  %.0f tokens/s  grad-norm %.2f  %s elapsed  %s left\n", standing->tokens_per_second,
            standing->grad_norm, elapsed, left);
    fflush(view->out);
}

static void draw_standing(struct progress_view *view, const struct trainer_standing *standing)
{
    char left[CLOCK_TEXT_BYTES];
    char before[64];
    char validation[32] = "";
    char behind[160];
    clock_format(left, standing->left_seconds);
    if (!isnan(standing->valid_perplexity))
        view->valid_perplexity = standing->valid_perplexity;
    if (view->valid_perplexity > 0)
        snprintf(validation, sizeof validation, "  validation %.1f", view->valid_perplexity);
    snprintf(before, sizeof before, "epoch %" PRIu64 "/%" PRIu64, standing->epoch, standing->epochs);
    snprintf(behind, sizeof behind, "perplexity %.1f%s  %.0f tokens/s  %s left", standing->perplexity,
             validation, standing->tokens_per_second, left);
    double done = ((double)standing->epoch - 1 +
                   (double)standing->update_of_epoch / (double)standing->updates_of_epoch) /
                  (double)standing->epochs;
    draw_bar(view, before, done, behind);
}

static void update(void *context, const struct trainer_standing *standing)
{
    struct progress_view *view = context;
    if (view->log_every_updates > 0 && standing->update % view->log_every_updates == 0)
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
    else if (!view->bar && (last || standing->epoch % view->log_every == 0))
        plain_line(view, standing, false);
}

static void end(void *context, const struct trainer_result *result)
{
    struct progress_view *view = context;
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
    if (isfinite(result->perplexity))
        fprintf(view->out, "perplexity %.1f", result->perplexity);
    if (result->tokens_per_second > 0)
        fprintf(view->out, "%s%.0f tokens/s on %d rank%s", isfinite(result->perplexity) ? ", " : "",
                result->tokens_per_second, view->comm->size, plural((uint64_t)view->comm->size));
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
