"""What is remembered of where mail goes, and for how long"""

import os

import pytest

from pymail.delivery import directions as module
from pymail.delivery import remote
from pymail.delivery.directions import MOST, NO_CONTROLS, SECONDS, Destination, Directions
from pymail.unix.dns import LONGEST_TTL, Unknown
from pymail.unix.home import Home
from tests.support.homes import control, private_home
from tests.support.world import Place

ONE, TWO, MINE = (bytes((192, 0, 2, last)) for last in (1, 2, 3))


class Outside:
    """One DNS record, how long it may be kept, how often it was asked for, and what time it is."""

    def __init__(self) -> None:
        self.address, self.ttl, self.asked, self.now = ONE, LONGEST_TTL, 0, 1000.0

    def lookups(self) -> "Outside":
        return self

    @property
    def lasting(self) -> int:
        return self.ttl

    def exchangers(self, host: bytes) -> list[tuple[int, bytes]]:
        self.asked += 1
        raise Unknown

    def addresses(self, host: bytes) -> list[bytes]:
        if host == b"none.example":
            raise Unknown
        return [self.address]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    made = Outside()
    monkeypatch.setattr(module, "Lookups", made.lookups)
    monkeypatch.setattr(module, "local_addresses", lambda: frozenset([MINE]))
    monkeypatch.setattr(module.time, "monotonic", lambda: made.now)
    return made


@pytest.fixture
def home(place: Place) -> Home:
    made = private_home(place)
    control(made, "me", "me.example\n")
    return made


def test_asked_once(home: Home, outside: Outside) -> None:
    directions = Directions(home)
    first = directions.to(b"x.example")
    outside.now += SECONDS - 0.1
    assert directions.to(b"x.example") is first
    assert (first.addresses, first.port, first.configuration.helo) == ([ONE], 25, b"me.example")
    assert outside.asked == 1
    outside.now += 0.2
    assert directions.to(b"x.example") is not first
    assert outside.asked == 2


def test_no_longer_than_dns_allows(home: Home, outside: Outside) -> None:
    outside.ttl = 1
    directions = Directions(home)
    directions.to(b"x.example")
    outside.now, outside.address = outside.now + 1, TWO
    assert directions.to(b"x.example").addresses == [TWO]
    outside.ttl = 0
    directions.to(b"y.example")
    directions.to(b"y.example")
    assert outside.asked == 4


@pytest.mark.parametrize("name", ["me", "helohost", "smtproutes", "timeoutconnect", "timeoutremote"])
def test_not_beyond_a_change(home: Home, outside: Outside, name: str) -> None:
    directions = Directions(home)
    first = directions.to(b"x.example")
    control(home, name, "77\n")
    second = directions.to(b"x.example")
    assert second.configuration is not first.configuration
    os.unlink(home.file("control", name))
    if name == "me":
        with pytest.raises(remote.Undeliverable) as caught:
            directions.to(b"x.example")
        assert caught.value.report == NO_CONTROLS
        control(home, name, "me.example\n")
    assert directions.to(b"x.example").configuration is not second.configuration


def test_the_values(home: Home, outside: Outside) -> None:
    default = Directions(home).to(b"x.example").configuration
    assert (default.timeout, default.timeout_connect) == (1200, 60)
    control(home, "timeoutremote", "7\n")
    control(home, "timeoutconnect", "8\n")
    control(home, "helohost", "hello.example\n")
    control(home, "smtproutes", "x.example:[192.0.2.2]:2525\n")
    found = Directions(home).to(b"X.example")
    configuration = found.configuration
    assert (configuration.timeout, configuration.timeout_connect) == (7, 8)
    assert configuration.helo == b"hello.example"
    assert (found.addresses, found.port, found.lasting) == ([TWO], 2525, LONGEST_TTL)


def test_failures_are_not_remembered(home: Home, outside: Outside) -> None:
    directions = Directions(home)
    for _ in range(2):
        with pytest.raises(remote.Undeliverable):
            directions.to(b"none.example")
    outside.address = MINE
    with pytest.raises(remote.Undeliverable) as caught:
        directions.to(b"x.example")
    assert caught.value.report == remote.MYSELF
    assert outside.asked == 3


def test_not_too_many(home: Home, outside: Outside) -> None:
    directions = Directions(home)
    found: list[Destination] = [directions.to(b"host%d.example" % number) for number in range(MOST + 1)]
    assert directions.to(b"host%d.example" % MOST) is found[-1]
    assert directions.to(b"host0.example") is not found[0]
