#include "dataset_list.h"
#include "lstm_mpi/base/memory.h"

#include <stdio.h>
#include <string.h>

enum status dataset_list_add(struct dataset_list *list, const char *path, hid_t type, size_t element_bytes,
                             const size_t *dims, size_t dim_count, void *data, struct error *error)
{
    enum status status = STATUS_OK;
    TRY(memory_grow(&list->items, &list->capacity, list->count + 1, error));
    struct dataset *item = &list->items[list->count];
    *item = (struct dataset){.type = type, .dim_count = dim_count};
    snprintf(item->path, sizeof item->path, "%s", path);
    size_t elements = 1;
    for (size_t d = 0; d < dim_count; d++) {
        item->dims[d] = dims[d];
        elements *= dims[d];
    }
    item->bytes = elements * element_bytes;
    TRY(memory_allocate(&item->data, elements, element_bytes, error));
    memcpy(data, &item->data, sizeof item->data);
    list->count++;
done:
    return status;
}

void dataset_list_write(const struct dataset_list *list, struct h5 *h5)
{
    for (const struct dataset *item = list->items; item < list->items + list->count; item++) {
        h5_make_dataset(h5, item->path, item->type, item->dims, item->dim_count);
        if (item->bytes > 0)
            h5_write_all(h5, item->path, item->type, item->data);
    }
}

void dataset_list_free(struct dataset_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        memory_free(list->items[i].data);
    memory_free(list->items);
    *list = (struct dataset_list){0};
}
