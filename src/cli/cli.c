#include "lstm_mpi/cli/cli.h"

#include "arguments.h"
#include "help.h"
#include "lstm_mpi/base/log.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/store/file_facts.h"
#include "lstm_mpi/train/stop.h"
#include "message.h"

#include <errno.h>
#include <stdio.h>

static void print_warning(void *unused, const char *line)
{
    (void)unused;
    message_warning(line);
}

static void print_version(void)
{
    const struct blis_setup *setup = blis_setup_in_use();
    char blis[128];
    char mpi[COMM_LIBRARY_BYTES];
    char hdf5[FILE_FACTS_LIBRARY_BYTES];
    snprintf(blis, sizeof blis, "BLIS %s, %s, %s kernels", setup->version, setup->threading,
             setup->configuration);
    comm_library(mpi);
    file_facts_library(hdf5);
    help_print_version(stdout, (const char *const[]){blis, mpi, hdf5, NULL});
}

static void print_request(const struct arguments *arguments)
{
    switch (arguments->request) {
    case ARGUMENTS_HELP:
        help_print(stdout, commands, help_width(stdout));
        break;
    case ARGUMENTS_COMMAND_HELP:
        help_print_command(stdout, arguments->command, help_width(stdout));
        break;
    case ARGUMENTS_VERSION:
        print_version();
        break;
    case ARGUMENTS_RUN:
        break;
    }
}

static enum status flush_output(struct error *error)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_OK;
    return error_system(error, errno, "cannot write to standard output");
}

static enum status run(const struct comm *comm, int argc, const char **argv, struct error *error)
{
    enum status status;
    struct arguments arguments = {0};
    TRY(agree_on_status(comm, arguments_parse(&arguments, commands, argc, argv, error), error));
    if (arguments.request != ARGUMENTS_RUN || !arguments.command->stops_on_signals)
        stop_release_signals();
    if (arguments.request == ARGUMENTS_RUN)
        TRY(arguments.command->run(comm, &arguments.settings, error));
    else if (comm->rank == 0)
        print_request(&arguments);
    TRY(agree_on_status(comm, flush_output(error), error));
done:
    arguments_free(&arguments);
    return status;
}

/* With threads, BLIS multiplies what is not packed, while the ranks of a host share what is. */
static enum status refuse_threads_on_some_ranks(const struct comm *comm, struct error *error)
{
    bool threaded = blis_setup_in_use()->threads > 1;
    uint64_t on_any[] = {threaded, !threaded};
    enum status status = comm_or_u64(comm, on_any, 2, error);
    if (status != STATUS_OK || !on_any[0] || !on_any[1])
        return status;
    error_set(error, STATUS_FAILED, "BLIS has threads on some ranks, and none on others");
    error_why(error, "BLIS_NUM_THREADS or OMP_NUM_THREADS is not the same for all of them");
    return error_remedy(error, "set it for all ranks or for none");
}

/* All ranks compute alike, on whatever hosts they are: a mixture of vector levels would round differently. */
static enum status start_blis(const struct comm *comm, const struct blis_offer *mine, struct error *error)
{
    enum status status;
    uint64_t of_any[] = {~mine->levels, ~mine->configurations, mine->preferred, !mine->own_loops};
    TRY(comm_or_u64(comm, of_any, 4, error));
    struct blis_offer common = {~of_any[0], ~of_any[1], of_any[2], !of_any[3]};
    TRY(agree_on_status(comm, blis_setup_start_common(&common, error), error));
    TRY(refuse_threads_on_some_ranks(comm, error));
done:
    return status;
}

enum status cli_main(int argc, const char **argv)
{
    struct error error = {0};
    struct error start_error;
    struct comm comm = {.size = 1};
    struct blis_offer offer;
    /* Which command it is turns out later. Until then a signal waits, so that none is lost on the way to the
     * first checkpoint. */
    enum status setup_status = stop_on_signals(&error);
    if (setup_status == STATUS_OK)
        setup_status = blis_setup_offer(&offer, &error);
    if (setup_status == STATUS_OK)
        setup_status = comm_check_environment(&error);
    enum status status = comm_start(&comm, &start_error);
    if (status != STATUS_OK) {
        message_error(&start_error);
        comm_abort(&comm, status);
    }
    if (comm.rank == 0)
        log_set_sink(print_warning, NULL);
    /* An error of the set-up waits for the ranks, so that it is printed once. */
    status = agree_on_status(&comm, setup_status, &error);
    if (status == STATUS_OK)
        status = start_blis(&comm, &offer, &error);
    if (status == STATUS_OK)
        status = run(&comm, argc, argv, &error);
    if (status != STATUS_OK && error.broke_communication) {
        message_error(&error);
        comm_abort(&comm, status);
    }
    if (comm.rank == 0 && status != STATUS_OK && error.what[0])
        message_error(&error);
    comm_finish(&comm);
    return status;
}
