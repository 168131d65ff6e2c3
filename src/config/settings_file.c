#include "lstm_mpi/config/settings_file.h"

#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/config/suggestion.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

/* inih cuts long lines, names and headings without a word, and reads an indented line as more of the value
 * above. So its lines come from next_line, which tells the first and never indents one. */
struct reader {
    FILE *stream;
    const char *path;
    size_t line;
    struct settings *settings;
    struct settings *others; /* values for other commands, only to check them */
    enum settings_command command;
    enum status status;
    struct error *error;
};

static void fail_at_line(struct reader *reader, const char *why, const char *remedy)
{
    reader->status = error_set(reader->error, STATUS_USAGE, "%s, line %zu", reader->path, reader->line);
    error_why(reader->error, "%s", why);
    error_remedy(reader->error, "%s", remedy);
}

/* inih cuts a comment behind white space where it begins with ;, and this one with #. */
static void cut_comment(char *line)
{
    for (char *at = line; *at; at++) {
        if (at > line && at[0] == '#' && strchr(" \t\v\f", at[-1])) {
            *at = '\0';
            return;
        }
    }
}

/* Reads one line into `line` and moves it to the left border. After an error the text seems to end. */
static char *next_line(char *line, int size, void *context)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    struct reader *reader = context;
    if (reader->status != STATUS_OK)
        return NULL;
    int used = 0;
    int byte = EOF;
    while (used < size - 1 && (byte = getc(reader->stream)) != EOF) {
        line[used++] = (char)byte;
        if (byte == '\n' || byte == '\0')
            break;
    }
    line[used] = '\0';
    if (used == 0)
        return NULL;
    reader->line++;
    if (byte == '\0') {
        fail_at_line(reader, "there is a zero byte", "give a text file");
        return NULL;
    }
    if (byte != '\n' && byte != EOF && (byte = getc(reader->stream)) != EOF) {
        ungetc(byte, reader->stream);
        fail_at_line(reader, "the line is too long", "give this option on the command line");
        return NULL;
    }
    const char *text = line;
    if (reader->line == 1 && strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0)
        text += strlen(byte_order_mark);
    text += strspn(text, " \t\v\f");
    memmove(line, text, strlen(text) + 1);
    cut_comment(line);
    return line;
}

/* The command of a heading; every command above the first one; 0: no such command. */
static unsigned commands_of(const char *section)
{
    if (section[0] == '\0')
        return SETTINGS_EVERY_COMMAND;
    for (unsigned bit = 1; bit < SETTINGS_EVERY_COMMAND; bit <<= 1) {
        if (strcmp(settings_command_name((enum settings_command)bit), section) == 0)
            return bit;
    }
    return 0;
}

static void refuse_name(struct reader *reader, unsigned commands, const char *section, const char *name)
{
    char why[ERROR_TEXT_BYTES];
    char remedy[ERROR_TEXT_BYTES] = "see lstm_mpi COMMAND --help for the options";
    struct suggestion near = suggestion_begin(name);
    for (size_t i = 0; i < settings_count; i++) {
        if (!settings_table[i].positional && (settings_table[i].commands & commands))
            suggestion_consider(&near, settings_table[i].name);
    }
    if (near.word)
        snprintf(remedy, sizeof remedy, "did you mean %s?", near.word);
    snprintf(why, sizeof why, "'%s' is not an option%s%s", name, section[0] ? " of " : "", section);
    fail_at_line(reader, why, remedy);
}

static int take_setting(void *context, const char *section, const char *name, const char *value)
{
    struct reader *reader = context;
    char why[ERROR_TEXT_BYTES];
    unsigned commands = commands_of(section);
    if (!commands) {
        snprintf(why, sizeof why, "it stands under [%s], which is not a command", section);
        fail_at_line(reader, why, "use a command's name as heading, or none");
        return 0;
    }
    const struct settings_row *row = settings_find(name);
    if (!row || strcmp(row->name, name) != 0 || row->positional || !(row->commands & commands)) {
        refuse_name(reader, commands, section, name);
        return 0;
    }
    if (strcmp(name, "config") == 0) {
        fail_at_line(reader, "a configuration file cannot name another one",
                     "give --config on the command line");
        return 0;
    }
    char origin[ERROR_TEXT_BYTES];
    snprintf(origin, sizeof origin, "%s, line %zu, %s", reader->path, reader->line, name);
    bool mine = commands & row->commands & reader->command;
    reader->status =
        settings_text_give(mine ? reader->settings : reader->others, row, value, origin, reader->error);
    return reader->status == STATUS_OK;
}

static enum status cannot_read(const char *path, int error_number, struct error *error)
{
    error_system(error, error_number, "configuration file %s", path);
    error->status = STATUS_USAGE;
    return error_remedy(error, "give --config the path of a text file");
}

/* inih says no more of a line that it cannot understand than its number. */
static void refuse_line(struct reader *reader, size_t line)
{
    reader->line = line;
    fail_at_line(reader, "it is neither a comment, a [heading] nor a setting", "write long-option = value");
}

enum status settings_file_read(struct settings *settings, const char *path, enum settings_command command,
                               struct error *error)
{
    struct settings others = {0};
    FILE *stream = fopen(path, "r");
    if (!stream)
        return cannot_read(path, errno, error);
    struct reader reader = {.stream = stream,
                            .path = path,
                            .settings = settings,
                            .others = &others,
                            .command = command,
                            .status = STATUS_OK,
                            .error = error};
    errno = 0;
    int first_bad_line = ini_parse_stream(next_line, &reader, take_setting, &reader);
    if (ferror(stream)) {
        reader.status = cannot_read(path, errno, error);
    } else if (first_bad_line < 0) {
        reader.status = error_set(error, STATUS_FAILED, "out of memory");
    } else if (first_bad_line > 0 && (reader.status == STATUS_OK || (size_t)first_bad_line < reader.line)) {
        refuse_line(&reader, (size_t)first_bad_line);
    }
    settings_free(&others);
    fclose(stream);
    return reader.status;
}
