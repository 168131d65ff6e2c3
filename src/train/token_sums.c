/* Words are spread over the ranks by their hash. Each rank gets from all others their counts of its share,
 * adds them up, and drops what is too rare; what is left of all shares then goes to everyone. */

#include "token_sums.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/transfer.h"

/* The words of the share of the rank `distance` above this one go there, those of the rank as far below come.
 */
static enum status pass_words(struct token_counts *share, const struct token_counts *counts, int distance,
                              const struct comm *comm, struct error *error)
{
    enum status status;
    unsigned char *mine = NULL;
    unsigned char *theirs = NULL;
    size_t bytes;
    size_t theirs_bytes;
    size_t to = (size_t)((comm->rank + distance) % comm->size);
    TRY(agree_on_status(comm, token_counts_pack(counts, to, (size_t)comm->size, &mine, &bytes, error),
                        error));
    TRY(transfer_round(comm, distance, mine, bytes, &theirs, &theirs_bytes, error));
    TRY(agree_on_status(comm, token_counts_add_packed(share, theirs, theirs_bytes, error), error));
done:
    memory_free(mine);
    memory_free(theirs);
    return status;
}

static enum status gather_words(struct token_counts *all, const struct token_counts *share,
                                const struct comm *comm, struct error *error)
{
    enum status status;
    unsigned char *mine = NULL;
    unsigned char *packed = NULL;
    size_t bytes;
    size_t packed_bytes;
    TRY(agree_on_status(comm, token_counts_pack(share, 0, 1, &mine, &bytes, error), error));
    TRY(transfer_gather(comm, mine, bytes, &packed, &packed_bytes, error));
    TRY(agree_on_status(comm, token_counts_add_packed(all, packed, packed_bytes, error), error));
    all->unknown = share->unknown;
    TRY(comm_sum_u64(comm, &all->unknown, 1, error));
done:
    memory_free(mine);
    memory_free(packed);
    return status;
}

static enum status sum_words(struct token_counts *counts, const struct comm *comm, uint64_t least,
                             struct error *error)
{
    enum status status;
    struct token_rules rules = counts->rules;
    struct token_counts share = {0};
    TRY(agree_on_status(comm, token_counts_create(&share, &rules, error), error));
    for (int distance = 0; distance < comm->size; distance++)
        TRY(pass_words(&share, counts, distance, comm, error));
    token_counts_drop_rare(&share, least);
    token_counts_free(counts);
    TRY(agree_on_status(comm, token_counts_create(counts, &rules, error), error));
    TRY(gather_words(counts, &share, comm, error));
done:
    token_counts_free(&share);
    return status;
}

enum status token_sums_make(struct token_counts *counts, const struct comm *comm, uint64_t least,
                            struct error *error)
{
    enum status status = STATUS_OK;
    if (counts->words && comm->size > 1)
        return sum_words(counts, comm, least, error);
    TRY(comm_sum_u64(comm, counts->counts, counts->length, error));
    token_counts_drop_rare(counts, least);
done:
    return status;
}
