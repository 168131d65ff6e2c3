#include "lstm_mpi/store/file_facts.h"

#include "file_format.h"
#include "lstm_mpi/base/memory.h"

#include <stdio.h>

static char *optional_text(struct h5 *h5, const char *name)
{
    return h5_has(h5, "/", name) ? h5_read_text(h5, "/", name) : NULL;
}

enum status file_facts_read(struct file_facts *facts, const char *path, struct error *error)
{
    struct h5 h5;
    *facts = (struct file_facts){0};
    h5_open(&h5, path, error);
    file_format_check(&h5);
    facts->format_version = h5_read_u64(&h5, "/", "format_version");
    facts->program_version = optional_text(&h5, "program_version");
    facts->created = optional_text(&h5, "created");
    facts->is_metrics = h5_exists(&h5, "/metrics") && !h5_exists(&h5, "/model");
    facts->has_progress = h5_exists(&h5, "/progress");
    facts->has_checksums = h5_exists(&h5, "/checksum");
    facts->bytes = h5_size(&h5);
    return h5_close(&h5);
}

void file_facts_free(struct file_facts *facts)
{
    memory_free(facts->program_version);
    memory_free(facts->created);
    *facts = (struct file_facts){0};
}

void file_facts_library(char text[FILE_FACTS_LIBRARY_BYTES])
{
    unsigned major = 0;
    unsigned minor = 0;
    unsigned release = 0;
    if (H5get_libversion(&major, &minor, &release) < 0)
        major = 0;
    snprintf(text, FILE_FACTS_LIBRARY_BYTES, "HDF5 %u.%u.%u", major, minor, release);
}
