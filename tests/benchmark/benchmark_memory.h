#ifndef TESTS_BENCHMARK_MEMORY_H
#define TESTS_BENCHMARK_MEMORY_H

/* Memory of this process as Linux counts it, in bytes; NaN where it does not tell. */

/* What it takes now, pages that it shares with others too; from now on the peak counts anew. */
double benchmark_memory_reset_peak(void);

/* The most that it took. */
double benchmark_memory_peak(void);

/* Its share of what it takes now: of a page that n processes use, each has the n-th part. Added up over all
 * of them this is the memory that they take. */
double benchmark_memory_share(void);

#endif
