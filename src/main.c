/* Starts the ranks, runs the command, prints its error once, finishes the ranks. */

#include "lstm_mpi/cli/cli.h"

int main(int argc, char **argv)
{
    return (int)cli_main(argc, (const char **)argv);
}
