#ifndef LSTM_MPI_STORE_JSON_TEXT_H
#define LSTM_MPI_STORE_JSON_TEXT_H

#include <jansson.h>

/* A text of any bytes, such as a path, as a JSON string: those that belong to no character become U+FFFD.
 * NULL for want of memory, on which jansson's functions fail. */
json_t *json_text(const char *bytes);

#endif
