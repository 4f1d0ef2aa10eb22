"""tcpserver and its rules"""

import pytest

from tests.support.tcp import DROPPED, both, rules, serve
from tests.support.world import Place


@both
def test_a_denied_client_sees_the_banner_and_the_end(place: Place, server: str) -> None:
    rules(place, b':deny,A="b"')
    running = serve(place, server, "-B", b"hello \xe9", "-x", "rules.cdb", "--", "echo", "ran")
    assert running.talk() == b"hello \xe9"
    assert running.ended()[3:5] == [
        "tcpserver: deny PID here:127.0.0.1:LPORT :127.0.0.1::RPORT",
        "tcpserver: end PID status 25600",
    ]


@both
def test_rules_set_variables(place: Place, server: str) -> None:
    """The first matching rule alone; of a repeated variable the last; they override tcpserver's own."""
    text = b'127.:allow,A="1",A="2",TCPREMOTEIP="\xff",E=""\n127.:deny\n:allow,B="3"\n'
    running = serve(place, server, "-x", rules(place, text), "--", "sh", "-c", "env | sort")
    lines = running.talk().splitlines()
    assert {b"A=2", b"E=", b"TCPREMOTEIP=\xff"} <= set(lines)
    assert not [line for line in lines if line.startswith(b"B=")]
    assert running.ended()[3] == "tcpserver: ok PID here:127.0.0.1:LPORT :127.0.0.1::RPORT"


@both
def test_a_path_from_the_rules_is_for_the_program_only(place: Place, server: str) -> None:
    running = serve(
        place, server, "-x", rules(place, b':allow,PATH="/nowhere"'), "--", "sh", "-c", "echo $PATH"
    )
    assert running.talk() == b"/nowhere\n"


@both
def test_rules_are_read_for_each_connection(place: Place, server: str) -> None:
    rules(place, b":allow")
    running = serve(place, server, "-x", "rules.cdb", "--", "echo", "ran")
    assert running.talk() == b"ran\n"
    rules(place, b":deny")
    assert running.talk() == b""
    rules(place, b":allow")
    assert running.talk() == b"ran\n"


@both
def test_missing_rules(place: Place, server: str) -> None:
    running = serve(place, server, "-x", "no.cdb", "--", "echo", "ran")
    assert running.talk() == b""
    assert running.ended()[3:5] == [
        DROPPED + "unable to read no.cdb: file does not exist", "tcpserver: end PID status 28416",
    ]  # fmt: skip
    assert serve(place, server, "-X", "-x", "no.cdb", "--", "echo", "ran").talk() == b"ran\n"
    running = serve(place, server, "-X", "-x", "/etc/passwd/x", "--", "echo", "ran")
    assert running.talk() == b""
    assert running.ended()[3] == DROPPED + "unable to read /etc/passwd/x: not a directory"


@pytest.mark.parametrize(("content", "why"), [(b"", "protocol error"), (b"\xff" * 2048, "protocol error"),
                                              (None, "is a directory")])  # fmt: skip
def test_broken_rules_drop_the_connection(place: Place, content: bytes | None, why: str) -> None:
    if content is None:
        (place.path / "r").mkdir()
    else:
        (place.path / "r").write_bytes(content)
    running = serve(place, "tcpserver", "-X", "-x", "r", "--", "echo", "ran")
    assert running.talk() == b""
    assert running.ended()[3:5] == [DROPPED + "unable to read r: " + why, "tcpserver: end PID status 28416"]


def test_a_program_of_ours_sees_what_any_program_would(place: Place) -> None:
    rules(place, b'127.:allow,A="1"')
    check = place.world.bin / "tcprulescheck"
    running = serve(place, "tcpserver", "-x", "rules.cdb", "--", check, "rules.cdb")
    assert running.talk() == b"rule 127.:\nset environment variable A=1\nallow connection\n"
    running = serve(place, "tcpserver", "--", check)
    running.talk()
    assert "tcprulescheck: usage: tcprulescheck rules.cdb" in running.ended()
    assert "tcpserver: end PID status 25600" in running.lines()
