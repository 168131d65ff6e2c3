#include "mpi_check.h"

#include <mpi.h>

enum status mpi_check(int code, const char *function, struct error *error)
{
    if (code == MPI_SUCCESS)
        return STATUS_OK;
    char words[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (MPI_Error_string(code, words, &length) != MPI_SUCCESS)
        words[0] = '\0';
    error_set(error, STATUS_FAILED, "%s failed", function);
    error->broke_communication = true;
    return words[0] ? error_why(error, "%s", words) : error_why(error, "MPI's error %d", code);
}
