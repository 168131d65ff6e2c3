/* print_options FIELDS|COMMAND: what check_options.py compares. FIELDS prints the field of every row of
 * settings_table[], the name of a command the rows of its table of options in Markdown. */

#include "help.h"

#include <stdio.h>
#include <string.h>

/* A | in a cell would end it. */
static void print_cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void print_row(const struct settings_row *row, enum settings_command command)
{
    char usage[HELP_TEXT_BYTES];
    help_option_usage(usage, row);
    const char *shown = row->kind == SETTINGS_FLAG ? "off" : settings_default_shown(row, command);
    fputs("| `", stdout);
    print_cell(usage);
    fputs(row->kind == SETTINGS_TEXTS && !row->positional ? "` (repeatable) | " : "` | ", stdout);
    print_cell(shown);
    fputs(shown[0] ? " | " : "| ", stdout);
    print_cell(settings_help(row, command));
    fputs(" |\n", stdout);
}

int main(int argc, char **argv)
{
    const char *wanted = argc == 2 ? argv[1] : "";
    int printed = 0;
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        if (strcmp(wanted, "FIELDS") == 0)
            printed += puts(row->field) >= 0;
        for (unsigned bit = 1; bit < SETTINGS_EVERY_COMMAND; bit <<= 1) {
            enum settings_command command = (enum settings_command)bit;
            if ((row->commands & bit) && strcmp(wanted, settings_command_name(command)) == 0) {
                print_row(row, command);
                printed++;
            }
        }
    }
    return printed > 0 ? 0 : 2;
}
