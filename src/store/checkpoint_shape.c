#include "lstm_mpi/store/checkpoint_shape.h"

#include <stdio.h>

static bool has(const struct checkpoint *checkpoint, const char *path)
{
    return checkpoint_find(checkpoint, path) != NULL;
}

static size_t dim_of(const struct checkpoint *checkpoint, const char *path, size_t d)
{
    const struct tensor *tensor = checkpoint_find(checkpoint, path);
    return tensor && d < tensor->dim_count ? tensor->dims[d] : 0;
}

static size_t count_layers(const struct checkpoint *checkpoint)
{
    char path[TENSOR_PATH_BYTES];
    for (size_t layer = 0;; layer++) {
        snprintf(path, sizeof path, "/model/layer%zu/W_h", layer);
        if (!has(checkpoint, path))
            return layer;
    }
}

struct checkpoint_shape checkpoint_shape_of(const struct checkpoint *checkpoint)
{
    size_t hidden = dim_of(checkpoint, "/model/layer0/W_h", 0);
    return (struct checkpoint_shape){
        .hidden = hidden,
        .gates = hidden > 0 ? dim_of(checkpoint, "/model/layer0/W_h", 1) / hidden : 0,
        .layers = count_layers(checkpoint),
        .vocabulary = dim_of(checkpoint, "/model/output/b", 0),
        .embedding = dim_of(checkpoint, "/model/embedding/W", 1),
        .bidirectional = has(checkpoint, "/model/layer0/reverse/W_h"),
        .double_bias = has(checkpoint, "/model/layer0/b_h"),
        .tied = !has(checkpoint, "/model/output/W"),
    };
}
