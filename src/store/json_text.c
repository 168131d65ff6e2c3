#include "lstm_mpi/store/json_text.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/text/utf8.h"

json_t *json_text(const char *bytes)
{
    char *repaired;
    struct error error;
    if (utf8_repair(&repaired, bytes, &error) != STATUS_OK)
        return NULL;
    json_t *value = json_string(repaired);
    memory_free(repaired);
    return value;
}
