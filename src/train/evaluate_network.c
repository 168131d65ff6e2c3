#include "evaluate_network.h"

#include "lstm_mpi/base/memory.h"

enum status evaluate_network_create(struct evaluate_network *network, const struct evaluate_spec *spec,
                                    size_t rows, struct error *error)
{
    enum status status;
    *network = (struct evaluate_network){0};
    TRY(memory_new(&network->memory, packed_weights_floats(spec->model), error));
    TRY(packed_weights_place(&network->packed, spec->model, spec->weights, network->memory, error));
    packed_weights_pack(&network->packed, 0, 1);
    TRY(model_create(&network->model, spec->model, &network->packed, rows, spec->num_steps, error));
done:
    return status;
}

void evaluate_network_free(struct evaluate_network *network)
{
    model_destroy(network->model);
    memory_free(network->memory);
    *network = (struct evaluate_network){0};
}
