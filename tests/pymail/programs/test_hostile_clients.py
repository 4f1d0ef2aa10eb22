"""Whatever a client says, and whoever it is called: the lines that servers log can be read and split"""

import re
from pathlib import Path

import pytest

from pymail.unix.home import Home
from tests.support.homes import private_home
from tests.support.world import Place

EVIL = (b"\x1b]0;owned\x07", b"\xff\xc2\x9b", b"a\rqmail-smtpd: 1 accepted", b"\0x\x7f", b"x y", b"%s" * 300)
PROGRAMS = {
    "qmail-smtpd": ([], [b"HELO ", b"MAIL FROM:<", b"RCPT TO:<", b"", b"VRFY "]),
    "qmail-popup": (["pop.test", "false"], [b"USER ", b"", b"PASS "]),
    "qmail-pop3d": (["Maildir"], [b"RETR ", b"UIDL ", b""]),
    "qmail-qmtpd": ([], [b"5:", b""]),
    "qmail-qmqpd": ([], [b"5:", b""]),
}


@pytest.fixture
def home(place: Place) -> Home:
    made = private_home(place)
    Path(made.file("control/rcpthosts")).write_text("x.test\n")
    Path(made.file("control/me")).write_text("x.test\n")
    for part in ("new", "cur", "tmp"):
        (place.path / "Maildir" / part).mkdir(parents=True)
    place.own()
    return made


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("evil", EVIL)
def test_log(place: Place, home: Home, program: str, evil: bytes) -> None:
    """Also where names in the environment are as bad as what is said."""
    arguments, verbs = PROGRAMS[program]
    name = evil.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    env = {"TCPREMOTEHOST": name, "TCPREMOTEINFO": name, "TCPREMOTEIP": name, "USER": name}
    said = b"".join(verb + evil + b"\r\n" for verb in verbs)
    done = place.run(home.file("bin", program), *arguments, stdin=said, env=env)
    lines = done.stderr.split(b"\n")
    assert lines.pop() == b""
    for line in lines:
        assert re.fullmatch(rb"%s: \d+ [ -~]+" % program.encode(), line)
        assert b"]0;owned\x07" not in line and b": 1 accepted" not in line
    assert lines or program in ("qmail-qmtpd", "qmail-qmqpd")
