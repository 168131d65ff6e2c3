#include "roll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Six ranks on three hosts, h0 to h2, two each. */
enum { RANKS = 6, NOW = 1000000, TIMEOUT = 60000, WINDOW = 5000, FRESH = 2500 };

static const char *const stages[] = {"setting up", "update"};
static struct roll_member members[RANKS];
static struct roll roll;
static struct error error;

/* All are heard, wait in update 17 and are late. */
static int set_up(void **unused)
{
    (void)unused;
    memset(members, 0, sizeof members);
    roll = (struct roll){members, RANKS, 0, stages, TIMEOUT, FRESH, WINDOW};
    for (int rank = 0; rank < RANKS; rank++) {
        struct roll_member *member = &members[rank];
        member->place.node = rank / 2 * 2;
        member->place.node_rank = rank % 2;
        member->place.node_size = 2;
        snprintf(member->place.host, sizeof member->place.host, "h%d", rank / 2);
        member->heard_at = NOW;
        member->stalled = TIMEOUT;
        member->at = roll_position(1, 17);
        member->waiting = true;
    }
    return 0;
}

static void silence(int rank)
{
    members[rank].heard_at = NOW - FRESH - 1;
}

static void described_as(enum roll_finding finding, const char *why)
{
    assert_int_equal(roll_judge(&roll, NOW), finding);
    roll_describe(&error, &roll, finding, NOW);
    assert_int_equal(error.status, STATUS_FAILED);
    assert_string_equal(error.what, "update 17 takes longer than 60 s");
    assert_string_equal(error.why, why);
    assert_non_null(strstr(error.remedy, "--resume"));
}

static void nothing_is_late_before_its_time(void **unused)
{
    (void)unused;
    for (int rank = 0; rank < RANKS; rank++)
        members[rank].stalled = TIMEOUT - 1;
    silence(2);
    assert_int_equal(roll_judge(&roll, NOW), ROLL_GOES_ON);
    assert_int_equal(roll_longest_stall(&roll, NOW), TIMEOUT - 1);
    members[5].stalled = TIMEOUT;
    assert_int_equal(roll_judge(&roll, NOW), ROLL_SILENT);
    silence(5);
    assert_int_equal(roll_judge(&roll, NOW), ROLL_GOES_ON);
}

static void the_stopped_are_named(void **unused)
{
    (void)unused;
    members[2].heard_at = NOW - FRESH;
    assert_int_equal(roll_judge(&roll, NOW), ROLL_WAITING);
    silence(2);
    members[3].waiting = false; /* as one that writes a file with others */
    described_as(ROLL_SILENT, "rank 2 on h1 does not run any more, as if stopped by a signal");
    silence(5);
    described_as(ROLL_SILENT, "rank 2 on h1 and rank 5 on h2 do not run any more, as if stopped by a signal");
}

static void the_cut_off_are_named(void **unused)
{
    (void)unused;
    silence(2);
    silence(3);
    described_as(ROLL_SILENT, "ranks 2-3 on h1 do not answer, stopped or cut off from h0");
    silence(4);
    described_as(ROLL_SILENT, "ranks 2-3 on h1 and rank 4 on h2 do not answer, stopped or cut off from h0");
}

static void the_busy_are_named(void **unused)
{
    (void)unused;
    members[4].waiting = false;
    described_as(ROLL_BUSY, "rank 4 on h2 is still at it");
    members[5].waiting = false;
    described_as(ROLL_BUSY, "ranks 4-5 on h2 are still at it");
}

/* What one rank is at counts, where the others wait for it. */
static void the_stage_is_that_of_the_late(void **unused)
{
    (void)unused;
    members[4].waiting = false;
    members[4].at = roll_position(0, 0);
    roll_describe(&error, &roll, ROLL_BUSY, NOW);
    assert_string_equal(error.what, "setting up takes longer than 60 s");
}

static void who_gets_on_is_waited_for(void **unused)
{
    (void)unused;
    members[4].waiting = false;
    members[4].stalled = 3000;
    assert_int_equal(roll_judge(&roll, NOW), ROLL_GOES_ON);
    members[4].stalled = TIMEOUT - WINDOW;
    assert_int_equal(roll_judge(&roll, NOW), ROLL_BUSY);
}

static void hosts_that_cannot_be_asked_are_named(void **unused)
{
    (void)unused;
    members[2].heard_at = 0;
    members[3].heard_at = 0;
    described_as(ROLL_UNKNOWN, "ranks 2-3 on h1 cannot be asked from h0, and all others wait");
    members[4].waiting = false;
    described_as(ROLL_BUSY, "rank 4 on h2 is still at it");
    silence(5);
    assert_int_equal(roll_judge(&roll, NOW), ROLL_SILENT);
}

static void all_may_wait_for_each_other(void **unused)
{
    (void)unused;
    described_as(ROLL_WAITING, "ranks 0-1 on h0 and ranks 2-3 on h1 and ranks 4-5 on h2 wait for each other");
}

static void the_lowest_that_is_heard_speaks(void **unused)
{
    (void)unused;
    assert_true(roll_is_speaker(&roll, NOW));
    roll.rank = 1;
    assert_false(roll_is_speaker(&roll, NOW));
    silence(0);
    assert_true(roll_is_speaker(&roll, NOW));
    assert_true(roll_sees_first_host(&roll, NOW));
    roll.rank = 2;
    assert_false(roll_is_speaker(&roll, NOW));
    silence(1);
    assert_true(roll_is_speaker(&roll, NOW));
    assert_false(roll_sees_first_host(&roll, NOW));
    members[0].spoke = true;
    assert_false(roll_is_speaker(&roll, NOW));
}

/* As many as fit into a line, and how many more there are. */
static void many_are_counted(void **unused)
{
    (void)unused;
    enum { MANY = 1000 };
    static struct roll_member many[MANY];
    roll.members = many;
    roll.size = MANY;
    for (int rank = 0; rank < MANY; rank++) {
        many[rank].place.node = rank;
        many[rank].heard_at = rank == 0 ? NOW : 1;
        many[rank].stalled = TIMEOUT;
        snprintf(many[rank].place.host, sizeof many[rank].place.host, "a-host-with-a-long-name-%d", rank);
    }
    assert_int_equal(roll_judge(&roll, NOW), ROLL_SILENT);
    roll_describe(&error, &roll, ROLL_SILENT, NOW);
    const char *and = strstr(error.why, " and 9");
    assert_non_null(and);
    char *end;
    assert_in_range(strtol(and+strlen(" and "), &end, 10), 900, MANY - 2);
    assert_memory_equal(end, " more do not answer", strlen(" more do not answer"));
    assert_non_null(strstr(error.why, "cut off from a-host-with-a-long-name-0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_late_before_its_time, set_up),
        cmocka_unit_test_setup(the_stopped_are_named, set_up),
        cmocka_unit_test_setup(the_cut_off_are_named, set_up),
        cmocka_unit_test_setup(the_busy_are_named, set_up),
        cmocka_unit_test_setup(the_stage_is_that_of_the_late, set_up),
        cmocka_unit_test_setup(who_gets_on_is_waited_for, set_up),
        cmocka_unit_test_setup(hosts_that_cannot_be_asked_are_named, set_up),
        cmocka_unit_test_setup(all_may_wait_for_each_other, set_up),
        cmocka_unit_test_setup(the_lowest_that_is_heard_speaks, set_up),
        cmocka_unit_test_setup(many_are_counted, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
