#include "progress.h"

#include "lstm_mpi/linalg/blis_setup.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

/* An observer whose lines go to memory. */
struct screen {
    char *text;
    size_t bytes;
    FILE *out;
    size_t taken;
    struct settings settings;
    struct comm comm;
    struct progress_view view;
    struct trainer_observer observer;
};

static void open_screen(struct screen *screen, int progress, uint64_t log_every, uint64_t log_every_updates)
{
    *screen = (struct screen){.comm = comm_alone};
    screen->out = open_memstream(&screen->text, &screen->bytes);
    assert_non_null(screen->out);
    assert_int_equal(settings_defaults(&screen->settings, &error), STATUS_OK);
    screen->settings.progress = progress;
    screen->settings.log_every = log_every;
    screen->settings.log_every_updates = log_every_updates;
    screen->observer = progress_observer(&screen->view, screen->out, &screen->comm, &screen->settings);
}

/* What has been written since the last call. */
static const char *take(struct screen *screen)
{
    static char taken[8192];
    fflush(screen->out);
    snprintf(taken, sizeof taken, "%s", screen->text + screen->taken);
    screen->taken = screen->bytes;
    return taken;
}

static void close_screen(struct screen *screen)
{
    fclose(screen->out);
    free(screen->text);
    settings_free(&screen->settings);
}

static struct trainer_facts some_facts(void)
{
    return (struct trainer_facts){
        .corpus_tokens = 20000,
        .trained_tokens = 10000,
        .vocabulary_size = 2201,
        .learned_parameters = 3083673,
        .node_bytes = 30 << 20,
        .rank_bytes = 40 << 20,
    };
}

static struct trainer_standing standing_at(uint64_t epoch, uint64_t update_of_epoch)
{
    return (struct trainer_standing){
        .epoch = epoch,
        .epochs = 1000,
        .update_of_epoch = update_of_epoch,
        .updates_of_epoch = 8,
        .update = (epoch - 1) * 8 + update_of_epoch,
        .perplexity = 312.44,
        .valid_perplexity = NAN,
        .tokens_per_second = 312840.3,
        .grad_norm = 0.834,
        .elapsed_seconds = 4.9,
        .left_seconds = 372,
    };
}

static void run_epoch(struct screen *screen, uint64_t epoch)
{
    struct trainer_standing standing;
    for (uint64_t update = 1; update <= 8; update++) {
        standing = standing_at(epoch, update);
        screen->observer.update(screen->observer.context, &standing);
    }
    screen->observer.epoch(screen->observer.context, &standing);
}

static void the_header_tells_what_is_trained_on_what(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 10, 0);
    struct trainer_facts facts = some_facts();
    screen.observer.begin(screen.observer.context, &screen.settings, &facts);
    const char *header = take(&screen);
    assert_ptr_equal(strstr(header, "lstm_mpi "), header);
    assert_non_null(strstr(header, " on 1 rank, 1 host (rank 0 on "));
    assert_non_null(strstr(header, blis_setup_in_use()->configuration));
    assert_non_null(strstr(header, "the built-in story: 20000 characters, the first 10000 are trained on; "
                                   "vocabulary 2201\n"));
    assert_non_null(strstr(header, "hidden size 256: 3,083,673 parameters\n"));
    assert_non_null(strstr(header, "weights 30.0 MiB a host; gradients and activations 40.0 MiB a rank\n"));
    assert_non_null(strstr(header, "32 rows of 35 steps, learning rate 1, gradients clipped to norm 1\n"));
    assert_non_null(strstr(header, "runs/lstm\n"));
    assert_null(strstr(header, "going on"));
    assert_null(strstr(header, "finished"));
    close_screen(&screen);
}

static void the_header_of_a_resumed_run_says_from_where(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 10, 0);
    screen.comm.size = 8;
    screen.comm.nodes = 2;
    screen.settings.clip_norm = 0;
    struct trainer_facts facts = some_facts();
    facts.trained_tokens = facts.corpus_tokens;
    facts.resumed_from = "runs/lstm/checkpoint.h5";
    facts.resumed_epoch = 1000;
    facts.resumed_update = 8000;
    facts.finished_before = true;
    screen.observer.begin(screen.observer.context, &screen.settings, &facts);
    const char *header = take(&screen);
    assert_non_null(strstr(header, " on 8 ranks, 2 hosts ("));
    assert_non_null(strstr(header, "20000 characters; vocabulary"));
    assert_non_null(strstr(header, "gradients not clipped\n"));
    assert_non_null(strstr(header, "going on from runs/lstm/checkpoint.h5 (epoch 1000, update 8000)\n"));
    assert_non_null(strstr(header, "this run is finished: it has done its 1000 epochs\n"));
    screen.settings.epochs = screen.settings.batch_size = screen.settings.num_steps = 1;
    screen.observer.begin(screen.observer.context, &screen.settings, &facts);
    header = take(&screen);
    assert_non_null(strstr(header, "update     1 row of 1 step, "));
    assert_non_null(strstr(header, "it has done its 1 epoch\n"));
    close_screen(&screen);
}

static void the_header_names_the_optimizer(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 10, 0);
    struct trainer_facts facts = some_facts();
    facts.state_bytes = 2 << 20;
    screen.settings.optimizer = SETTINGS_OPTIMIZER_ADAM;
    screen.settings.weight_decay = 0.25;
    screen.observer.begin(screen.observer.context, &screen.settings, &facts);
    const char *header = take(&screen);
    assert_non_null(strstr(header, "weights 30.0 MiB and optimizer's state 2.0 MiB a host; gradients"));
    assert_non_null(strstr(header, "35 steps, adam, weight decay 0.25, learning rate 1, gradients"));
    screen.settings.optimizer = SETTINGS_OPTIMIZER_SGD;
    screen.settings.momentum = 0.5;
    screen.observer.begin(screen.observer.context, &screen.settings, &facts);
    assert_non_null(strstr(take(&screen), "35 steps, momentum 0.5, weight decay 0.25, learning rate 1,"));
    close_screen(&screen);
}

static void a_line_shows_the_validation(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 1, 0);
    struct trainer_standing standing = standing_at(5, 8);
    standing.valid_perplexity = 402.96;
    screen.observer.epoch(screen.observer.context, &standing);
    assert_non_null(strstr(take(&screen), "  perplexity 312.4  validation 403.0  312840 tokens/s"));
    struct trainer_result result = {
        .end = TRAINER_OUT_OF_PATIENCE, .update = 56, .best_valid_perplexity = 402.96, .best_update = 40};
    screen.observer.end(screen.observer.context, &result);
    const char *end = take(&screen);
    assert_non_null(strstr(end, "best validation perplexity 403.0, after update 40: runs/lstm/best.h5\n"));
    assert_non_null(strstr(end, "stopped by --patience after update 56\n"));
    close_screen(&screen);
}

static void a_plain_line_comes_every_so_many_epochs(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 3, 0);
    run_epoch(&screen, 1);
    run_epoch(&screen, 2);
    assert_string_equal(take(&screen), "");
    run_epoch(&screen, 3);
    assert_string_equal(take(&screen), "epoch 3/1000  perplexity 312.4  312840 tokens/s  grad-norm 0.83  "
                                       "00:00:04 elapsed  00:06:12 left\n");
    run_epoch(&screen, 4);
    run_epoch(&screen, 5);
    assert_string_equal(take(&screen), "");
    run_epoch(&screen, 6);
    assert_non_null(strstr(take(&screen), "epoch 6/1000  "));
    close_screen(&screen);
}

static void the_last_epoch_has_its_line_in_any_case(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 7, 0);
    run_epoch(&screen, 999);
    assert_string_equal(take(&screen), "");
    run_epoch(&screen, 1000);
    assert_non_null(strstr(take(&screen), "epoch 1000/1000  "));
    close_screen(&screen);
}

static void lines_within_an_epoch_come_every_so_many_updates(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 10, 5);
    run_epoch(&screen, 1);
    assert_string_equal(take(&screen),
                        "epoch 1/1000  update 5/8  perplexity 312.4  312840 tokens/s  grad-norm 0.83  "
                        "00:00:04 elapsed  00:06:12 left\n");
    run_epoch(&screen, 2);
    const char *lines = take(&screen);
    assert_non_null(strstr(lines, "epoch 2/1000  update 2/8  "));
    assert_non_null(strstr(lines, "epoch 2/1000  update 7/8  "));
    assert_null(strstr(lines, "epoch 2/1000  perplexity"));
    close_screen(&screen);
}

static void an_interval_has_one_line(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 2, 4);
    run_epoch(&screen, 1);
    const char *lines = take(&screen);
    assert_non_null(strstr(lines, "epoch 1/1000  update 4/8  "));
    assert_non_null(strstr(lines, "epoch 1/1000  update 8/8  "));
    run_epoch(&screen, 2);
    lines = take(&screen);
    assert_non_null(strstr(lines, "epoch 2/1000  update 4/8  "));
    assert_null(strstr(lines, "update 8/8"));
    assert_non_null(strstr(lines, "epoch 2/1000  perplexity"));
    close_screen(&screen);
}

/* In a file there is no terminal whose line could be written over. */
static void plain_lines_move_no_cursor(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 1, 2);
    run_epoch(&screen, 1);
    screen.observer.sample(screen.observer.context, "我有一剑", strlen("我有一剑"));
    run_epoch(&screen, 1000);
    screen.observer.end(&screen.view, &(struct trainer_result){.perplexity = 1.1, .tokens_per_second = 10});
    const char *lines = take(&screen);
    assert_null(strpbrk(lines, "\r\033"));
    close_screen(&screen);
}

static void a_bar_is_written_over_and_ends_with_the_run(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_BAR, 1, 0);
    struct trainer_standing half = standing_at(501, 0);
    screen.view.columns = 80;
    screen.observer.update(screen.observer.context, &half);
    const char *bar = take(&screen);
    assert_ptr_equal(strstr(bar, "\r\033[Kepoch 501/1000 ["), bar);
    assert_non_null(strstr(bar, "#"));
    assert_non_null(strstr(bar, "] perplexity 312.4  312840 tokens/s  00:06:12 left"));
    assert_null(strchr(bar, '\n'));
    assert_int_equal(strlen(bar), strlen("\r\033[K") + 79);
    size_t done = 0;
    size_t open = 0;
    for (const char *cell = bar; *cell; cell++) {
        done += *cell == '#';
        open += *cell == '.' && (cell[1] == '.' || cell[1] == ']');
    }
    assert_true(done > 0 && done <= open + 1 && open <= done + 1);

    /* Not more often than an eye can see. */
    screen.observer.update(screen.observer.context, &half);
    assert_string_equal(take(&screen), "");
    run_epoch(&screen, 1000);
    assert_non_null(strstr(take(&screen), "\r\033[Kepoch 1000/1000 ["));
    screen.observer.end(&screen.view, &(struct trainer_result){.perplexity = 1.14, .tokens_per_second = 9.6});
    assert_string_equal(take(&screen), "\nperplexity 1.1, 10 tokens/s on 1 rank\n");
    close_screen(&screen);
}

static void other_lines_take_the_bar_away_first(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_BAR, 1, 8);
    struct trainer_standing standing = standing_at(2, 1);
    screen.observer.update(screen.observer.context, &standing);
    take(&screen);
    screen.observer.sample(screen.observer.context, "a\nb", 3);
    assert_string_equal(take(&screen), "\r\033[Ka\nb\n");
    screen.view.bar_is_shown = true;
    standing = standing_at(2, 8);
    screen.observer.update(screen.observer.context, &standing);
    const char *line = take(&screen);
    assert_ptr_equal(strstr(line, "\r\033[Kepoch 2/1000  update 8/8  "), line);
    close_screen(&screen);
}

static void read_corpus(struct screen *screen, double share, double seconds)
{
    struct trainer_reading reading = {.bytes = 2000000000, .share = share, .seconds = seconds};
    screen->observer.reading(screen->observer.context, &reading);
}

static void reading_is_shown_when_it_takes_long(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 1, 0);
    read_corpus(&screen, 0.01, 0.01);
    read_corpus(&screen, 1, 9.9);
    assert_string_equal(take(&screen), "");
    read_corpus(&screen, 0.25, 10);
    assert_string_equal(take(&screen), "reading 2000 MB  25 %  00:00:30 left\n");
    read_corpus(&screen, 0.26, 10.4); /* a line just before */
    assert_string_equal(take(&screen), "");
    screen.view.reading_shown_at -= 10;
    read_corpus(&screen, 0.5, 20);
    assert_string_equal(take(&screen), "reading 2000 MB  50 %  00:00:20 left\n");
    close_screen(&screen);
}

static void reading_has_a_bar_on_a_terminal(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_BAR, 1, 0);
    screen.view.columns = 60;
    read_corpus(&screen, 0.1, 0.5);
    assert_string_equal(take(&screen), "");
    read_corpus(&screen, 0.5, 2);
    const char *bar = take(&screen);
    assert_ptr_equal(strstr(bar, "\r\033[Kreading 2000 MB [####"), bar);
    assert_non_null(strstr(bar, ".] 50 %  00:00:02 left"));
    assert_int_equal(strlen(bar), strlen("\r\033[K") + 59);
    struct trainer_facts facts = some_facts();
    screen.observer.begin(screen.observer.context, &screen.settings, &facts);
    assert_int_equal(strncmp(take(&screen), "\r\033[Klstm_mpi ", 13), 0);
    close_screen(&screen);
}

static void a_stop_while_reading_says_what_to_do(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_BAR, 1, 0);
    read_corpus(&screen, 0.5, 2);
    take(&screen);
    screen.observer.end(&screen.view,
                        &(struct trainer_result){.end = TRAINER_STOPPED_WHILE_READING, .perplexity = NAN});
    assert_string_equal(take(&screen), "\nstopped on a signal while the corpus was read, before any update; "
                                       "start again with --resume\n");
    close_screen(&screen);
}

/* A line that wraps cannot be written over. */
static void a_bar_is_never_wider_than_the_terminal(void **unused)
{
    (void)unused;
    static const size_t widths[] = {1, 2, 10, 30, 60, 61, 75, 80, 200, 1000};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct screen screen;
        open_screen(&screen, SETTINGS_PROGRESS_BAR, 1, 0);
        screen.view.columns = widths[i];
        run_epoch(&screen, 1000);
        const char *bar = take(&screen);
        bar = strrchr(bar, '\r');
        assert_non_null(bar);
        assert_true(strlen(bar) - strlen("\r\033[K") < widths[i]);
        close_screen(&screen);
    }
}

static void a_narrow_terminal_gets_whole_fields(void **unused)
{
    (void)unused;
    static const struct {
        size_t columns;
        const char *line;
    } cases[] = {
        {80, "epoch 1000/1000 [############] perplexity 312.4  312840 tokens/s  00:06:12 left"},
        {75, "epoch 1000/1000  perplexity 312.4  312840 tokens/s  00:06:12 left"},
        {60, "epoch 1000/1000 [#########] perplexity 312.4  00:06:12 left"},
        {40, "epoch 1000/1000  perplexity 312.4"},
        {20, "epoch 1000/1000"},
        {10, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen screen;
        open_screen(&screen, SETTINGS_PROGRESS_BAR, 1, 0);
        screen.view.columns = cases[i].columns;
        run_epoch(&screen, 1000);
        assert_string_equal(strrchr(take(&screen), '\r') + strlen("\r\033[K"), cases[i].line);
        close_screen(&screen);
    }
}

static void auto_writes_no_bar_where_there_is_no_terminal(void **unused)
{
    (void)unused;
    struct screen screen;
    assert_int_equal(setenv("OMPI_COMM_WORLD_SIZE", "1", 1), 0);
    open_screen(&screen, SETTINGS_PROGRESS_AUTO, 1, 0);
    assert_false(screen.view.bar);
    run_epoch(&screen, 1);
    assert_null(strchr(take(&screen), '\r'));
    close_screen(&screen);
    assert_int_equal(unsetenv("OMPI_COMM_WORLD_SIZE"), 0);
}

/* What is left is the chart's. */
static void quiet_prints_nothing(void **unused)
{
    (void)unused;
    struct screen screen;
    struct trainer_facts facts = some_facts();
    struct trainer_standing standing = standing_at(1, 8);
    open_screen(&screen, SETTINGS_PROGRESS_BAR, 1, 1);
    screen.settings.quiet = true;
    struct trainer_observer observer =
        progress_observer(&screen.view, screen.out, &screen.comm, &screen.settings);
    observer.begin(observer.context, &screen.settings, &facts);
    observer.epoch(observer.context, &standing);
    progress_close(&screen.view, false);
    assert_string_equal(take(&screen), "");
    assert_null(observer.sample);
    assert_null(observer.update);
    assert_null(observer.checkpoint);
    assert_null(observer.end);
    close_screen(&screen);
}

static void the_last_line_leaves_out_what_there_is_not(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 1, 0);
    screen.comm.size = 8;
    screen.observer.end(&screen.view,
                        &(struct trainer_result){.perplexity = 1.06, .tokens_per_second = 312840});
    assert_string_equal(take(&screen), "perplexity 1.1, 312840 tokens/s on 8 ranks\n");
    screen.observer.end(&screen.view, &(struct trainer_result){.perplexity = NAN, .tokens_per_second = 5});
    assert_string_equal(take(&screen), "5 tokens/s on 8 ranks\n");
    screen.observer.end(&screen.view,
                        &(struct trainer_result){.perplexity = INFINITY, .tokens_per_second = 5});
    assert_string_equal(take(&screen), "perplexity inf, 5 tokens/s on 8 ranks\n");
    screen.observer.end(&screen.view, &(struct trainer_result){.perplexity = 1e30, .tokens_per_second = 5});
    assert_string_equal(take(&screen), "perplexity 1.000e+30, 5 tokens/s on 8 ranks\n");
    close_screen(&screen);
}

static void samples_are_written_byte_by_byte(void **unused)
{
    (void)unused;
    struct screen screen;
    open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 1, 0);
    screen.observer.sample(screen.observer.context, "我有%s一剑, and more", strlen("我有%s一剑"));
    assert_string_equal(take(&screen), "我有%s一剑\n");
    close_screen(&screen);
}

/* Numbers that no run should have: a line all the same. */
static void absurd_numbers_do_no_harm(void **unused)
{
    (void)unused;
    static const double numbers[] = {0, -1, 1e308, INFINITY, -INFINITY, NAN};
    static const uint64_t counts[] = {1, UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t c = 0; c < 2; c++) {
            for (int progress = SETTINGS_PROGRESS_BAR; progress <= SETTINGS_PROGRESS_PLAIN; progress++) {
                struct screen screen;
                struct trainer_standing standing = {counts[c],  counts[c],  counts[c],  counts[c],
                                                    counts[c],  numbers[i], numbers[i], numbers[i],
                                                    numbers[i], numbers[i], numbers[i]};
                open_screen(&screen, progress, 1, 1);
                screen.observer.update(screen.observer.context, &standing);
                screen.observer.epoch(screen.observer.context, &standing);
                standing.updates_of_epoch = 0;
                screen.view.bar_shown_at = 0;
                screen.observer.update(screen.observer.context, &standing);
                assert_non_null(
                    strstr(take(&screen), counts[c] == 1 ? "epoch 1/1" : "epoch 1844674407370955"));
                close_screen(&screen);
            }
        }
    }
}

static void durations_are_hours_minutes_and_seconds(void **unused)
{
    (void)unused;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "00:00:00 left"},       {59.999, "00:00:59 left"}, {3600, "01:00:00 left"},
                 {360000, "100:00:00 left"}, {-5, "00:00:00 left"},     {NAN, "00:00:00 left"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen screen;
        struct trainer_standing standing = standing_at(1, 8);
        standing.left_seconds = cases[i].seconds;
        open_screen(&screen, SETTINGS_PROGRESS_PLAIN, 1, 0);
        screen.observer.epoch(screen.observer.context, &standing);
        assert_non_null(strstr(take(&screen), cases[i].text));
        close_screen(&screen);
    }
}

static int start_blis(void **unused)
{
    (void)unused;
    return blis_setup_start(&error) == STATUS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_tells_what_is_trained_on_what),
        cmocka_unit_test(the_header_of_a_resumed_run_says_from_where),
        cmocka_unit_test(the_header_names_the_optimizer),
        cmocka_unit_test(a_line_shows_the_validation),
        cmocka_unit_test(a_plain_line_comes_every_so_many_epochs),
        cmocka_unit_test(the_last_epoch_has_its_line_in_any_case),
        cmocka_unit_test(lines_within_an_epoch_come_every_so_many_updates),
        cmocka_unit_test(an_interval_has_one_line),
        cmocka_unit_test(plain_lines_move_no_cursor),
        cmocka_unit_test(a_bar_is_written_over_and_ends_with_the_run),
        cmocka_unit_test(other_lines_take_the_bar_away_first),
        cmocka_unit_test(reading_is_shown_when_it_takes_long),
        cmocka_unit_test(reading_has_a_bar_on_a_terminal),
        cmocka_unit_test(a_stop_while_reading_says_what_to_do),
        cmocka_unit_test(a_bar_is_never_wider_than_the_terminal),
        cmocka_unit_test(a_narrow_terminal_gets_whole_fields),
        cmocka_unit_test(auto_writes_no_bar_where_there_is_no_terminal),
        cmocka_unit_test(quiet_prints_nothing),
        cmocka_unit_test(the_last_line_leaves_out_what_there_is_not),
        cmocka_unit_test(samples_are_written_byte_by_byte),
        cmocka_unit_test(absurd_numbers_do_no_harm),
        cmocka_unit_test(durations_are_hours_minutes_and_seconds),
    };
    return cmocka_run_group_tests(tests, start_blis, NULL);
}
