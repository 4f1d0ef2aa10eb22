"""Routes to other hosts"""

import pytest

from pymail.formats import control, smtproutes

ROUTES = control.mapping(
    b"""one.example:first
One.example:relay.example
.one.example:192.0.2.1:2525:x
two.example:[192.0.2.2]:x
three.example:
five.example:r:70000
no colon
:all.example:10025
"""
)


@pytest.mark.parametrize(
    ("host", "route"),
    [
        (b"one.example", (b"relay.example", 25)),
        (b"ONE.example", (b"relay.example", 25)),
        (b"a.one.example", (b"192.0.2.1", 2525)),
        (b"two.example", (b"[192.0.2.2]", 0)),
        (b"three.example", None),
        (b"four.example", (b"all.example", 10025)),
        (b"five.example", (b"r", 70000 - 65536)),
        (b"no colon", (b"all.example", 10025)),
        (b"", (b"all.example", 10025)),
    ],
)
def test_routes(host: bytes, route: tuple[bytes, int] | None) -> None:
    assert smtproutes.find(ROUTES, host) == route


def test_no_route() -> None:
    assert smtproutes.find({b".example": b"x"}, b"example") is None
