"""qmail-send as a process, with the test in the place of its partners"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.support.sending import Sending
from tests.support.world import Place

LOCAL, REMOTE = 0, 1
IDLE = b"status: local 0/10 remote 0/20"


@pytest.fixture
def sending(place: Place) -> Iterator[Sending]:
    here = Sending(place)
    yield here
    here.close()


def test_one_message(sending: Sending) -> None:
    number = sending.put(b"me@there", [b"al@mail.test"], message=b"x" * 83)
    sending.start()
    request = sending.request(LOCAL)
    assert (request.delnum, request.messid) == (0, b"%d/%d" % (number % 23, number))
    assert (request.sender, request.recipient) == (b"me@there", b"al@mail.test")
    assert sending.kinds(number) == {"mess", "info", "local"}
    assert sending.file("info", number).read_bytes() == b"Fme@there\0"
    assert sending.file("local", number).read_bytes() == b"Tal@mail.test\0"
    for kind in ("info", "local"):
        assert sending.file(kind, number).stat().st_mode & 0o7777 == 0o600
    sending.report(LOCAL, 0, b"Kdid 1+0+0\n")
    sending.logged(b"end msg %d" % number)
    sending.until(lambda: not sending.kinds(number))
    assert sending.terminate() == 0
    assert sending.log == [
        IDLE,
        b"new msg %d" % number,
        b"info msg %d: bytes 83 from <me@there> qp 45 uid 1000" % number,
        b"starting delivery 1: msg %d to local al@mail.test" % number,
        b"status: local 1/10 remote 0/20",
        b"delivery 1: success: did_1+0+0/",
        IDLE,
        b"end msg %d" % number,
        b"status: exiting",
    ]
    assert sending.commands == [b"todo/%d" % number, b"foop/%d" % number]
