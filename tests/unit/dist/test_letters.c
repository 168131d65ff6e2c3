#include "letters.h"

#include "lstm_mpi/base/memory.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Two hosts of one run in this process. The clock of one is far ahead of the other's. */
enum { HERE, THERE, HOSTS, NOW_HERE = 1000000, NOW_THERE = 5000, KEY = 4711 };

static const int64_t now_of[] = {NOW_HERE, NOW_THERE};
static struct roll rolls[HOSTS];
static struct letters letters[HOSTS];
static int each; /* ranks of a host; those there begin with it */

static int place_of(int rank)
{
    return rank / each;
}

/* A host knows its own ranks: a rank was heard of some milliseconds ago, is at that number, and so on. */
static void know_its_ranks(int host)
{
    for (int rank = host * each; rank < (host + 1) * each; rank++) {
        struct roll_member *member = &rolls[host].members[rank];
        member->heard_at = now_of[host] - rank % 7;
        member->stalled = 100 + rank;
        member->at = roll_position(1, (uint64_t)rank);
        member->waiting = rank % 2 == 0;
        member->spoke = rank % 3 == 0;
    }
}

static void open_host(int host)
{
    struct error error;
    struct door door;
    struct roll *roll = &rolls[host];
    *roll = (struct roll){.size = HOSTS * each, .rank = host * each};
    assert_int_equal(memory_new(&roll->members, (size_t)roll->size, &error), STATUS_OK);
    letters[host] = (struct letters){.roll = roll, .key = KEY, .socket = -1};
    letters_open(&letters[host], &door);
    assert_true(letters[host].socket >= 0);
    door.addresses = 1;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &door.address[0]), 1);
    for (int of = 0; of < HOSTS; of++) {
        for (int rank = host * each; rank < (host + 1) * each && rolls[of].members; rank++)
            rolls[of].members[rank].place.door = door;
    }
}

static void open_hosts(int ranks_of_each)
{
    each = ranks_of_each;
    memset(rolls, 0, sizeof rolls);
    open_host(HERE);
    open_host(THERE);
    for (int host = 0; host < HOSTS; host++) {
        for (int rank = 0; rank < HOSTS * each; rank++) {
            struct roll_place *place = &rolls[host].members[rank].place;
            place->node = place_of(rank) * each;
            place->node_rank = rank % each;
            place->node_size = each;
            place->door = rolls[place_of(rank)].members[rank].place.door;
        }
        know_its_ranks(host);
    }
}

static int close_hosts(void **unused)
{
    (void)unused;
    for (int host = 0; host < HOSTS; host++) {
        letters_close(&letters[host]);
        assert_int_equal(letters[host].socket, -1);
        memory_free(rolls[host].members);
    }
    return 0;
}

static int two_ranks_each(void **unused)
{
    (void)unused;
    open_hosts(2);
    return 0;
}

/* Whether a host knows of another one's rank what is true, by its own clock. */
static bool knows(int host, int rank)
{
    const struct roll_member *member = &rolls[host].members[rank];
    return member->heard_at == now_of[host] - rank % 7 && member->stalled == 100 + rank &&
           member->at == roll_position(1, (uint64_t)rank) && member->waiting == (rank % 2 == 0) &&
           member->spoke == (rank % 3 == 0);
}

static bool knows_the_other(int host)
{
    int other = host == HERE ? THERE : HERE;
    for (int rank = other * each; rank < (other + 1) * each; rank++) {
        if (!knows(host, rank))
            return false;
    }
    return true;
}

static bool knows_nothing(int host)
{
    int other = host == HERE ? THERE : HERE;
    for (int rank = other * each; rank < (other + 1) * each; rank++) {
        if (rolls[host].members[rank].heard_at != 0)
            return false;
    }
    return true;
}

/* Takes a letter off its way; its length, or -1. */
static ssize_t take(int host, struct letter *letter)
{
    return recv(letters[host].socket, letter, sizeof *letter, 0);
}

/* From this host's socket to the other one's, as it is. */
static void bring(const void *bytes, size_t length)
{
    door_send(letters[HERE].socket, &rolls[HERE].members[each].place.door, bytes, length);
}

/* A letter of this host that did not come. */
static struct letter intercepted(size_t *length)
{
    struct letter letter;
    letters_ask(&letters[HERE], 0, NOW_HERE);
    *length = (size_t)take(THERE, &letter);
    return letter;
}

static void whoever_asks_is_answered(void **unused)
{
    (void)unused;
    letters_ask(&letters[HERE], 0, NOW_HERE);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(knows_the_other(THERE));
    assert_true(knows_nothing(HERE));
    letters_receive(&letters[HERE], NOW_HERE);
    assert_true(knows_the_other(HERE));
    struct letter none;
    assert_int_equal(take(THERE, &none), -1); /* an answer is not answered */
}

static void a_lost_question_is_asked_again(void **unused)
{
    (void)unused;
    struct letter lost;
    letters_ask(&letters[HERE], 0, NOW_HERE);
    assert_true(take(THERE, &lost) > 0);
    letters_receive(&letters[THERE], NOW_THERE);
    letters_receive(&letters[HERE], NOW_HERE);
    assert_true(knows_nothing(HERE) && knows_nothing(THERE));
    letters_ask(&letters[HERE], 1, NOW_HERE);
    letters_receive(&letters[THERE], NOW_THERE);
    letters_receive(&letters[HERE], NOW_HERE);
    assert_true(knows_the_other(HERE) && knows_the_other(THERE));
}

static void a_lost_answer_is_asked_for_again(void **unused)
{
    (void)unused;
    struct letter lost;
    letters_ask(&letters[HERE], 0, NOW_HERE);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(take(HERE, &lost) > 0);
    letters_receive(&letters[HERE], NOW_HERE);
    assert_true(knows_nothing(HERE));
    letters_ask(&letters[HERE], 1, NOW_HERE);
    letters_receive(&letters[THERE], NOW_THERE);
    letters_receive(&letters[HERE], NOW_HERE);
    assert_true(knows_the_other(HERE));
}

/* Twice, or after a newer one: what is known stays. */
static void late_letters_change_nothing(void **unused)
{
    (void)unused;
    struct letter letter;
    letters_ask(&letters[HERE], 0, NOW_HERE);
    ssize_t length = take(THERE, &letter);
    assert_int_equal(length, offsetof(struct letter, line) + 2 * sizeof letter.line[0]);
    letter.asks = false;
    bring(&letter, (size_t)length);
    bring(&letter, (size_t)length);
    letter.line[0].age += 10;
    letter.line[0].at++;
    letter.line[0].stalled = 0;
    bring(&letter, (size_t)length);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(knows_the_other(THERE));
}

/* Who has spoken is gone, whatever else was heard of it since and before. */
static void that_a_rank_spoke_is_never_late(void **unused)
{
    (void)unused;
    size_t length;
    struct letter letter = intercepted(&length);
    letter.line[1].spoke = false;
    bring(&letter, length);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_false(rolls[THERE].members[1].spoke);
    letter.line[1].spoke = true;
    letter.line[1].age += 10;
    bring(&letter, length);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(rolls[THERE].members[1].spoke);
    letter.line[1].spoke = false;
    letter.line[1].age = 0;
    bring(&letter, length);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(rolls[THERE].members[1].spoke);
}

static void it_comes_to_another_rank_with_every_attempt(void **unused)
{
    (void)unused;
    struct door third;
    struct letter letter;
    int opened = door_open(&third);
    third.addresses = 1;
    third.address[0] = rolls[HERE].members[each].place.door.address[0];
    rolls[HERE].members[each + 1].place.door = third;
    letters_ask(&letters[HERE], 6, NOW_HERE);
    assert_true(take(THERE, &letter) > 0);
    assert_int_equal(recv(opened, &letter, sizeof letter, 0), -1);
    letters_ask(&letters[HERE], 7, NOW_HERE);
    assert_int_equal(take(THERE, &letter), -1);
    assert_true(recv(opened, &letter, sizeof letter, 0) > 0);
    (void)close(opened);
}

/* It has no effect, and is not answered. */
static void ignored(const void *bytes, size_t length)
{
    struct letter answer;
    bring(bytes, length);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(knows_nothing(THERE));
    assert_int_equal(take(HERE, &answer), -1);
}

static void letters_from_elsewhere_are_ignored(void **unused)
{
    (void)unused;
    size_t length;
    struct letter good = intercepted(&length);
    struct letter letter = good;
    letter.key++;
    ignored(&letter, length);
    letter = good;
    letter.node = each; /* one's own host */
    ignored(&letter, length);
    bring(&good, length);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(knows_the_other(THERE));
}

static void garbage_is_ignored(void **unused)
{
    (void)unused;
    size_t length;
    struct letter good = intercepted(&length);
    struct letter letter = good;
    for (size_t cut = 0; cut < length; cut++)
        ignored(&good, cut);
    ignored(&good, length + 1);
    ignored(&good, sizeof good);
    letter.lines = LETTER_LINES + 1;
    ignored(&letter, sizeof letter);
    letter.lines = UINT64_MAX / sizeof letter.line[0] + 1; /* its length overflows to that of the head */
    ignored(&letter, offsetof(struct letter, line));
    char longer[2 * sizeof good] = {0};
    letter = good;
    letter.lines = LETTER_LINES;
    memcpy(longer, &letter, sizeof letter);
    ignored(longer, sizeof longer);
}

/* The letter is this run's and is answered, its lines are not entered. */
static void wrong_lines_are_ignored(void **unused)
{
    (void)unused;
    size_t length;
    struct letter good = intercepted(&length);
    const struct letter_line wrong[] = {
        {.rank = -1},
        {.rank = HOSTS * each},
        {.rank = each}, /* of another host than the sender's */
        {.rank = INT32_MAX},
        {.rank = INT32_MIN},
        {.rank = 0, .age = -1},
        {.rank = 0, .age = NOW_THERE},
        {.rank = 0, .age = INT64_MAX},
        {.rank = 0, .age = INT64_MIN},
    };
    rolls[THERE].members[each].stalled = 0;
    rolls[THERE].members[each].spoke = false;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct letter letter = good;
        struct letter answer;
        letter.line[0] = letter.line[1] = wrong[i];
        letter.line[0].stalled = letter.line[1].stalled = 999;
        letter.line[0].spoke = letter.line[1].spoke = true;
        bring(&letter, length);
        letters_receive(&letters[THERE], NOW_THERE);
        assert_true(knows_nothing(THERE));
        assert_int_equal(rolls[THERE].members[0].stalled, 0);
        assert_int_equal(rolls[THERE].members[each].stalled, 0);
        assert_false(rolls[THERE].members[0].spoke || rolls[THERE].members[each].spoke);
        assert_true(take(HERE, &answer) > 0);
    }
}

static void a_closed_door_is_silence(void **unused)
{
    (void)unused;
    letters_close(&letters[THERE]);
    for (int attempt = 0; attempt < 3; attempt++) {
        letters_ask(&letters[HERE], attempt, NOW_HERE);
        letters_receive(&letters[HERE], NOW_HERE);
    }
    assert_true(knows_nothing(HERE));
    letters_ask(&letters[THERE], 0, NOW_THERE);
    letters_receive(&letters[THERE], NOW_THERE);
    letters_receive(&letters[HERE], NOW_HERE);
    assert_true(knows_nothing(HERE) && knows_nothing(THERE));
}

static void without_a_socket_there_are_no_letters(void **unused)
{
    (void)unused;
    struct door door;
    struct letters none = letters[HERE];
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit full = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
    letters_open(&none, &door);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(none.socket, -1);
    assert_int_equal(door.addresses, 0);
    letters_ask(&none, 0, NOW_HERE);
    letters_receive(&none, NOW_HERE);
    letters_close(&none);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(knows_nothing(THERE));
}

/* A rank that its own host has not heard of is left out. */
static void the_unknown_are_left_out(void **unused)
{
    (void)unused;
    rolls[HERE].members[1].heard_at = 0;
    letters_ask(&letters[HERE], 0, NOW_HERE);
    letters_receive(&letters[THERE], NOW_THERE);
    assert_true(knows(THERE, 0));
    assert_int_equal(rolls[THERE].members[1].heard_at, 0);
    rolls[HERE].members[0].heard_at = 0;
    letters_ask(&letters[HERE], 0, NOW_HERE);
    letters_receive(&letters[THERE], NOW_THERE);
    letters_receive(&letters[HERE], NOW_HERE);
    assert_true(knows_the_other(HERE)); /* who knows nothing can ask */
}

static int letters_waiting(int host)
{
    struct letter letter;
    int count = 0;
    while (take(host, &letter) >= 0)
        count++;
    return count;
}

/* As many letters as it takes, and one answer of as many; none has more bytes than every network carries. */
static void many_ranks_fill_several_letters(void **unused)
{
    (void)unused;
    const int counts[] = {1, LETTER_LINES - 1, LETTER_LINES, LETTER_LINES + 1, 2 * LETTER_LINES, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        open_hosts(counts[i]);
        letters_ask(&letters[HERE], 0, NOW_HERE);
        letters_receive(&letters[THERE], NOW_THERE);
        assert_true(knows_the_other(THERE));
        letters_receive(&letters[HERE], NOW_HERE);
        assert_true(knows_the_other(HERE));
        letters_ask(&letters[HERE], 0, NOW_HERE);
        letters_receive(&letters[THERE], NOW_THERE);
        assert_int_equal(letters_waiting(HERE), (counts[i] + LETTER_LINES - 1) / LETTER_LINES);
        (void)close_hosts(NULL);
    }
}

/* Those of many hosts come at once; whoever receives is not kept from other work for ever. */
static void many_letters_are_received_by_and_by(void **unused)
{
    (void)unused;
    struct letter letter = {.key = KEY};
    int calls = 0;
    int sent = 0;
    for (; sent < 100; sent++)
        bring(&letter, offsetof(struct letter, line));
    for (ssize_t left = 0; left >= 0; left = recv(letters[THERE].socket, &letter, sizeof letter, MSG_PEEK)) {
        letters_receive(&letters[THERE], NOW_THERE);
        calls++;
    }
    assert_in_range(calls, 2, sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whoever_asks_is_answered, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(a_lost_question_is_asked_again, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(a_lost_answer_is_asked_for_again, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(late_letters_change_nothing, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(that_a_rank_spoke_is_never_late, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(it_comes_to_another_rank_with_every_attempt, two_ranks_each,
                                        close_hosts),
        cmocka_unit_test_setup_teardown(letters_from_elsewhere_are_ignored, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(garbage_is_ignored, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(wrong_lines_are_ignored, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(a_closed_door_is_silence, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(without_a_socket_there_are_no_letters, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(the_unknown_are_left_out, two_ranks_each, close_hosts),
        cmocka_unit_test_setup_teardown(many_letters_are_received_by_and_by, two_ranks_each, close_hosts),
        cmocka_unit_test(many_ranks_fill_several_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
