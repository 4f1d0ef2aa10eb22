"""Ours and the classic C programs, one for the other"""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from pysvc.formats import status
from tests.support.classic import CLASSIC, MISSING
from tests.support.processes import alive, children, process_state
from tests.support.services import down, service, state, up
from tests.support.world import Place, eventually

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")
PAIRS = [("ours", "classic"), ("classic", "ours")]


def program(place: Place, whose: str, name: str) -> Path:
    return (place.world.bin if whose == "ours" else CLASSIC) / name


def path_of(place: Place, whose: str) -> dict[str, str]:
    """A PATH on which a kind of programs comes first."""
    return {"PATH": f"{place.world.bin}:/usr/bin:/bin" if whose == "ours" else "/usr/bin:/bin"}


def both(place: Place, name: str, arguments: Sequence[str]) -> list[tuple[int, bytes, bytes]]:
    done = [place.run(program(place, whose, name), *arguments) for whose in ("ours", "classic")]
    return [(one.returncode, one.stdout, one.stderr) for one in done]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("svc", []), ("svc", ["-q", "x"]), ("svc", ["-u"]), ("svc", ["-u", "nowhere"]),
        ("svc", ["-u", "plain"]), ("svc", ["-u", "stale"]), ("svc", ["-u", "", "file"]),
        ("svc", ["-", "-d"]), ("svc", ["--", "-u"]), ("svc", ["-d-"]),
        ("svstat", []), ("svstat", ["nowhere", "plain", "stale", "file", "loop", "", "-u"]),
        ("svok", []), ("svok", ["nowhere"]), ("svok", ["plain"]), ("svok", ["stale"]),
        ("svok", ["file"]),
        ("supervise", []), ("supervise", ["a", "b"]), ("supervise", ["nowhere"]), ("supervise", [""]),
        ("supervise", ["file"]), ("supervise", ["loop"]), ("supervise", ["blocked"]),
        ("svscan", ["nowhere"]), ("svscan", ["file"]),
        ("fghack", []), ("fghack", ["nowhere"]), ("fghack", [""]), ("fghack", ["./file"]),
        ("fghack", ["false"]), ("fghack", ["sh", "-c", "kill $$"]),
        ("pgrphack", []), ("pgrphack", ["nowhere"]), ("pgrphack", [""]), ("pgrphack", ["./file"]),
        ("pgrphack", ["false"]), ("readproctitle", []), ("readproctitle", ["a", "...."]),
        ("readproctitle", ["a", "....."]),
    ],
)  # fmt: skip
def test_messages_and_codes(place: Place, name: str, arguments: list[str]) -> None:
    for folder in ("plain", "loop", "blocked"):
        (place.path / folder).mkdir()
    (place.path / "stale/supervise").mkdir(parents=True)
    for fifo in ("ok", "control"):
        os.mkfifo(place.path / "stale/supervise" / fifo)
    (place.path / "loop/down").symlink_to("down")
    (place.path / "blocked/supervise").touch()
    (place.path / "file").touch()
    place.own()
    ours, classic = both(place, name, arguments)
    assert ours == classic


@pytest.mark.parametrize(("keeper", "client"), [*PAIRS, ("ours", "ours"), ("classic", "classic")])
def test_a_service_through_its_life(place: Place, keeper: str, client: str) -> None:
    """One kind of supervise, controlled by one kind of svc, watched by both kinds of svstat and svok."""
    x = service(place, "x", down=True)
    running = place.start(program(place, keeper, "supervise"), "x")
    eventually((x / "supervise/ok").exists)

    def svc(letters: str) -> None:
        done = place.run(program(place, client, "svc"), f"-{letters}", "x")
        assert (done.returncode, done.stderr) == (0, b"")

    def svstats_agree() -> bool:
        ours, classic = both(place, "svstat", ["x"])  # the second may change between them
        return ours == classic and b"seconds" in ours[1]

    eventually(svstats_agree)
    svc("u")
    first = up(x)
    eventually(svstats_agree)
    svc("p")
    eventually(lambda: process_state(first) == "T")
    eventually(svstats_agree)
    svc("ck")
    second = up(x, but=first)
    svc("o")
    eventually(lambda: state(x).want == b"\0")
    eventually(svstats_agree)
    assert both(place, "svok", ["x"]) == [(0, b"", b"")] * 2
    assert alive(second)
    svc("d")
    down(x)
    eventually(svstats_agree)
    svc("x")
    assert running.wait() == 0
    assert both(place, "svok", ["x"]) == [(100, b"", b"")] * 2
    eventually(lambda: both(place, "svstat", ["x"]) == [(0, b"x: supervise not running\n", b"")] * 2)


@pytest.mark.parametrize(("scanner", "keeper"), PAIRS)
def test_svscan_and_supervise(place: Place, scanner: str, keeper: str) -> None:
    """A logged service under one kind of svscan and the other kind of supervise."""
    a = service(place, "service/a", "#!/bin/sh\necho hello\nexec sleep 1000\n")
    log = service(place, "service/a/log", "#!/bin/sh\nexec cat >lines\n")
    running = place.start(program(place, scanner, "svscan"), "service", env=path_of(place, keeper))
    pid, logger = up(a), up(log)
    eventually((log / "lines").exists)
    eventually(lambda: (log / "lines").read_text() == "hello\n")
    keepers = [one for one in children(running.pid) if process_state(one) != "Z"]
    assert len(keepers) == 2
    programs = {os.readlink(f"/proc/{one}/exe") for one in keepers}
    assert programs == {str(place.world.python) if keeper == "ours" else "/usr/bin/supervise"}
    os.kill(pid, signal.SIGKILL)
    up(a, but=pid)
    eventually(lambda: (log / "lines").read_text() == "hello\nhello\n")
    assert state(log).pid == logger


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_one_lock(place: Place, first: str, second: str) -> None:
    x = service(place, "x")
    place.start(program(place, first, "supervise"), "x")
    up(x)
    done = place.run(program(place, second, "supervise"), "x")
    message = b"supervise: fatal: unable to acquire x/supervise/lock: temporary failure\n"
    assert (done.returncode, done.stderr) == (111, message)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_one_after_the_other(place: Place, first: str, second: str) -> None:
    """The files that one kind leaves behind are good for the other."""
    x = service(place, "x")
    for whose in (first, second):
        running = place.start(program(place, whose, "supervise"), "x")
        up(x)
        done = place.run(program(place, whose, "svc"), "-dx", "x")
        assert done.returncode == 0
        assert running.wait() == 0
        assert state(x).pid == 0


@pytest.mark.parametrize("nanoseconds", [0, 500_000_000, 999_999_500])
def test_seconds_are_counted_alike(place: Place, nanoseconds: int) -> None:
    (place.path / "x/supervise").mkdir(parents=True)
    os.mkfifo(place.path / "x/supervise/ok")
    stamp = status.pack(status.Status(1_600_000_000 * 10**9 + nanoseconds, 7, False, b"u"))
    (place.path / "x/supervise/status").write_bytes(stamp)
    place.own()
    reader = os.open(place.path / "x/supervise/ok", os.O_RDONLY | os.O_NONBLOCK)
    results = [both(place, "svstat", ["x"]) for _ in range(20)]
    os.close(reader)
    # A second may change between the two, but most times.
    assert sum(ours == classic for ours, classic in results) > len(results) / 2
