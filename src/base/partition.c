#include "lstm_mpi/base/partition.h"

struct range partition_range(size_t items, size_t parts, size_t part)
{
    size_t whole = items / parts;
    size_t remainder = items % parts;
    size_t lower_with_one_more = part < remainder ? part : remainder;
    return (struct range){
        .first = part * whole + lower_with_one_more,
        .count = whole + (part < remainder ? 1 : 0),
    };
}
