/* manual FILE: writes the manual page, lstm_mpi(1), out of the tables of commands and settings. */

#include "help.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    FILE *stream = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (!stream) {
        perror(argc == 2 ? argv[1] : "manual FILE");
        return 1;
    }
    help_print_manual(stream, commands);
    if (fclose(stream) != 0) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
