#ifndef LSTM_MPI_CONFIG_SETTINGS_H
#define LSTM_MPI_CONFIG_SETTINGS_H

/* Every option of every command: its value in struct settings, and all that is known of it in its row of
 * settings_table[]. From the row follow parsing, the key in a configuration file, --help, the manual page,
 * error texts, the attribute in a checkpoint's /config, and the check on --resume.
 *
 * To add an option, add a field, named as the long option with _ for -, and a row. */

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_list {
    char **items;
    size_t count;
    size_t capacity;
};

/* Values of the settings that offer a choice: the places in their rows' `choices`. Those of the others are in
 * a room below, as the places in a table or as an enum. */
enum { SETTINGS_BIAS_SINGLE, SETTINGS_BIAS_DOUBLE };
enum { SETTINGS_PROGRESS_AUTO, SETTINGS_PROGRESS_BAR, SETTINGS_PROGRESS_PLAIN };
enum { SETTINGS_FORMAT_TEXT, SETTINGS_FORMAT_JSON, SETTINGS_FORMAT_CSV };

/* The value of start_offset for `random`: drawn anew every epoch. */
#define START_OFFSET_RANDOM ((int64_t)-1)

/* The value of visdom for no chart. */
#define SETTINGS_VISDOM_OFF "off"

enum { SETTINGS_CAPACITY = 128 };

/* The type of a field is the kind of its setting: uint64_t a whole number, int64_t a whole number or
 * `random`, double, char * a text (NULL: none), struct text_list an option that can be repeated, bool a flag,
 * int a choice. The struct owns its texts: settings_free. */
struct settings {
    /* train: data */
    struct text_list corpus; /* empty: the built-in corpus */
    int token;               /* index of tokenizers[] */
    bool drop_newlines;
    bool lowercase;
    uint64_t min_freq;
    uint64_t max_tokens;   /* 0: all */
    double valid_fraction; /* 0: nothing is held out */
    uint64_t batch_size;
    uint64_t num_steps;
    int sampling; /* enum sampling */
    int64_t start_offset;

    /* train: model */
    int cell; /* the place in cells[] */
    uint64_t hidden_size;
    uint64_t num_layers;
    bool bidirectional;
    uint64_t embedding_size; /* 0: none */
    bool tie_weights;
    double dropout;
    int bias;
    int init; /* the place in initializers[] */
    char *init_from;

    /* train: optimization */
    int optimizer; /* the place in optimizers[] */
    double momentum;
    double weight_decay;
    double lr;
    double lr_decay;
    uint64_t lr_decay_after;
    double lr_plateau; /* 1: off */
    uint64_t lr_warmup;
    double clip_norm; /* 0: off */
    uint64_t seed;    /* generate too */
    bool rank_invariant;

    /* train: how long */
    uint64_t epochs;
    uint64_t max_updates; /* 0: off */
    double max_minutes;   /* 0: off */
    uint64_t patience;    /* 0: off */

    /* train: the run and its checkpoints */
    char *run_dir;
    bool resume;
    bool overwrite;
    uint64_t checkpoint_every;       /* 0: off */
    double checkpoint_every_minutes; /* 0: off */
    uint64_t keep;
    double stall_timeout; /* seconds; 0: off */

    /* train: what is shown */
    struct text_list prefix; /* generate too */
    uint64_t predict_length; /* 0: no samples */
    uint64_t log_every;
    uint64_t log_every_updates; /* 0: off */
    int progress;
    bool quiet;
    char *visdom; /* SETTINGS_VISDOM_OFF: none */
    char *visdom_env;

    /* generate */
    char *checkpoint;
    char *prefix_file; /* "-": standard input; NULL: none */
    uint64_t length;
    uint64_t count;     /* samples */
    double temperature; /* 0: greedy */
    uint64_t top_k;     /* 0: off */
    double top_p;       /* 1: off */

    /* evaluate */
    bool per_line;

    /* report */
    struct text_list runs;
    char *output;

    /* export and import */
    struct text_list safetensors;
    char *vocabulary_from;

    /* inspect */
    struct text_list files;
    int format;
    bool vocabulary;

    /* every command */
    char *config;

    /* Which settings the user gave, by their place in settings_table[]: settings_given(). */
    bool given[SETTINGS_CAPACITY];
};

/* The commands that take settings, as bits. */
enum settings_command {
    SETTINGS_TRAIN = 1 << 0,
    SETTINGS_GENERATE = 1 << 1,
    SETTINGS_INSPECT = 1 << 2,
    SETTINGS_EXPORT = 1 << 3,
    SETTINGS_IMPORT = 1 << 4,
    SETTINGS_REPORT = 1 << 5,
    SETTINGS_EVALUATE = 1 << 6,
    SETTINGS_CHECK = 1 << 7,
    SETTINGS_EVERY_COMMAND = SETTINGS_TRAIN | SETTINGS_GENERATE | SETTINGS_INSPECT | SETTINGS_EXPORT |
                             SETTINGS_IMPORT | SETTINGS_REPORT | SETTINGS_EVALUATE | SETTINGS_CHECK,
};

enum settings_kind {
    SETTINGS_WHOLE,           /* uint64_t */
    SETTINGS_WHOLE_OR_RANDOM, /* int64_t, START_OFFSET_RANDOM for `random` */
    SETTINGS_REAL,            /* double */
    SETTINGS_TEXT,            /* char *, owned; NULL: none */
    SETTINGS_TEXTS,           /* struct text_list, owned */
    SETTINGS_FLAG,            /* bool */
    SETTINGS_CHOICE,          /* int: the place in `choices` */
};

/* What becomes of a setting when a run is resumed from a checkpoint. Those of all kinds but the first are
 * attributes of its /config. */
enum settings_on_resume {
    SETTINGS_NOT_STORED,    /* nothing: it is no setting of a run */
    SETTINGS_FIXED,         /* the checkpoint's value; a given one that differs is an error */
    SETTINGS_MAY_DIFFER,    /* a given value wins over the checkpoint's */
    SETTINGS_OF_THIS_START, /* the checkpoint's value means nothing to another start */
};

/* What a command says of a setting in other words than train, or than all others, and its default where that
 * is another; NULL: the same. */
struct settings_wording {
    enum settings_command command;
    const char *help;
    const char *default_text;
    const char *default_shown;
};

enum { SETTINGS_WORDINGS = 2 };

struct settings_row {
    const char *name;           /* the long option: "batch-size" */
    const char *field;          /* the field, and the attribute in /config: "batch_size" */
    size_t offset;              /* of the field in struct settings */
    const char *default_text;   /* as settings_text_set takes it; NULL: 0, off, none, or the first choice */
    const char *default_shown;  /* what --help says of the default; NULL: default_text itself */
    uint64_t least, most;       /* of a whole number */
    double lowest;              /* of a real number, which is finite */
    double below;               /* of a real number: what it must be less than; 0: no such bound */
    const char *const *choices; /* ends with NULL */
    const char *group;          /* the heading in --help */
    const char *argument;       /* FILE, N, X, …; NULL for flags, and for choices, which are listed */
    const char *help;           /* one line, in lower case, without a full stop */
    struct settings_wording elsewhere[SETTINGS_WORDINGS];
    enum settings_kind kind;
    unsigned commands; /* bits of enum settings_command */
    enum settings_on_resume on_resume;
    bool lowest_excluded;
    bool positional;   /* stands on the command line without its name */
    bool shapes_model; /* with --init-from, not given, it comes from that file */
};

extern const struct settings_row settings_table[];
extern const size_t settings_count;

/* "train" for SETTINGS_TRAIN; NULL for what is not one command. */
const char *settings_command_name(enum settings_command command);

/* What the help of a command says of a row, and of its default: "" where that is none. Views. */
const char *settings_help(const struct settings_row *row, enum settings_command command);
const char *settings_default_shown(const struct settings_row *row, enum settings_command command);

/* Fills `settings` with the defaults of a command. Fails only for want of memory; settings_free is safe in
 * any case. */
MUST_CHECK enum status settings_defaults(struct settings *settings, enum settings_command command,
                                         struct error *error);

/* Frees what the settings hold, not the struct; an all-zero struct is fine, and left behind. */
void settings_free(struct settings *settings);

/* The row of a long option ("batch-size") or of an attribute ("batch_size"); NULL where there is none. */
const struct settings_row *settings_find(const char *name);

/* Where the value of a row lies, for its kind's type. A view. */
const void *settings_value(const struct settings *settings, const struct settings_row *row);

/* Did the user give this setting, on the command line or in a configuration file? False for no such name. */
bool settings_given(const struct settings *settings, const char *name);

/* Do both hold the same value of this row? */
bool settings_equal(const struct settings *a, const struct settings *b, const struct settings_row *row);

#endif
