#include "lstm_mpi/linalg/blis_setup.h"

#include "kernel_trial.h"
#include "lstm_mpi/linalg/vector_level.h"
#include "product_kernel.h"

#include <blis.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* BLIS's configurations for x86-64 that this build of it has, and the vector level that each needs. */
struct configuration {
    const char *name;
    arch_t id;
    enum vector_level level;
    bool needs_fma4; /* the instruction set of AMD's Bulldozer family */
};

static const struct configuration configurations[] = {
#ifdef BLIS_CONFIG_SKX
    {"skx", BLIS_ARCH_SKX, VECTOR_AVX512, false},
#endif
#ifdef BLIS_CONFIG_HASWELL
    {"haswell", BLIS_ARCH_HASWELL, VECTOR_AVX2, false},
#endif
#ifdef BLIS_CONFIG_ZEN3
    {"zen3", BLIS_ARCH_ZEN3, VECTOR_AVX2, false},
#endif
#ifdef BLIS_CONFIG_ZEN2
    {"zen2", BLIS_ARCH_ZEN2, VECTOR_AVX2, false},
#endif
#ifdef BLIS_CONFIG_ZEN
    {"zen", BLIS_ARCH_ZEN, VECTOR_AVX2, false},
#endif
#ifdef BLIS_CONFIG_EXCAVATOR
    {"excavator", BLIS_ARCH_EXCAVATOR, VECTOR_BASELINE, true},
#endif
#ifdef BLIS_CONFIG_STEAMROLLER
    {"steamroller", BLIS_ARCH_STEAMROLLER, VECTOR_BASELINE, true},
#endif
#ifdef BLIS_CONFIG_PILEDRIVER
    {"piledriver", BLIS_ARCH_PILEDRIVER, VECTOR_BASELINE, true},
#endif
#ifdef BLIS_CONFIG_BULLDOZER
    {"bulldozer", BLIS_ARCH_BULLDOZER, VECTOR_BASELINE, true},
#endif
#ifdef BLIS_CONFIG_SANDYBRIDGE
    {"sandybridge", BLIS_ARCH_SANDYBRIDGE, VECTOR_BASELINE, false},
#endif
#ifdef BLIS_CONFIG_PENRYN
    {"penryn", BLIS_ARCH_PENRYN, VECTOR_BASELINE, false},
#endif
    {"generic", BLIS_ARCH_GENERIC, VECTOR_BASELINE, false},
};
enum { CONFIGURATION_COUNT = sizeof configurations / sizeof configurations[0] };

static bool cpu_can_run(const struct configuration *configuration, enum vector_level level)
{
    if (configuration->level > level)
        return false;
#ifdef __x86_64__
    if (configuration->needs_fma4 && !__builtin_cpu_supports("fma4"))
        return false;
    if (strcmp(configuration->name, "sandybridge") == 0 && !__builtin_cpu_supports("avx"))
        return false;
#endif
    return true;
}

static const char what[] = "cannot find out which kernels BLIS would choose";

/* BLIS decides once and for all at the first question, so a child process asks it. */
static enum status ask_in_a_child(arch_t *choice, struct error *error)
{
    pid_t child = fork();
    if (child < 0)
        return error_system(error, errno, what);
    if (child == 0)
        _exit((int)bli_arch_query_id());
    int exit_status;
    while (waitpid(child, &exit_status, 0) < 0) {
        if (errno != EINTR)
            return error_system(error, errno, what);
    }
    if (!WIFEXITED(exit_status)) {
        error_set(error, STATUS_FAILED, what);
        return error_why(error, "the process that asked ended on a signal");
    }
    *choice = (arch_t)WEXITSTATUS(exit_status);
    return STATUS_OK;
}

static enum status what_blis_would_choose(arch_t *choice, struct error *error)
{
    /* Where the parent ignores SIGCHLD so does this process, and the system keeps no child's status. */
    struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction before;
    sigemptyset(&usual.sa_mask);
    if (sigaction(SIGCHLD, &usual, &before) != 0)
        return error_system(error, errno, what);
    enum status status = ask_in_a_child(choice, error);
    (void)sigaction(SIGCHLD, &before, NULL);
    return status;
}

static enum status users_choice(arch_t *choice, const char *value, struct error *error)
{
    char *end;
    long id = strtol(value, &end, 10);
    for (size_t i = 0; i < CONFIGURATION_COUNT && *value && !*end; i++) {
        if ((long)configurations[i].id == id && cpu_can_run(&configurations[i], vector_level_in_use())) {
            *choice = configurations[i].id;
            return STATUS_OK;
        }
    }
    error_set(error, STATUS_FAILED, "BLIS_ARCH_TYPE is '%s'", value);
    error_why(error, "BLIS has no such configuration, or this CPU cannot run it");
    return error_remedy(error, "unset the variable and the best one is chosen");
}

/* NULL: one that is not in the table. */
static const struct configuration *configuration_of(arch_t id)
{
    for (size_t i = 0; i < CONFIGURATION_COUNT; i++) {
        if (configurations[i].id == id)
            return &configurations[i];
    }
    return NULL;
}

static uint64_t bit(arch_t id)
{
    return UINT64_C(1) << (unsigned)id;
}

static uint64_t runnable(enum vector_level level)
{
    uint64_t ids = 0;
    for (size_t i = 0; i < CONFIGURATION_COUNT; i++)
        ids |= cpu_can_run(&configurations[i], level) ? bit(configurations[i].id) : 0;
    return ids;
}

static arch_t best_of(uint64_t ids)
{
    for (size_t i = 0; i < CONFIGURATION_COUNT; i++) {
        if (ids & bit(configurations[i].id))
            return configurations[i].id;
    }
    return (arch_t)__builtin_ctzll(ids);
}

/* What BLIS would choose by itself, unless another configuration is better. BLIS tells by the name of an
 * AVX-512 CPU whether it has one or two units for fused multiply-adds of 512 bits. Where it has one, and
 * where the name says nothing to BLIS, of a newer CPU or under a hypervisor, it takes haswell, which can do
 * half of what two units do (github.com/flame/blis/issues/917). With one, skx was the faster, too, nearly
 * always (369 there), and our own loops are for AVX-512 in any case. */
static enum status own_choice(arch_t *choice, struct blis_setup *setup, struct error *error)
{
    enum status status = what_blis_would_choose(choice, error);
    if (status != STATUS_OK)
        return status;
    enum vector_level level = vector_level_in_use();
    const struct configuration *of_blis = configuration_of(*choice);
    const struct configuration *best = configuration_of(best_of(runnable(level)));
    bool too_much = of_blis && of_blis->level > level;
    bool unknown = *choice == BLIS_ARCH_GENERIC && level > VECTOR_BASELINE;
    bool too_little = of_blis && of_blis->level == VECTOR_AVX2 && best->level == VECTOR_AVX512;
    const char *has = level == VECTOR_AVX512 ? "AVX-512" : "AVX2";
    if (!too_much && !unknown && !too_little) {
        snprintf(setup->reason, sizeof setup->reason, "BLIS chose it for this CPU");
        return STATUS_OK;
    }
    *choice = best->id;
    if (too_much)
        snprintf(setup->reason, sizeof setup->reason, "the vector level is %s", vector_level_name(level));
    else if (unknown)
        snprintf(setup->reason, sizeof setup->reason, "BLIS does not know this CPU; it has %s", has);
    else
        snprintf(setup->reason, sizeof setup->reason, "BLIS would take %s; this CPU has %s", of_blis->name,
                 has);
    return STATUS_OK;
}

static struct blis_setup in_use;

enum status blis_setup_offer(struct blis_offer *offer, struct error *error)
{
    enum status status;
    arch_t choice = BLIS_ARCH_GENERIC;
    const char *users = getenv("BLIS_ARCH_TYPE");
    enum vector_level level = vector_level_in_use();
    in_use = (struct blis_setup){.threads = 1};
    TRY(vector_level_check_variable(error));
    *offer = (struct blis_offer){.levels = (UINT64_C(2) << (unsigned)level) - 1};
    if (users) {
        TRY(users_choice(&choice, users, error));
        snprintf(in_use.reason, sizeof in_use.reason, "BLIS_ARCH_TYPE is set");
    } else {
        TRY(own_choice(&choice, &in_use, error));
        offer->configurations = runnable(level);
        offer->own_loops = true;
    }
    offer->configurations |= bit(choice);
    offer->preferred = bit(choice);
done:
    return status;
}

/* Sets BLIS_ARCH_TYPE to what all offer. */
static enum status choose_common(const struct blis_offer *common, struct error *error)
{
    if (common->configurations == 0) {
        error_set(error, STATUS_FAILED, "the hosts have no kernels of BLIS in common");
        error_why(error, "they have other libraries, or BLIS_ARCH_TYPE is not the same on all of them");
        return error_remedy(error, "unset the variable and the best that all can run are chosen");
    }
    vector_level_lower((enum vector_level)(63 - __builtin_clzll(common->levels)));
    uint64_t preferred = common->preferred & common->configurations;
    arch_t choice = best_of(preferred ? preferred : common->configurations);
    if (common->preferred != bit(choice))
        snprintf(in_use.reason, sizeof in_use.reason, "all hosts can run them");
    char id[16];
    snprintf(id, sizeof id, "%d", (int)choice);
    if (setenv("BLIS_ARCH_TYPE", id, 1) != 0)
        return error_system(error, errno, "cannot set BLIS_ARCH_TYPE");
    return STATUS_OK;
}

static bool user_chose_threads(void)
{
    static const char *const variables[] = {"BLIS_NUM_THREADS", "BLIS_JC_NT", "BLIS_PC_NT",     "BLIS_IC_NT",
                                            "BLIS_JR_NT",       "BLIS_IR_NT", "OMP_NUM_THREADS"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (getenv(variables[i]))
            return true;
    }
    return false;
}

/* How many threads the user's variables come to. */
static int threads_of_blis(void)
{
    dim_t threads = bli_thread_get_num_threads();
    if (threads > 0)
        return (int)threads;
    threads = 1;
    static const char *const loops[] = {"BLIS_JC_NT", "BLIS_PC_NT", "BLIS_IC_NT", "BLIS_JR_NT", "BLIS_IR_NT"};
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        const char *value = getenv(loops[i]);
        long ways = value ? strtol(value, NULL, 10) : 1;
        if (ways > 1 && ways <= 4096)
            threads *= ways;
    }
    return (int)threads;
}

const struct blis_setup *blis_setup_in_use(void)
{
    return &in_use;
}

enum status blis_setup_start(struct error *error)
{
    struct blis_offer offer;
    enum status status = blis_setup_offer(&offer, error);
    return status == STATUS_OK ? blis_setup_start_common(&offer, error) : status;
}

enum status blis_setup_start_common(const struct blis_offer *common, struct error *error)
{
    struct blis_setup *setup = &in_use;
    enum status status;
    TRY(choose_common(common, error));
    bli_init();
    bool threaded = bli_info_get_enable_threading() != 0;
    if (threaded && user_chose_threads())
        setup->threads = threads_of_blis();
    else
        bli_thread_set_num_threads(1);
    snprintf(setup->version, sizeof setup->version, "%s", bli_info_get_version_str());
    snprintf(setup->configuration, sizeof setup->configuration, "%s", bli_arch_string(bli_arch_query_id()));
    snprintf(setup->threading, sizeof setup->threading, "%s",
             bli_info_get_enable_openmp()     ? "openmp"
             : bli_info_get_enable_pthreads() ? "pthread"
                                              : "serial");
    product_kernel_choose(common->own_loops, setup->threads);
    if (product_kernel_in_use()->wants_trial)
        TRY(kernel_trial_choose_the_faster(error));
    setup->own_loops = product_kernel_in_use()->own_loops_alone;
done:
    return status;
}
