#include "door.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct in6_addr address_of(const char *text)
{
    struct in6_addr address;
    assert_int_equal(inet_pton(AF_INET6, text, &address), 1);
    return address;
}

/* A door of this process, at one address of its own. */
static int open_at(struct door *door, int family, const char *address)
{
    int opened = door_open_family(door, family);
    if (opened < 0)
        skip();
    door->addresses = 1;
    door->address[0] = address_of(address);
    return opened;
}

static bool has_come(int socket, const char *expected)
{
    char bytes[16] = "";
    ssize_t length = recv(socket, bytes, sizeof bytes, 0);
    return length == (ssize_t)strlen(expected) && memcmp(bytes, expected, (size_t)length) == 0;
}

static bool leads(int from_family, int to_family, const char *address)
{
    struct door from;
    struct door to;
    int one = open_at(&from, from_family, "::ffff:127.0.0.1");
    int other = open_at(&to, to_family, address);
    door_send(one, &to, "hello", 5);
    bool came = has_come(other, "hello");
    assert_false(has_come(other, "hello"));
    (void)close(one);
    (void)close(other);
    return came;
}

static void both_families_are_one(void **unused)
{
    (void)unused;
    assert_true(leads(AF_INET6, AF_INET6, "::1"));
    assert_true(leads(AF_INET6, AF_INET6, "::ffff:127.0.0.1"));
}

static void a_host_without_ipv6_takes_part(void **unused)
{
    (void)unused;
    assert_true(leads(AF_INET, AF_INET, "::ffff:127.0.0.1"));
    assert_true(leads(AF_INET6, AF_INET, "::ffff:127.0.0.1"));
    assert_true(leads(AF_INET, AF_INET6, "::ffff:127.0.0.1"));
    assert_false(leads(AF_INET, AF_INET6, "::1"));
}

/* 192.0.2.1 and 2001:db8::1 belong to nobody; what cannot be sent, or is refused, does not keep the rest. */
static void every_address_is_tried(void **unused)
{
    (void)unused;
    struct door closed;
    struct door to;
    struct door from;
    (void)close(open_at(&closed, AF_INET6, "::1"));
    int one = open_at(&from, AF_INET6, "::1");
    int other = open_at(&to, AF_INET6, "::1");
    to.address[0] = address_of("2001:db8::1");
    to.address[1] = address_of("::ffff:192.0.2.1");
    to.address[2] = address_of("::1");
    to.addresses = 3;
    door_send(one, &closed, "lost", 4);
    door_send(one, &to, "hello", 5);
    door_send(one, &(struct door){0}, "nowhere", 7);
    assert_true(has_come(other, "hello"));
    assert_false(has_come(one, ""));
    (void)close(one);
    (void)close(other);
}

static void it_is_reached_from_other_hosts(void **unused)
{
    (void)unused;
    struct door door;
    int opened = door_open(&door);
    assert_true(opened >= 0);
    assert_true(door.port != 0);
    assert_in_range(door.addresses, 0, DOOR_ADDRESSES);
    for (int i = 0; i < door.addresses; i++) {
        const struct in6_addr *address = &door.address[i];
        assert_false(IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_LINKLOCAL(address) ||
                     IN6_IS_ADDR_UNSPECIFIED(address));
        assert_false(IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
        struct door there = {.port = door.port, .addresses = 1, .address = {*address}};
        door_send(opened, &there, "hello", 5);
        assert_true(has_come(opened, "hello"));
    }
    (void)close(opened);
}

static void no_socket_is_no_door(void **unused)
{
    (void)unused;
    struct door door;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    memset(&door, 0xff, sizeof door);
    int opened = door_open(&door);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(opened, -1);
    assert_int_equal(door.addresses, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_families_are_one),  cmocka_unit_test(a_host_without_ipv6_takes_part),
        cmocka_unit_test(every_address_is_tried), cmocka_unit_test(it_is_reached_from_other_hosts),
        cmocka_unit_test(no_socket_is_no_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
