#include "operations.h"

#include "lstm_mpi/model/cell.h"

double operations_per_token(const struct model_spec *spec)
{
    double H = (double)spec->hidden_size;
    double G = (double)spec->cell->gates * H;
    double multiplications = (double)model_width(spec) * (double)spec->vocabulary_size;
    for (size_t layer = 0; layer < spec->num_layers; layer++) {
        double in = (double)model_input_width(spec, layer);
        multiplications += (double)model_directions(spec) * (in + H) * G;
    }
    return 3 * 2 * multiplications;
}
