#include "panel_functions.h"

const struct panel_functions *panel_functions_in_use(void)
{
    static const struct panel_functions *const levels[] = VECTOR_LEVELS_ARRAY(panel_functions);
    return levels[vector_level_in_use()];
}
