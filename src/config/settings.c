#include "lstm_mpi/config/settings.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/model_spec.h"
#include "lstm_mpi/text/batches.h"
#include "lstm_mpi/text/tokenizer.h"

#include <string.h>

/* clang-format off */
#define KIND_OF(field)                             \
    _Generic((field),                              \
             uint64_t: SETTINGS_WHOLE,             \
             int64_t: SETTINGS_WHOLE_OR_RANDOM,    \
             double: SETTINGS_REAL,                \
             char *: SETTINGS_TEXT,                \
             struct text_list: SETTINGS_TEXTS,     \
             bool: SETTINGS_FLAG,                  \
             int: SETTINGS_CHOICE)

/* A row's field, with the kind that follows from its type. */
#define FIELD(name)                                  \
    .field = #name,                                  \
    .kind = KIND_OF(((struct settings *)NULL)->name), \
    .offset = offsetof(struct settings, name)
/* clang-format on */

/* Whole numbers go into files as signed ones, and products of a few sizes must not overflow. */
#define LARGEST ((uint64_t)INT64_MAX)
enum { LARGEST_ROWS = INT32_MAX, LARGEST_HIDDEN = 1 << 24 };

static const char *const init_choices[] = {
    [SETTINGS_INIT_NORMAL] = "normal", [SETTINGS_INIT_UNIFORM] = "uniform", NULL};
static const char *const bias_choices[] = {
    [SETTINGS_BIAS_SINGLE] = "single", [SETTINGS_BIAS_DOUBLE] = "double", NULL};
static const char *const optimizer_choices[] = {
    [SETTINGS_OPTIMIZER_SGD] = "sgd", [SETTINGS_OPTIMIZER_ADAM] = "adam", NULL};
static const char *const progress_choices[] = {[SETTINGS_PROGRESS_AUTO] = "auto",
                                               [SETTINGS_PROGRESS_BAR] = "bar",
                                               [SETTINGS_PROGRESS_PLAIN] = "plain",
                                               NULL};
static const char *const format_choices[] = {
    [SETTINGS_FORMAT_TEXT] = "text", [SETTINGS_FORMAT_JSON] = "json", [SETTINGS_FORMAT_CSV] = "csv", NULL};

static const char data[] = "Data and batches";
static const char model[] = "Model";
static const char optimization[] = "Optimization";
static const char duration[] = "How long";
static const char run[] = "Run directory and checkpoints";
static const char output[] = "What is shown";
static const char other[] = "Other";

const struct settings_row settings_table[] = {
    {
        FIELD(corpus),
        .name = "corpus",
        .default_shown = "the built-in corpus",
        .group = data,
        .argument = "FILE",
        .help = "text in UTF-8; several files are read as one, in their order",
        .commands = SETTINGS_TRAIN | SETTINGS_EVALUATE,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(token),
        .name = "token",
        .choices = tokenizer_names,
        .group = data,
        .help = "what a token is: a Unicode code point, a byte of any file, or a word: a segment by UAX #29, "
                "white space included",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(lowercase),
        .name = "lowercase",
        .group = data,
        .help = "make letters small, in every script that has them, before tokens are cut",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(drop_newlines),
        .name = "drop-newlines",
        .group = data,
        .help = "leave out U+000A and U+000D before tokens are cut",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(min_freq),
        .name = "min-freq",
        .default_text = "1",
        .least = 1,
        .most = LARGEST,
        .group = data,
        .argument = "N",
        .help = "tokens that occur less often become <unk>",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(max_tokens),
        .name = "max-tokens",
        .default_text = "10000",
        .most = LARGEST,
        .group = data,
        .argument = "N",
        .help = "tokens of the corpus that are trained on, from its start; 0: all",
        .elsewhere = {{SETTINGS_EVALUATE,
                       .help = "tokens of the corpus that are evaluated, from its start; 0: all",
                       .default_shown = "all"}},
        .commands = SETTINGS_TRAIN | SETTINGS_EVALUATE,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(valid_fraction),
        .name = "valid-fraction",
        .default_text = "0",
        .below = 1,
        .group = data,
        .argument = "F",
        .help = "the last part of these is held out; its perplexity is shown, and the best weights by it are "
                "kept in best.h5",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(batch_size),
        .name = "batch-size",
        .default_text = "32",
        .least = 1,
        .most = LARGEST_ROWS,
        .group = data,
        .argument = "N",
        .help = "rows of the global batch, over all ranks",
        .elsewhere = {{SETTINGS_EVALUATE, .help = "rows that the text is cut into, over all ranks"},
                      {SETTINGS_CHECK, .default_shown = "4, or as many as ranks"}},
        .commands = SETTINGS_TRAIN | SETTINGS_EVALUATE | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(num_steps),
        .name = "num-steps",
        .default_text = "35",
        .least = 1,
        .most = LARGEST_ROWS,
        .group = data,
        .argument = "N",
        .help = "time steps of truncated back-propagation",
        .elsewhere = {{SETTINGS_CHECK, .default_shown = "5"}},
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(sampling),
        .name = "sampling",
        .choices = sampling_names,
        .group = data,
        .help = "how batches are cut from the corpus: rows that are read on from update to update, or "
                "shuffled pieces",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(start_offset),
        .name = "start-offset",
        .default_text = "random",
        .most = LARGEST,
        .group = data,
        .argument = "N|random",
        .help = "token at which the batches start; random is drawn anew every epoch",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(cell),
        .name = "cell",
        .choices = cell_names,
        .group = model,
        .help = "the recurrent cell: long short-term memory, gated recurrent unit, or a plain tanh",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(hidden_size),
        .name = "hidden-size",
        .default_text = "256",
        .least = 1,
        .most = LARGEST_HIDDEN,
        .group = model,
        .argument = "N",
        .help = "units of the hidden state, in each layer and direction",
        .elsewhere = {{SETTINGS_CHECK, .default_shown = "16"}},
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(num_layers),
        .name = "num-layers",
        .default_text = "1",
        .least = 1,
        .most = MODEL_MAX_LAYERS,
        .group = model,
        .argument = "N",
        .help = "recurrent layers on top of each other",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(bidirectional),
        .name = "bidirectional",
        .group = model,
        .help = "a second direction in every layer, from the last step of an update to the first",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(embedding_size),
        .name = "embedding-size",
        .default_text = "0",
        .default_shown = "none",
        .most = LARGEST_HIDDEN,
        .group = model,
        .argument = "N",
        .help = "numbers of a learned vector for each token, which go into the first layer; 0: none, a token "
                "selects a row of the first layer's W_x",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(tie_weights),
        .name = "tie-weights",
        .group = model,
        .help = "the output layer's weights are the embedding; embedding-size must be hidden-size",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(dropout),
        .name = "dropout",
        .default_text = "0",
        .default_shown = "off",
        .below = 1,
        .group = model,
        .argument = "P",
        .help =
            "chance of each number between layers, and before the output layer, to be left out in training",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(bias),
        .name = "bias",
        .choices = bias_choices,
        .group = model,
        .help = "single: one bias vector in a cell; double: two, as torch.nn has them",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
        .shapes_model = true,
    },
    {
        FIELD(init),
        .name = "init",
        .choices = init_choices,
        .group = model,
        .help = "normal: weights drawn from N(0, 0.01²), biases 0; uniform: all as PyTorch's modules do",
        .elsewhere = {{SETTINGS_CHECK, .default_shown = "uniform"}},
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(init_from),
        .name = "init-from",
        .group = model,
        .argument = "FILE",
        .help = "begin with the weights and vocabulary of a checkpoint, all else fresh",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(optimizer),
        .name = "optimizer",
        .choices = optimizer_choices,
        .group = optimization,
        .help = "sgd: stochastic gradient descent; adam: steps that adapt to each weight, and want an lr "
                "such as 0.001",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(momentum),
        .name = "momentum",
        .default_text = "0",
        .group = optimization,
        .argument = "X",
        .help = "sgd: what each step keeps of the one before",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(weight_decay),
        .name = "weight-decay",
        .default_text = "0",
        .group = optimization,
        .argument = "X",
        .help = "so many times each weight is added to its gradient, after the clip",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(lr),
        .name = "lr",
        .default_text = "1",
        .default_shown = "1.0",
        .lowest_excluded = true,
        .group = optimization,
        .argument = "X",
        .help = "learning rate",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(lr_decay),
        .name = "lr-decay",
        .default_text = "1",
        .default_shown = "1 (off)",
        .lowest_excluded = true,
        .group = optimization,
        .argument = "X",
        .help = "the learning rate is multiplied by it at the end of every epoch",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(lr_decay_after),
        .name = "lr-decay-after",
        .default_text = "0",
        .most = LARGEST,
        .group = optimization,
        .argument = "N",
        .help = "the end of epoch N is the first at which the learning rate decays",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(lr_plateau),
        .name = "lr-plateau",
        .default_text = "1",
        .default_shown = "1 (off)",
        .lowest_excluded = true,
        .group = optimization,
        .argument = "X",
        .help = "the learning rate is multiplied by it after a log interval without a better validation "
                "perplexity, and training goes on from the best weights",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(lr_warmup),
        .name = "lr-warmup",
        .default_text = "0",
        .most = LARGEST,
        .group = optimization,
        .argument = "N",
        .help = "updates over which the learning rate grows to its full size: update K of them has K/N of it",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(clip_norm),
        .name = "clip-norm",
        .default_text = "1",
        .default_shown = "1.0",
        .group = optimization,
        .argument = "X",
        .help = "largest norm of the gradient of all weights together; 0: off",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(seed),
        .name = "seed",
        .default_text = "1",
        .most = UINT64_MAX,
        .group = optimization,
        .argument = "N",
        .help = "everything random comes from it",
        .commands = SETTINGS_TRAIN | SETTINGS_GENERATE | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(rank_invariant),
        .name = "rank-invariant",
        .group = optimization,
        .help = "bit for bit the same numbers for every number of ranks, wherever they are",
        .commands = SETTINGS_TRAIN | SETTINGS_CHECK,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(epochs),
        .name = "epochs",
        .default_text = "1000",
        .least = 1,
        .most = LARGEST,
        .group = duration,
        .argument = "N",
        .help = "in all, those before a resume included",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(max_updates),
        .name = "max-updates",
        .default_text = "0",
        .default_shown = "off",
        .most = LARGEST,
        .group = duration,
        .argument = "N",
        .help = "stop after so many updates in all, with a checkpoint; 0: off",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(max_minutes),
        .name = "max-minutes",
        .default_text = "0",
        .default_shown = "off",
        .group = duration,
        .argument = "X",
        .help =
            "stop by the clock of this start, with a checkpoint and exit status 75: for the time limit of "
            "a job; 0: off",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(patience),
        .name = "patience",
        .default_text = "0",
        .default_shown = "off",
        .most = LARGEST,
        .group = duration,
        .argument = "N",
        .help = "stop after N log intervals without a better validation perplexity; 0: off",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_FIXED,
        .stored = true,
    },
    {
        FIELD(run_dir),
        .name = "run-dir",
        .default_text = "runs/lstm",
        .group = run,
        .argument = "DIR",
        .help = "everything that the run writes is in it",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_OF_THIS_START,
        .stored = true,
    },
    {
        FIELD(resume),
        .name = "resume",
        .group = run,
        .help = "go on from the newest good checkpoint in the run directory; start afresh if there is no "
                "checkpoint at all",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_OF_THIS_START,
        .stored = true,
    },
    {
        FIELD(overwrite),
        .name = "overwrite",
        .group = run,
        .help = "allow a run directory that already holds a run, and begin it anew",
        .elsewhere = {{SETTINGS_IMPORT, .help = "write over a file that is there already"},
                      {SETTINGS_EXPORT, .help = "write over a file that is there already"}},
        .commands = SETTINGS_TRAIN | SETTINGS_EXPORT | SETTINGS_IMPORT,
        .on_resume = SETTINGS_OF_THIS_START,
        .stored = true,
    },
    {
        FIELD(checkpoint_every),
        .name = "checkpoint-every",
        .default_text = "100",
        .most = LARGEST,
        .group = run,
        .argument = "N",
        .help = "epochs between checkpoints, besides those at the start, at the end and on a signal; 0: off",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(checkpoint_every_minutes),
        .name = "checkpoint-every-minutes",
        .default_text = "10",
        .group = run,
        .argument = "X",
        .help = "minutes between checkpoints, whichever comes first; 0: off",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(keep),
        .name = "keep",
        .default_text = "2",
        .most = LARGEST,
        .group = run,
        .argument = "N",
        .help = "older checkpoints kept beside the newest",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(stall_timeout),
        .name = "stall-timeout",
        .default_text = "600",
        .group = run,
        .argument = "SECONDS",
        .help = "an update that takes longer ends the run with an error that names the ranks and hosts that "
                "are late, and so does a checkpoint or a sample; 0: off, for work in a debugger",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(prefix),
        .name = "prefix",
        .default_text = "你是\n我有一剑",
        .default_shown = "你是, 我有一剑",
        .group = output,
        .argument = "TEXT",
        .help = "text that a sample goes on from",
        .elsewhere = {{SETTINGS_GENERATE, .default_shown = "the first that the model was trained with"}},
        .commands = SETTINGS_TRAIN | SETTINGS_GENERATE,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(predict_length),
        .name = "predict-length",
        .default_text = "30",
        .most = LARGEST,
        .group = output,
        .argument = "N",
        .help = "tokens of a sample after its prefix; 0: no samples",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(log_every),
        .name = "log-every",
        .default_text = "10",
        .least = 1,
        .most = LARGEST,
        .group = output,
        .argument = "N",
        .help = "epochs between log lines; metrics.h5 gets a row for every epoch",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(log_every_updates),
        .name = "log-every-updates",
        .default_text = "0",
        .default_shown = "off",
        .most = LARGEST,
        .group = output,
        .argument = "N",
        .help = "updates between log lines within an epoch, for large corpora; 0: off",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(progress),
        .name = "progress",
        .choices = progress_choices,
        .group = output,
        .help = "auto: a bar where the output ends on a terminal, else plain lines",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(quiet),
        .name = "quiet",
        .group = output,
        .help = "nothing on standard output",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(visdom),
        .name = "visdom",
        .default_text = SETTINGS_VISDOM_OFF,
        .group = output,
        .argument = "URL",
        .help = "a live chart of the perplexity on this visdom server, such as http://localhost:8097",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(visdom_env),
        .name = "visdom-env",
        .default_text = "main",
        .group = output,
        .argument = "NAME",
        .help = "the environment of the visdom server that the chart is in",
        .commands = SETTINGS_TRAIN,
        .on_resume = SETTINGS_MAY_DIFFER,
        .stored = true,
    },
    {
        FIELD(checkpoint),
        .name = "checkpoint",
        .group = other,
        .argument = "FILE",
        .help = "the file of the model",
        .elsewhere = {{SETTINGS_IMPORT, .help = "the file to write"},
                      {SETTINGS_CHECK, .help = "the file of a model to test instead of a fresh one"}},
        .commands =
            SETTINGS_GENERATE | SETTINGS_EVALUATE | SETTINGS_EXPORT | SETTINGS_IMPORT | SETTINGS_CHECK,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(length),
        .name = "length",
        .default_text = "200",
        .most = LARGEST,
        .group = other,
        .argument = "N",
        .help = "tokens to generate after the prefix: characters, bytes or words",
        .commands = SETTINGS_GENERATE,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(count),
        .name = "count",
        .default_text = "1",
        .least = 1,
        .most = UINT32_MAX,
        .group = other,
        .argument = "N",
        .help = "samples to write, each another one; between two stands a line with nothing but a form feed",
        .commands = SETTINGS_GENERATE,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(prefix_file),
        .name = "prefix-file",
        .group = other,
        .argument = "FILE",
        .help = "a file that the text begins with, all of it but a newline at its end; -: standard input",
        .commands = SETTINGS_GENERATE,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(temperature),
        .name = "temperature",
        .default_text = "0",
        .default_shown = "greedy",
        .group = other,
        .argument = "X",
        .help = "below 1 likely tokens become likelier, above 1 unlikely ones; 0: greedy, always the "
                "likeliest",
        .commands = SETTINGS_GENERATE,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(top_k),
        .name = "top-k",
        .default_text = "0",
        .default_shown = "off",
        .most = LARGEST,
        .group = other,
        .argument = "N",
        .help = "choose among the N likeliest tokens only; 0: off",
        .commands = SETTINGS_GENERATE,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(top_p),
        .name = "top-p",
        .default_text = "1",
        .default_shown = "1 (off)",
        .lowest_excluded = true,
        .group = other,
        .argument = "X",
        .help = "choose among the likeliest tokens only, as few as together have at least this chance",
        .commands = SETTINGS_GENERATE,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(per_line),
        .name = "per-line",
        .group = other,
        .help =
            "every line by itself, behind a newline: print its log-probability (natural), its own newline "
            "included",
        .commands = SETTINGS_EVALUATE,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(runs),
        .name = "runs",
        .group = other,
        .argument = "RUN_DIR",
        .help = "a run directory; several are shown side by side",
        .commands = SETTINGS_REPORT,
        .positional = true,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(output),
        .name = "output",
        .default_shown = "standard output; report.html where that is a terminal",
        .group = other,
        .argument = "FILE",
        .help = "where the page goes",
        .commands = SETTINGS_REPORT,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(safetensors),
        .name = "safetensors",
        .group = other,
        .argument = "FILE.safetensors",
        .help = "the file to write",
        .elsewhere = {{SETTINGS_IMPORT, .help = "the file of the model, a PyTorch state_dict"}},
        .commands = SETTINGS_EXPORT | SETTINGS_IMPORT,
        .positional = true,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(vocabulary_from),
        .name = "vocabulary-from",
        .group = other,
        .argument = "FILE",
        .help = "a checkpoint whose vocabulary the model has, instead of what the file says of it",
        .commands = SETTINGS_IMPORT,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(files),
        .name = "files",
        .group = other,
        .argument = "FILE",
        .help = "a checkpoint, a metrics.h5, or a run directory; two checkpoints are compared",
        .commands = SETTINGS_INSPECT,
        .positional = true,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(format),
        .name = "format",
        .choices = format_choices,
        .group = other,
        .help = "text for people, the others for programs",
        .commands = SETTINGS_INSPECT,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(vocabulary),
        .name = "vocabulary",
        .group = other,
        .help = "list the vocabulary with its counts",
        .commands = SETTINGS_INSPECT,
        .on_resume = SETTINGS_OF_THIS_START,
    },
    {
        FIELD(config),
        .name = "config",
        .group = other,
        .argument = "FILE",
        .help = "read options from an INI file, whose keys are their long names; the command line wins",
        .commands = SETTINGS_EVERY_COMMAND,
        .on_resume = SETTINGS_OF_THIS_START,
    },
};
const size_t settings_count = sizeof settings_table / sizeof *settings_table;

_Static_assert(sizeof settings_table / sizeof *settings_table <= SETTINGS_CAPACITY,
               "struct settings has too few places in `given`");

/* How a command speaks of a row, where it has words of its own. */
static const struct settings_wording *find_wording(const struct settings_row *row,
                                                   enum settings_command command)
{
    for (size_t i = 0; i < SETTINGS_WORDINGS; i++) {
        if (row->elsewhere[i].command == command)
            return &row->elsewhere[i];
    }
    return NULL;
}

const char *settings_help(const struct settings_row *row, enum settings_command command)
{
    const struct settings_wording *wording = find_wording(row, command);
    return wording && wording->help ? wording->help : row->help;
}

const char *settings_default_shown(const struct settings_row *row, enum settings_command command)
{
    const struct settings_wording *wording = find_wording(row, command);
    return wording && wording->default_shown ? wording->default_shown
           : row->default_shown              ? row->default_shown
           : row->default_text               ? row->default_text
           : row->choices                    ? row->choices[0]
                                             : "";
}

const char *settings_command_name(enum settings_command command)
{
    switch (command) {
    case SETTINGS_TRAIN:
        return "train";
    case SETTINGS_GENERATE:
        return "generate";
    case SETTINGS_INSPECT:
        return "inspect";
    case SETTINGS_EXPORT:
        return "export";
    case SETTINGS_IMPORT:
        return "import";
    case SETTINGS_REPORT:
        return "report";
    case SETTINGS_EVALUATE:
        return "evaluate";
    case SETTINGS_CHECK:
        return "check";
    case SETTINGS_EVERY_COMMAND:
        break;
    }
    return NULL;
}

enum status settings_defaults(struct settings *settings, struct error *error)
{
    enum status status = STATUS_OK;
    *settings = (struct settings){0};
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        if (row->default_text)
            TRY(settings_text_set(settings, row, row->default_text, row->name, error));
    }
done:
    return status;
}

static void free_texts(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        memory_free(list->items[i]);
    memory_free(list->items);
}

void settings_free(struct settings *settings)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        void *value = (char *)settings + row->offset;
        if (row->kind == SETTINGS_TEXT) {
            memory_free(*(char **)value);
        } else if (row->kind == SETTINGS_TEXTS) {
            free_texts(value);
        }
    }
    *settings = (struct settings){0};
}

const struct settings_row *settings_find(const char *name)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (strcmp(settings_table[i].name, name) == 0 || strcmp(settings_table[i].field, name) == 0)
            return &settings_table[i];
    }
    return NULL;
}

const void *settings_value(const struct settings *settings, const struct settings_row *row)
{
    return (const char *)settings + row->offset;
}

bool settings_given(const struct settings *settings, const char *name)
{
    const struct settings_row *row = settings_find(name);
    return row && settings->given[row - settings_table];
}

static bool equal_texts(const struct text_list *a, const struct text_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

bool settings_equal(const struct settings *a, const struct settings *b, const struct settings_row *row)
{
    const void *left = settings_value(a, row);
    const void *right = settings_value(b, row);
    switch (row->kind) {
    case SETTINGS_WHOLE:
        return *(const uint64_t *)left == *(const uint64_t *)right;
    case SETTINGS_WHOLE_OR_RANDOM:
        return *(const int64_t *)left == *(const int64_t *)right;
    case SETTINGS_REAL:
        return *(const double *)left == *(const double *)right;
    case SETTINGS_FLAG:
        return *(const bool *)left == *(const bool *)right;
    case SETTINGS_CHOICE:
        return *(const int *)left == *(const int *)right;
    case SETTINGS_TEXTS:
        return equal_texts(left, right);
    case SETTINGS_TEXT:
        break;
    }
    const char *left_text = *(char *const *)left;
    const char *right_text = *(char *const *)right;
    return left_text && right_text ? strcmp(left_text, right_text) == 0 : left_text == right_text;
}
