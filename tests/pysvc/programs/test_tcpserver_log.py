"""What tcpserver says"""

import socket
import subprocess

import pytest

from tests.support.tcp import DROPPED, both, received, serve
from tests.support.world import Place, eventually


@both
def test_the_log(place: Place, server: str) -> None:
    running = serve(place, server, "--", "sh", "-c", "cat; exit 3")
    assert running.talk(b"data") == b"data"
    assert running.ended() == [
        "tcpserver: status: 0/40",
        "tcpserver: status: 1/40",
        "tcpserver: pid PID from 127.0.0.1",
        "tcpserver: ok PID here:127.0.0.1:LPORT :127.0.0.1::RPORT",
        "tcpserver: end PID status 768",
        "tcpserver: status: 0/40",
    ]


@both
@pytest.mark.parametrize(
    ("options", "expected"),
    [(("-RHl", "here"), []), (("-vRHl", "here", "-q"), []), (("-qvRHl", "x"), ["tcpserver: status: 0/40"])],
)
def test_how_much_is_said(place: Place, server: str, options: tuple[str, ...], expected: list[str]) -> None:
    running = serve(place, server, "--", "./no", options=options)
    assert running.talk() == b""
    if expected:
        assert running.ended()[:1] == expected
        return
    said = [] if "-q" in options else [DROPPED + "unable to run ./no: file does not exist"]
    eventually(lambda: running.lines() == said)


@both
def test_wait_statuses(place: Place, server: str) -> None:
    running = serve(place, server, "--", "sh", "-c", "read n; kill -$n $$")
    for number in (9, 15):
        running.talk(b"%d\n" % number)
    lines = running.ended(2)
    assert "tcpserver: end PID status 9" in lines and "tcpserver: end PID status 15" in lines


@both
def test_a_program_that_cannot_be_run(place: Place, server: str) -> None:
    running = serve(place, server, "--", "./no")
    assert running.talk() == b""
    assert running.ended()[3:5] == [
        "tcpserver: ok PID here:127.0.0.1:LPORT :127.0.0.1::RPORT",
        DROPPED + "unable to run ./no: file does not exist",
    ] and "tcpserver: end PID status 28416" in running.lines()


@both
@pytest.mark.parametrize(("length", "ending"), [(99, ""), (100, "..."), (101, "...")])
def test_long_names_are_cut_in_the_log(place: Place, server: str, length: int, ending: str) -> None:
    running = serve(place, server, "--", "true", options=("-vRHl", "x" * length))
    running.talk()
    assert running.ended()[3].split()[3].split(":")[0] == "x" * min(length, 100) + ending


def test_a_closed_log_is_no_reason_to_stop(place: Place) -> None:
    command = f"exec {place.world.bin}/tcpserver -1vRHlx 127.0.0.1 0 echo ran 2>&-"
    running = place.start("sh", "-c", command, stdout=subprocess.PIPE)
    assert running.process.stdout is not None
    port = int(running.process.stdout.readline())
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        assert received(client) == b"ran\n"
