#include "lstm_mpi/optim/clip.h"

double clip_factor(double norm, double max_norm)
{
    return max_norm > 0 && norm > max_norm ? max_norm / norm : 1;
}
