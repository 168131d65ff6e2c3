#ifndef LSTM_MPI_BASE_ERROR_H
#define LSTM_MPI_BASE_ERROR_H

/* Errors are values: made where they happen, passed up untouched, printed once, in cli_main. */

#include <stdbool.h>

/* What a function returns, and what the process exits with. */
enum status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,    /* the command line or the configuration file cannot be understood */
    STATUS_STOPPED = 75, /* stopped on a signal or by the clock; the checkpoint is written (EX_TEMPFAIL) */
};

enum { ERROR_TEXT_BYTES = 512 };

/* Fixed-size texts: making an error cannot fail, and it travels between ranks as bytes. */
struct error {
    enum status status;
    bool short_of_memory;
    bool broke_communication; /* this rank left a collective half-way: the others may wait for it */
    bool not_judged;          /* it is about a file that may be good: another version could read it */
    char what[ERROR_TEXT_BYTES];
    char why[ERROR_TEXT_BYTES];
    char remedy[ERROR_TEXT_BYTES];
};

/* Begins an error: its status and what failed; the other two texts become empty. Returns `status`.
 * A text that is too long is cut at a character border. */
enum status error_set(struct error *error, enum status status, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds why it failed. Returns the error's status. */
enum status error_why(struct error *error, const char *why, ...) __attribute__((format(printf, 2, 3)));

/* Adds what the user can do about it. Returns the error's status. */
enum status error_remedy(struct error *error, const char *remedy, ...) __attribute__((format(printf, 2, 3)));

/* error_set with STATUS_FAILED, the text of an errno value as the reason, and what usually helps against it.
 */
enum status error_system(struct error *error, int error_number, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

enum { ERROR_LINE_BYTES = 3 * ERROR_TEXT_BYTES + 16 };

/* Writes "WHAT: WHY (WHAT TO DO)" without a newline, leaving out the parts that are empty. */
void error_line(char line[ERROR_LINE_BYTES], const struct error *error);

/* For functions with one way out: `enum status status` and the label `done` are theirs. */
#define TRY(call)                \
    do {                         \
        status = (call);         \
        if (status != STATUS_OK) \
            goto done;           \
    } while (0)

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
