#include "arguments.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_check.h"
#include "lstm_mpi/config/settings_file.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/config/suggestion.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What popt returns for an option: the place of its row in settings_table[], from 1 on; for the --no- form
 * of a flag, which popt_options writes too, so much more; or one of these. */
enum { NEGATED = 1000, HELP = 2000, VERSION };

/* A value on the command line. popt is done before any is taken, for --config comes before all others. */
struct occurrence {
    const struct settings_row *row;
    char *text; /* owned */
};

struct parser {
    const struct command *command;
    bool named; /* the command was */
    struct poptOption *options;
    char (*negated_names)[64];
    struct occurrence *occurrences;
    size_t count;
    size_t capacity;
    poptContext context;
};

static bool is_option_of(const struct settings_row *row, const struct command *command)
{
    return (row->commands & command->settings) && !row->positional;
}

static enum status unknown_command(const struct command *table, const char *typed, struct error *error)
{
    struct suggestion near = suggestion_begin(typed);
    for (const struct command *command = table; command->settings; command++)
        suggestion_consider(&near, settings_command_name(command->settings));
    error_set(error, STATUS_USAGE, "command '%s'", typed);
    error_why(error, "there is no such command");
    if (near.word)
        return error_remedy(error, "did you mean %s?", near.word);
    return error_remedy(error, "see lstm_mpi --help");
}

static enum status unknown_option(const struct command *command, const char *typed, struct error *error)
{
    const char *name = typed + strspn(typed, "-");
    const char *command_name = settings_command_name(command->settings);
    struct suggestion near = suggestion_begin(name);
    suggestion_consider(&near, "help");
    suggestion_consider(&near, "version");
    for (size_t i = 0; i < settings_count; i++) {
        if (is_option_of(&settings_table[i], command))
            suggestion_consider(&near, settings_table[i].name);
    }
    error_set(error, STATUS_USAGE, "option %s", typed);
    error_why(error, "%s has no such option", command_name);
    if (near.word)
        return error_remedy(error, "did you mean --%s?", near.word);
    const struct settings_row *row = settings_find(name);
    if (row && !row->positional) {
        for (unsigned bit = 1; bit < SETTINGS_EVERY_COMMAND; bit <<= 1) {
            if (row->commands & bit) {
                return error_remedy(error, "it belongs to lstm_mpi %s",
                                    settings_command_name((enum settings_command)bit));
            }
        }
    }
    return error_remedy(error, "see lstm_mpi %s --help", command_name);
}

static enum status build_options(struct parser *parser, struct error *error)
{
    enum status status = STATUS_OK;
    static const size_t help_version_end = 3;
    TRY(memory_new(&parser->options, 2 * settings_count + help_version_end, error));
    TRY(memory_new(&parser->negated_names, settings_count, error));
    struct poptOption *next = parser->options;
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        if (!is_option_of(row, parser->command))
            continue;
        bool flag = row->kind == SETTINGS_FLAG;
        *next++ = (struct poptOption){
            .longName = row->name, .argInfo = flag ? POPT_ARG_NONE : POPT_ARG_STRING, .val = (int)i + 1};
        if (flag) {
            snprintf(parser->negated_names[i], sizeof parser->negated_names[i], "no-%s", row->name);
            *next++ = (struct poptOption){
                .longName = parser->negated_names[i], .argInfo = POPT_ARG_NONE, .val = (int)i + 1 + NEGATED};
        }
    }
    *next++ = (struct poptOption){.longName = "help", .shortName = 'h', .val = HELP};
    *next++ = (struct poptOption){.longName = "version", .shortName = 'V', .val = VERSION};
done:
    return status;
}

static enum status popt_failed(const struct parser *parser, int code, struct error *error)
{
    char typed[ERROR_TEXT_BYTES];
    snprintf(typed, sizeof typed, "%s", poptBadOption(parser->context, POPT_BADOPTION_NOALIAS));
    char *equals = strchr(typed, '=');
    if (equals)
        *equals = '\0';
    if (code == POPT_ERROR_BADOPT)
        return unknown_option(parser->command, typed, error);
    error_set(error, STATUS_USAGE, "option %s", typed);
    if (code == POPT_ERROR_NOARG) {
        error_why(error, "its value is missing");
        return error_remedy(error, "write %s VALUE or %s=VALUE", typed, typed);
    }
    if (code == POPT_ERROR_UNWANTEDARG) {
        const char *name = typed + strspn(typed, "-");
        error_why(error, "it takes no value");
        if (!settings_find(name)) /* --no-NAME, or --help */
            return error_remedy(error, "write %s alone", typed);
        return error_remedy(error, "write %s, or --no-%s to switch it off", typed, name);
    }
    return error_why(error, "%s", poptStrerror(code));
}

static enum status keep_occurrence(struct parser *parser, const struct settings_row *row, const char *text,
                                   struct error *error)
{
    enum status status = STATUS_OK;
    TRY(memory_grow(&parser->occurrences, &parser->capacity, parser->count + 1, error));
    struct occurrence *occurrence = &parser->occurrences[parser->count];
    TRY(memory_copy_text(&occurrence->text, text, error));
    occurrence->row = row;
    parser->count++;
done:
    return status;
}

static enum status keep_option(struct parser *parser, int value, struct error *error)
{
    bool negated = value > NEGATED;
    const struct settings_row *row = &settings_table[value - (negated ? NEGATED : 0) - 1];
    if (row->kind == SETTINGS_FLAG)
        return keep_occurrence(parser, row, negated ? "false" : "true", error);
    char *text = poptGetOptArg(parser->context);
    enum status status = keep_occurrence(parser, row, text ? text : "", error);
    free(text);
    return status;
}

static enum status keep_positional(struct parser *parser, const char *text, struct error *error)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (settings_table[i].positional && (settings_table[i].commands & parser->command->settings))
            return keep_occurrence(parser, &settings_table[i], text, error);
    }
    error_set(error, STATUS_USAGE, "argument '%s'", text);
    error_why(error, "%s takes options only", settings_command_name(parser->command->settings));
    if (parser->named) {
        return error_remedy(error, "see lstm_mpi %s --help",
                            settings_command_name(parser->command->settings));
    }
    return error_remedy(error, "a command stands in front of all options");
}

static enum status run_popt(struct parser *parser, struct arguments *arguments, struct error *error)
{
    enum status status = STATUS_OK;
    int value;
    while ((value = poptGetNextOpt(parser->context)) > 0) {
        if (value == HELP || value == VERSION) {
            arguments->request = value == VERSION ? ARGUMENTS_VERSION
                                 : parser->named  ? ARGUMENTS_COMMAND_HELP
                                                  : ARGUMENTS_HELP;
            return STATUS_OK;
        }
        TRY(keep_option(parser, value, error));
    }
    if (value < -1)
        return popt_failed(parser, value, error);
    for (const char *text; (text = poptGetArg(parser->context));)
        TRY(keep_positional(parser, text, error));
done:
    return status;
}

static enum status read_config(const struct parser *parser, struct settings *settings, struct error *error)
{
    const char *path = NULL;
    for (size_t i = 0; i < parser->count; i++) {
        if (strcmp(parser->occurrences[i].row->name, "config") == 0)
            path = parser->occurrences[i].text;
    }
    if (!path || path[0] == '\0')
        return STATUS_OK;
    return settings_file_read(settings, path, parser->command->settings, error);
}

static enum status give_all(const struct parser *parser, struct settings *settings, struct error *error)
{
    enum status status = STATUS_OK;
    /* A list from the command line replaces that of the file, as if the file had not given it. */
    for (size_t i = 0; i < parser->count; i++)
        settings->given[parser->occurrences[i].row - settings_table] = false;
    for (size_t i = 0; i < parser->count; i++) {
        const struct occurrence *occurrence = &parser->occurrences[i];
        char origin[ERROR_TEXT_BYTES];
        if (occurrence->row->positional) {
            snprintf(origin, sizeof origin, "command %s", settings_command_name(parser->command->settings));
        } else {
            snprintf(origin, sizeof origin, "option --%s", occurrence->row->name);
        }
        TRY(settings_text_give(settings, occurrence->row, occurrence->text, origin, error));
    }
done:
    return status;
}

static void free_parser(struct parser *parser)
{
    for (size_t i = 0; i < parser->count; i++)
        memory_free(parser->occurrences[i].text);
    memory_free(parser->occurrences);
    poptFreeContext(parser->context);
    memory_free(parser->negated_names);
    memory_free(parser->options);
}

static const struct command *find_command(const struct command *table, const char *name)
{
    for (; table->settings; table++) {
        if (strcmp(settings_command_name(table->settings), name) == 0)
            return table;
    }
    return NULL;
}

enum status arguments_parse(struct arguments *arguments, const struct command *table, int argc,
                            const char **argv, struct error *error)
{
    enum status status = STATUS_OK;
    *arguments = (struct arguments){.request = ARGUMENTS_RUN, .command = table};
    struct parser parser = {.named = argc > 1 && argv[1][0] != '-'};
    if (parser.named) {
        arguments->command = find_command(table, argv[1]);
        if (!arguments->command)
            return unknown_command(table, argv[1], error);
        argc--;
        argv++;
    }
    parser.command = arguments->command;
    TRY(settings_defaults(&arguments->settings, error));
    TRY(build_options(&parser, error));
    parser.context = poptGetContext("lstm_mpi", argc, argv, parser.options, 0);
    if (!parser.context) {
        status = error_set(error, STATUS_FAILED, "out of memory");
        goto done;
    }
    TRY(run_popt(&parser, arguments, error));
    if (arguments->request != ARGUMENTS_RUN)
        goto done;
    TRY(read_config(&parser, &arguments->settings, error));
    TRY(give_all(&parser, &arguments->settings, error));
    TRY(settings_check(&arguments->settings, parser.command->settings, error));
done:
    free_parser(&parser);
    return status;
}

void arguments_free(struct arguments *arguments)
{
    settings_free(&arguments->settings);
}
