"""Which addresses take a host's mail, from look-ups held in memory"""

import errno
import socket

import pytest

from pymail.delivery.remote import (
    MYSELF,
    NO_CONNECTION,
    NO_DNS,
    NO_EXCHANGER,
    NO_HOST,
    Undeliverable,
    connect,
    find,
    without_self,
)
from pymail.unix.dns import Temporary, Unknown

ONE, TWO, THREE = (bytes((192, 0, 2, last)) for last in (1, 2, 3))
LOOPBACK = bytes((127, 0, 0, 1))
Found = list[bytes] | type[Exception]
Exchangers = dict[bytes, list[tuple[int, bytes]] | type[Exception]]


class Names:
    """Look-ups in two tables; what is in neither is unknown."""

    def __init__(self, mx: Exchangers | None = None, **a: Found) -> None:
        self.mx = mx or {}
        self.a = {name.replace("_", ".").encode(): value for name, value in a.items()}
        self.asked: list[bytes] = []

    def exchangers(self, host: bytes) -> list[tuple[int, bytes]]:
        self.asked.append(b"MX " + host)
        found = self.mx.get(host, Unknown)
        if isinstance(found, list):
            return found
        raise found

    def addresses(self, host: bytes) -> list[bytes]:
        self.asked.append(b"A " + host)
        found = self.a.get(host, Unknown)
        if isinstance(found, list):
            return found
        raise found


def places(names: Names, host: bytes = b"x", routed: bool = False) -> list[tuple[int, bytes]]:
    return find(names, host, routed)  # type: ignore[arg-type]


def report(names: Names, host: bytes = b"x", routed: bool = False) -> bytes:
    with pytest.raises(Undeliverable) as caught:
        places(names, host, routed)
    return caught.value.report


@pytest.mark.parametrize("host", [b"192.0.2.1", b"[192.0.2.1]"])
def test_a_literal_needs_no_look_up(host: bytes) -> None:
    names = Names()
    assert places(names, host) == places(names, host, routed=True) == [(0, ONE)]
    assert names.asked == []


def test_by_preference() -> None:
    names = Names({b"x": [(20, b"b"), (10, b"a"), (30, b"192.0.2.3")]}, a=[TWO, ONE], b=[THREE])
    assert places(names) == [(10, TWO), (10, ONE), (20, THREE), (0, THREE)]


def test_equal_preferences_in_any_order() -> None:
    names = Names({b"x": [(10, b"a"), (10, b"b")]}, a=[ONE], b=[TWO])
    orders = {tuple(address for _, address in places(names)) for _ in range(200)}
    assert orders == {(ONE, TWO), (TWO, ONE)}


@pytest.mark.parametrize("mx", [{}, {b"x": []}])
def test_without_exchangers_the_host_itself(mx: Exchangers) -> None:
    assert places(Names(mx, x=[ONE])) == [(0, ONE)]


def test_a_route_never_asks_for_exchangers() -> None:
    names = Names({b"x": [(0, b"a")]}, x=[ONE], a=[TWO])
    assert places(names, routed=True) == [(0, ONE)]
    assert names.asked == [b"A x"]


def test_failures_of_look_ups() -> None:
    assert report(Names({b"x": Temporary}, x=[ONE])) == NO_DNS
    assert report(Names(x=Temporary)) == NO_DNS
    assert report(Names()) == NO_HOST % b"x"
    assert report(Names(), routed=True) == NO_HOST % b"x"
    assert report(Names(x=[])) == NO_EXCHANGER


def test_failures_of_exchangers() -> None:
    mx: Exchangers = {b"x": [(10, b"gone"), (20, b"soft"), (30, b"good")]}
    assert places(Names(mx, soft=Temporary, good=[ONE])) == [(30, ONE)]
    assert report(Names(mx, soft=Temporary)) == NO_DNS
    assert report(Names(mx)) == NO_EXCHANGER
    assert report(Names(mx, good=[])) == NO_EXCHANGER


def test_the_null_exchanger() -> None:
    names = Names({b"x": [(0, b"")]}, x=[ONE])
    assert report(names) == NO_EXCHANGER
    assert names.asked == [b"MX x"]


def test_what_is_no_character_of_a_host() -> None:
    assert report(Names(), b"caf\xe9 x\n") == NO_HOST % b"caf??x?"


MINE = frozenset([bytes(4), LOOPBACK, TWO])


def test_without_self() -> None:
    found = [(5, ONE), (10, TWO), (10, THREE), (20, THREE)]
    assert without_self(found, MINE) == [(5, ONE)]
    assert without_self([(5, ONE)], MINE) == [(5, ONE)]
    assert without_self([(20, ONE), (0, THREE), (10, TWO)], MINE) == [(0, THREE)]


@pytest.mark.parametrize("found", [[(0, LOOPBACK)], [(0, bytes(4))], [(10, TWO), (10, ONE), (20, THREE)]])
def test_only_self(found: list[tuple[int, bytes]]) -> None:
    with pytest.raises(Undeliverable) as caught:
        without_self(found, MINE)
    assert caught.value.report == MYSELF


class Told:
    """Stands for the table of timeouts."""

    def __init__(self, *shunned: bytes) -> None:
        self.suspects = shunned
        self.told: list[tuple[bytes, bool]] = []

    def shunned(self, address: bytes, now: int) -> bool:
        return address in self.suspects

    def tell(self, address: bytes, timed_out: bool, now: int) -> None:
        self.told.append((address, timed_out))


def test_the_next_address_where_one_refuses() -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        told = Told(bytes((127, 0, 0, 3)))
        addresses = [bytes((127, 0, 0, last)) for last in (3, 1, 2, 4)]
        peer, address = connect(addresses, listener.getsockname()[1], 10, told, lambda: 0.0)  # type: ignore[arg-type]
        peer.close()
    assert address == bytes((127, 0, 0, 2))
    assert told.told == [(bytes((127, 0, 0, 1)), False), (bytes((127, 0, 0, 2)), False)]


def test_nothing_but_suspects() -> None:
    told = Told(ONE)
    with pytest.raises(Undeliverable) as caught:
        connect([ONE], 25, 10, told, lambda: 0.0)  # type: ignore[arg-type]
    assert caught.value.report == NO_CONNECTION
    assert told.told == []


def test_a_timeout_that_the_kernel_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymail.delivery.remote._connected", lambda *_: errno.ETIMEDOUT)
    told = Told()
    with pytest.raises(Undeliverable):
        connect([ONE, TWO], 25, 10, told, lambda: 0.0)  # type: ignore[arg-type]
    assert told.told == [(ONE, True), (TWO, True)]
