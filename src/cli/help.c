#include "help.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { HELP_COLUMN = 28, NARROWEST = 50, USUAL_WIDTH = 80, WIDEST = 100, MANY_OPTIONS = 12 };

static const char flag_note[] = "--no- in front of a flag switches it off, as in --no-";
static const char other_options_help[] = "show this help";
static const char other_options_version[] = "show the version of the program and of its libraries";

int help_width(FILE *stream)
{
    struct winsize size;
    int descriptor = fileno(stream);
    if (descriptor < 0 || !isatty(descriptor) || ioctl(descriptor, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0)
        return USUAL_WIDTH;
    return size.ws_col < NARROWEST ? NARROWEST : size.ws_col > WIDEST ? WIDEST : size.ws_col;
}

/* The columns that UTF-8 text takes: two for a character of three or four bytes, which here are Chinese. */
static int columns_of(const char *text, size_t bytes)
{
    int columns = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xC0U) != 0x80U)
            columns += byte >= 0xE0U ? 2 : 1;
    }
    return columns;
}

/* A space where no line may break, in texts made here. */
enum { FIXED_SPACE = '\x1f' };

static void print_word(FILE *stream, const char *word, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        fputc(word[i] == FIXED_SPACE ? ' ' : word[i], stream);
}

/* Prints words from column `column` on, breaking lines before `width`; later lines begin at `indent`. */
static void print_wrapped(FILE *stream, const char *text, int column, int indent, int width)
{
    bool first = true;
    while (*text) {
        size_t bytes = strcspn(text, " ");
        int columns = columns_of(text, bytes);
        if (!first && column + 1 + columns > width) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', stream);
            column++;
        }
        print_word(stream, text, bytes);
        column += columns;
        first = false;
        text += bytes;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

static void print_entry(FILE *stream, const char *usage, const char *help, int width)
{
    int used = fprintf(stream, "  %s", usage);
    if (used + 2 > HELP_COLUMN) {
        fputc('\n', stream);
        used = 0;
    }
    fprintf(stream, "%*s", HELP_COLUMN - used, "");
    print_wrapped(stream, help, HELP_COLUMN, HELP_COLUMN, width);
}

void help_option_usage(char text[HELP_TEXT_BYTES], const struct settings_row *row)
{
    if (row->positional) {
        snprintf(text, HELP_TEXT_BYTES, "%s", row->argument);
        return;
    }
    size_t used = (size_t)snprintf(text, HELP_TEXT_BYTES, "--%s%s%s", row->name, row->argument ? " " : "",
                                   row->argument ? row->argument : "");
    for (size_t i = 0; row->choices && row->choices[i] && used < HELP_TEXT_BYTES; i++) {
        used += (size_t)snprintf(text + used, HELP_TEXT_BYTES - used, "%s%s", i == 0 ? " " : "|",
                                 row->choices[i]);
    }
}

/* The line of help, with what the row knows besides: "… (repeatable; default: X)". */
static void describe_option(char *text, size_t bytes, const struct settings_row *row,
                            enum settings_command command)
{
    const char *shown = settings_default_shown(row, command);
    bool repeatable = row->kind == SETTINGS_TEXTS && !row->positional;
    bool has_default = shown[0] != '\0';
    snprintf(text, bytes, "%s%s%s%s%s%s%s", settings_help(row, command),
             repeatable || has_default ? " (" : "", repeatable ? "repeatable" : "",
             repeatable && has_default ? "; " : "", has_default ? "default:\x1f" : "", shown,
             repeatable || has_default ? ")" : "");
}

/* An option is the command's own when train does not take it too. A short list shows those first. */
enum part { OWN_OPTIONS, SHARED_OPTIONS, ALL_OPTIONS };

static bool belongs(const struct settings_row *row, const struct command *command, enum part part)
{
    if (!(row->commands & command->settings))
        return false;
    bool own = !(row->commands & SETTINGS_TRAIN);
    return part == ALL_OPTIONS || own == (part == OWN_OPTIONS);
}

static size_t count_options(const struct command *command)
{
    size_t count = 0;
    for (size_t i = 0; i < settings_count; i++)
        count += belongs(&settings_table[i], command, ALL_OPTIONS);
    return count;
}

static const char *first_flag(const struct command *command)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (belongs(&settings_table[i], command, ALL_OPTIONS) && settings_table[i].kind == SETTINGS_FLAG)
            return settings_table[i].name;
    }
    return NULL;
}

/* What a printer of option lists supplies: --help and the manual page walk through them alike. */
struct list_style {
    void (*heading)(FILE *stream, const char *text, int width);
    void (*entry)(FILE *stream, const char *usage, const char *help, int width);
};

static void print_part(FILE *stream, const struct command *command, enum part part, bool grouped,
                       const struct list_style *style, int width)
{
    char usage[HELP_TEXT_BYTES];
    char help[2 * HELP_TEXT_BYTES];
    const char *group = NULL;
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        if (!belongs(row, command, part))
            continue;
        if (grouped && (!group || strcmp(row->group, group) != 0)) {
            group = row->group;
            style->heading(stream, group, width);
        }
        help_option_usage(usage, row);
        describe_option(help, sizeof help, row, command->settings);
        style->entry(stream, usage, help, width);
    }
}

static void print_options(FILE *stream, const struct command *command, const struct list_style *style,
                          int width)
{
    if (count_options(command) > MANY_OPTIONS) {
        print_part(stream, command, ALL_OPTIONS, true, style, width);
    } else {
        style->heading(stream, "Options", width);
        print_part(stream, command, OWN_OPTIONS, false, style, width);
        print_part(stream, command, SHARED_OPTIONS, false, style, width);
    }
    style->entry(stream, "-h, --help", other_options_help, width);
}

static void print_heading(FILE *stream, const char *text, int width)
{
    (void)width;
    fprintf(stream, "\n%s:\n", text);
}

static const struct list_style help_style = {.heading = print_heading, .entry = print_entry};

void help_print(FILE *stream, const struct command *table, int width)
{
    fputs("Usage: lstm_mpi [COMMAND] [OPTIONS]\n"
          "       mpirun -np RANKS lstm_mpi [COMMAND] [OPTIONS]\n\n",
          stream);
    print_wrapped(stream,
                  "Trains recurrent language models on many cores and many nodes, and lets them write.", 0, 0,
                  width);
    print_heading(stream, "Commands", width);
    for (const struct command *command = table; command->settings; command++)
        print_entry(stream, settings_command_name(command->settings), command->summary, width);
    print_heading(stream, "Options", width);
    print_entry(stream, "-h, --help",
                "show this help; lstm_mpi COMMAND --help shows the options of a command", width);
    print_entry(stream, "-V, --version", other_options_version, width);
    print_heading(stream, "Examples", width);
    for (const struct command *command = table; command->settings; command++)
        fprintf(stream, "  %s\n", command->example);
}

void help_print_command(FILE *stream, const struct command *command, int width)
{
    fprintf(stream, "Usage: lstm_mpi %s %s\n\n", settings_command_name(command->settings), command->synopsis);
    print_wrapped(stream, command->description, 0, 0, width);
    print_options(stream, command, &help_style, width);
    const char *flag = first_flag(command);
    if (flag) {
        char note[HELP_TEXT_BYTES];
        snprintf(note, sizeof note, "%s%s.", flag_note, flag);
        fputc('\n', stream);
        print_wrapped(stream, note, 0, 0, width);
    }
    fprintf(stream, "\nExample:\n  %s\n", command->example);
}

void help_print_version(FILE *stream, const char *const *libraries)
{
    fprintf(stream, "lstm_mpi %s\n", LSTM_MPI_VERSION);
    for (; *libraries; libraries++)
        fprintf(stream, "%s\n", *libraries);
}

/* Text for troff: no hyphens where minus signs are meant, no line that looks like a request. */
static void print_troff(FILE *stream, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stream);
    for (; *text; text++) {
        if (*text == '\\') {
            fputs("\\e", stream);
        } else if (*text == '-') {
            fputs("\\-", stream);
        } else if (*text == FIXED_SPACE) {
            fputs("\\ ", stream);
        } else {
            fputc(*text, stream);
        }
    }
}

static void print_troff_lines(FILE *stream, const char *before, const char *text, const char *after)
{
    fputs(before, stream);
    print_troff(stream, text);
    fputs(after, stream);
}

static void print_manual_heading(FILE *stream, const char *text, int width)
{
    (void)width;
    print_troff_lines(stream, ".SS ", text, "\n");
}

static void print_manual_entry(FILE *stream, const char *usage, const char *help, int width)
{
    (void)width;
    print_troff_lines(stream, ".TP\n\\fB", usage, "\\fR\n");
    print_troff_lines(stream, "", help, "\n");
}

static const struct list_style manual_style = {.heading = print_manual_heading, .entry = print_manual_entry};

static const char manual_head[] =
    ".TH LSTM_MPI 1 \"\" \"lstm_mpi " LSTM_MPI_VERSION "\" \"User Commands\"\n"
    ".SH NAME\n"
    "lstm_mpi \\- train recurrent language models on many cores and many nodes\n"
    ".SH SYNOPSIS\n"
    ".B lstm_mpi\n[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]\n.br\n"
    ".B mpirun \\-np\n\\fIRANKS\\fR\n.B lstm_mpi\n[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]\n"
    ".SH DESCRIPTION\n"
    "lstm_mpi trains a language model on a text, on all ranks that\n.BR mpirun (1)\nor\n.BR srun (1)\n"
    "started: each takes a share of every batch, and the gradients are summed over all of them. "
    "Without mpirun it runs on one rank. Without a command it trains.\n";

static const char manual_tail[] =
    ".SH CONFIGURATION FILE\n"
    "\\fB\\-\\-config\\fR \\fIFILE\\fR names a file of lines\n.IP\noption = value\n.PP\n"
    "with the long names of options, and comments after # or ;. Lines under a heading [\\fICOMMAND\\fR] are "
    "for that command alone. Options that can be repeated may stand several times; flags say true or false. "
    "The command line wins over the file; there, \\-\\-no\\- in front of a flag's name switches it off.\n"
    ".SH SIGNALS\n"
    "SIGUSR1, SIGTERM and SIGINT stop a training run after the update under way, with a checkpoint and exit "
    "status 75. Under mpirun, send SIGUSR1 to mpirun: after the other two it ends the ranks by itself within "
    "seconds, and returns 1.\n"
    ".SH FILES\n"
    ".TP\n\\fIRUN\\-DIR\\fR/checkpoint.h5\nThe newest complete checkpoint, an HDF5 file.\n"
    ".TP\n\\fIRUN\\-DIR\\fR/checkpoint\\-\\fIUPDATE\\fR.h5\nOlder ones, by their number of updates.\n"
    ".TP\n\\fIRUN\\-DIR\\fR/best.h5\nThe checkpoint with the best perplexity of the part that is held out.\n"
    ".TP\n\\fIRUN\\-DIR\\fR/metrics.h5\nThe history of the run, a row for every epoch.\n"
    ".SH ENVIRONMENT\n"
    ".TP\nBLIS_NUM_THREADS, OMP_NUM_THREADS\nThreads of a rank in BLIS, where it comes with threads; else "
    "1.\n"
    ".TP\nBLIS_ARCH_TYPE\nThe BLIS kernels to use. Unset, lstm_mpi picks what all ranks can run, "
    "or its own loops where they are faster.\n"
    ".TP\nLSTM_MPI_VECTOR_LEVEL\nbaseline, avx2 or avx512: the vector code, instead of the best that all "
    "ranks can run, if it is lower.\n"
    ".SH EXIT STATUS\n"
    ".TP\n0\nDone.\n"
    ".TP\n1\nSomething failed, or check found a fault; a line on standard error says what, and what to do.\n"
    ".TP\n2\nThe command line or the configuration file cannot be understood.\n"
    ".TP\n75\nStopped by a signal or by the clock; the checkpoint is written, and \\-\\-resume goes on from "
    "it.\n";

void help_print_manual(FILE *stream, const struct command *table)
{
    fputs(manual_head, stream);
    for (const struct command *command = table; command->settings; command++) {
        print_troff_lines(stream, ".SH COMMAND ", settings_command_name(command->settings), "\n");
        print_troff_lines(stream, ".B lstm_mpi ", settings_command_name(command->settings), "\n");
        print_troff_lines(stream, "", command->synopsis, "\n.PP\n");
        print_troff_lines(stream, "", command->description, "\n");
        print_options(stream, command, &manual_style, 0);
    }
    fputs(manual_tail, stream);
    fputs(".SH EXAMPLES\n.nf\n", stream);
    for (const struct command *command = table; command->settings; command++)
        print_troff_lines(stream, "", command->example, "\n");
    fputs(".fi\n.SH SEE ALSO\n.BR mpirun (1),\n.BR srun (1),\n.BR h5dump (1)\n", stream);
}
