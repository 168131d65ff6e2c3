#include "touched_rows.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "support/failing_allocator.h"
#include "support/parallel.h"

#include <string.h>

static struct error error;

/* The inputs of a rank, which any other rank can tell too. */
static uint32_t input_at(uint64_t batch, int rank, size_t i, size_t vocabulary, size_t reach)
{
    return (uint32_t)random_below(batch, (uint64_t)rank, i, reach < vocabulary ? reach : vocabulary);
}

static void check_batch(struct touched_rows *touched, const struct comm *comm, uint64_t batch, size_t reach)
{
    size_t V = touched->vocabulary;
    uint32_t *inputs;
    unsigned char *expected;
    CHECK(memory_new(&inputs, touched->inputs, &error) == STATUS_OK);
    CHECK(memory_new(&expected, V, &error) == STATUS_OK);
    for (int worker = 0; worker < comm->workers; worker++) {
        for (size_t i = 0; i < touched->inputs; i++)
            expected[input_at(batch, worker, i, V, reach)] = 1;
    }
    for (size_t i = 0; i < touched->inputs; i++)
        inputs[i] = input_at(batch, comm->worker, i, V, reach);

    CHECK(touched_rows_find(touched, comm, inputs, &error) == STATUS_OK);
    size_t count = 0;
    for (uint32_t token = 0; token < V; token++) {
        if (expected[token]) {
            CHECK(count < touched->count && touched->tokens[count] == token);
            count++;
        }
    }
    CHECK(touched->count == count);
    for (size_t i = 0; i < touched->inputs; i++)
        CHECK(touched->row_of_input[i] < count && touched->tokens[touched->row_of_input[i]] == inputs[i]);
    memory_free(inputs);
    memory_free(expected);
}

/* Vocabularies around whole words of the bitmap, batches that touch little and all of them. */
static void test_union(const struct comm *comm)
{
    static const size_t vocabularies[] = {1, 2, 63, 64, 65, 128, 1000};
    static const size_t input_counts[] = {1, 7, 300};
    for (size_t v = 0; v < sizeof vocabularies / sizeof vocabularies[0]; v++) {
        for (size_t n = 0; n < sizeof input_counts / sizeof input_counts[0]; n++) {
            struct touched_rows touched;
            size_t inputs = input_counts[n];
            CHECK(touched_rows_create(&touched, vocabularies[v], inputs, inputs * (size_t)comm->workers,
                                      &error) == STATUS_OK);
            /* The last one has forgotten the tokens of those before it. */
            check_batch(&touched, comm, 1, SIZE_MAX);
            check_batch(&touched, comm, 2, SIZE_MAX);
            check_batch(&touched, comm, 3, 1);
            touched_rows_free(&touched);
        }
    }
}

/* Every worker has tokens of its own, the highest one among them. */
static void test_apart(const struct comm *comm)
{
    struct touched_rows touched;
    size_t size = (size_t)comm->workers;
    uint32_t inputs[2] = {(uint32_t)(70 * comm->worker), (uint32_t)(70 * comm->worker + 69)};
    CHECK(touched_rows_create(&touched, 70 * size, 2, 2 * size, &error) == STATUS_OK);
    CHECK(touched_rows_find(&touched, comm, inputs, &error) == STATUS_OK);
    CHECK(touched.count == 2 * size);
    for (size_t rank = 0; rank < size; rank++)
        CHECK(touched.tokens[2 * rank] == 70 * rank && touched.tokens[2 * rank + 1] == 70 * rank + 69);
    CHECK(touched.row_of_input[0] == 2 * (uint32_t)comm->worker);
    CHECK(touched.row_of_input[1] == 2 * (uint32_t)comm->worker + 1);
    touched_rows_free(&touched);
}

/* A part of the table, number by number. */
static void check_within(const struct touched_rows *touched, size_t row_size, struct range part)
{
    size_t before = 0;
    size_t within = 0;
    for (size_t i = 0; i < touched->count * row_size; i++) {
        size_t place = touched->tokens[i / row_size] * row_size + i % row_size;
        before += place < part.first;
        within += place >= part.first && place < part.first + part.count;
    }
    struct range found = touched_rows_within(touched, row_size, part);
    CHECK(found.count == within && (within == 0 || found.first == before));
}

/* Parts that begin and end within rows, touched ones and others, and beyond the table. */
static void test_parts(const struct comm *comm)
{
    enum { V = 9, ROW_SIZE = 3 };
    static const uint32_t inputs[][2] = {{0, 8}, {1, 1}, {3, 4}, {7, 5}};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        struct touched_rows touched;
        CHECK(touched_rows_create(&touched, V, 2, 2 * (size_t)comm->workers, &error) == STATUS_OK);
        CHECK(touched_rows_find(&touched, comm, inputs[i], &error) == STATUS_OK);
        for (size_t first = 0; first <= V * ROW_SIZE + 2; first++) {
            for (size_t count = 0; first + count <= V * ROW_SIZE + 2; count++)
                check_within(&touched, ROW_SIZE, (struct range){first, count});
        }
        touched_rows_free(&touched);
    }
}

static void test_without_memory(const struct comm *comm)
{
    (void)comm;
    struct touched_rows touched;
    for (long allocations = 0; allocations < 4; allocations++) {
        failing_allocator_after(allocations);
        CHECK(touched_rows_create(&touched, 100, 10, 10, &error) == STATUS_FAILED);
        CHECK(!touched.tokens && !touched.bitmap);
    }
    failing_allocator_after(-1);
}

static void test(const struct comm *comm)
{
    if (!comm_is_worker(comm))
        return;
    test_union(comm);
    test_apart(comm);
    test_parts(comm);
    test_without_memory(comm);
}

int main(void)
{
    return parallel_run(test);
}
