#include "inspect_csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A decimal that reads as the same number again, with no more digits than that needs. */
static void print_real(FILE *out, double value)
{
    char text[32];
    if (!isfinite(value))
        return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

static void print_value(FILE *out, const struct epoch_record *record, const struct history_column *column)
{
    const void *value = (const char *)record + column->offset;
    if (column->type == HISTORY_INT64)
        fprintf(out, "%" PRId64, *(const int64_t *)value);
    else
        print_real(out, *(const double *)value);
}

static void print_names(FILE *out, const struct history *history)
{
    for (size_t c = 0; c < history_column_count; c++)
        fprintf(out, "%s%s", c > 0 ? "," : "", history_columns[c].name);
    for (size_t rank = 0; rank < history->ranks; rank++)
        fprintf(out, ",rank_compute_seconds_%zu", rank);
    for (size_t rank = 0; rank < history->ranks; rank++)
        fprintf(out, ",rank_wait_seconds_%zu", rank);
    fputc('\n', out);
}

static void print_epoch(FILE *out, const struct history *history, size_t epoch)
{
    const struct rank_times *times = history->times + epoch * history->ranks;
    for (size_t c = 0; c < history_column_count; c++) {
        if (c > 0)
            fputc(',', out);
        print_value(out, &history->records[epoch], &history_columns[c]);
    }
    for (size_t rank = 0; rank < history->ranks; rank++) {
        fputc(',', out);
        print_real(out, times[rank].compute_seconds);
    }
    for (size_t rank = 0; rank < history->ranks; rank++) {
        fputc(',', out);
        print_real(out, times[rank].wait_seconds);
    }
    fputc('\n', out);
}

/* Space is quoted too: some readers drop it. */
static void print_text(FILE *out, const char *text)
{
    if (!strpbrk(text, "\",\r\n \t")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_vocabulary(FILE *out, const struct vocabulary *vocabulary)
{
    fputs("id,token,code_point,count\n", out);
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++) {
        fprintf(out, "%" PRIu32 ",", id);
        print_text(out, vocabulary_shown(vocabulary, id));
        fputc(',', out);
        if (vocabulary_has_code_points(vocabulary))
            fprintf(out, "%" PRIu32, vocabulary_code_point(vocabulary, id));
        fprintf(out, ",%" PRIu64 "\n", vocabulary_count(vocabulary, id));
    }
}

enum status inspect_csv(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                        struct error *error)
{
    const struct history *history = inspection->history;
    if (with_vocabulary) {
        print_vocabulary(out, inspection->vocabulary);
    } else {
        print_names(out, history);
        for (size_t epoch = 0; epoch < history->count; epoch++)
            print_epoch(out, history, epoch);
    }
    return ferror(out) ? error_set(error, STATUS_FAILED, "cannot show %s", inspection->path) : STATUS_OK;
}

static void print_shape(FILE *out, const struct tensor *tensor)
{
    for (size_t d = 0; tensor && d < tensor->dim_count; d++)
        fprintf(out, "%s%zu", d > 0 ? "x" : "", tensor->dims[d]);
    fputc(',', out);
}

/* What cannot be compared, or is not finite, is empty. */
static void print_compared(FILE *out, const struct compared_tensor *tensor)
{
    const double values[] = {tensor->most, tensor->most_relative, tensor->left_norm, tensor->right_norm,
                             tensor->difference_norm};
    print_text(out, tensor->path);
    fputc(',', out);
    print_shape(out, tensor->left);
    print_shape(out, tensor->right);
    if (tensor->compared)
        fprintf(out, "%" PRIu64, tensor->differing);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        fputc(',', out);
        if (tensor->compared)
            print_real(out, values[i]);
    }
    fputc('\n', out);
}

enum status inspect_csv_two(FILE *out, const struct comparison *comparison, bool with_vocabulary,
                            struct error *error)
{
    const struct comparison *two = comparison;
    if (with_vocabulary) {
        fputs("file,token\n", out);
        for (size_t i = 0; i < two->left_only_count; i++) {
            fputs("1,", out);
            print_text(out, vocabulary_shown(two->left->vocabulary, two->left_only[i]));
            fputc('\n', out);
        }
        for (size_t i = 0; i < two->right_only_count; i++) {
            fputs("2,", out);
            print_text(out, vocabulary_shown(two->right->vocabulary, two->right_only[i]));
            fputc('\n', out);
        }
    } else {
        fputs("path,left_shape,right_shape,differing,max_difference,max_relative_difference,left_norm,right_"
              "norm,"
              "difference_norm\n",
              out);
        for (size_t t = 0; t < two->tensor_count; t++)
            print_compared(out, &two->tensors[t]);
    }
    return ferror(out) ? error_set(error, STATUS_FAILED, "cannot show the comparison") : STATUS_OK;
}
