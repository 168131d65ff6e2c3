#include "config_digest.h"

#include "lstm_mpi/base/digest.h"

#include <string.h>

static const char group[] = "/checksum";
static const char attribute[] = "config";

/* Those of 64 KiB and more lie in a file by themselves, without a checksum. */
enum { LONG_BYTES = 1 << 15 };

static void add(struct h5 *h5, const char *name, const char *text, void *context)
{
    (void)h5;
    uint64_t *sum = context;
    size_t bytes = strlen(text);
    if (bytes <= LONG_BYTES)
        return;
    const uint64_t pair[] = {digest_of(name, strlen(name)), digest_of(text, bytes)};
    *sum += digest_of(pair, sizeof pair);
}

/* In any order; 0: there are none. */
static uint64_t digest_now(struct h5 *h5)
{
    uint64_t sum = 0;
    h5_read_attributes(h5, "/config", add, &sum);
    return sum;
}

void config_digest_put(struct h5 *h5)
{
    uint64_t digest = digest_now(h5);
    if (digest != 0)
        h5_put_u64(h5, group, attribute, digest);
}

void config_digest_verify(struct h5 *h5)
{
    if (!h5_exists(h5, group) || !h5_has(h5, group, attribute))
        return;
    if (h5_read_u64(h5, group, attribute) != digest_now(h5))
        h5_fail(h5, "its settings are damaged: their digest is another one");
}
