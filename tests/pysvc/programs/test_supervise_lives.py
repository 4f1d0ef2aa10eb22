"""How long supervise and its service live, and how they end"""

import itertools
import os
import select
import signal
import time

import pytest

from pysvc.engines.supervisor import Supervisor
from pysvc.supervision import keeper as keepers
from pysvc.supervision.keeper import Keeper
from tests.support.processes import alive, children, cpu_ticks, process_state
from tests.support.services import down, service, state, supervising, svc, up
from tests.support.world import Place, eventually


def test_paced_restarts(place: Place) -> None:
    """A service that dies at once is started no more than once a second, though SIGCHLD comes."""
    x = service(place, "x", "#!/bin/sh\ncut -d' ' -f22 /proc/$$/stat >>starts\n")  # when it was forked
    supervising(place)
    eventually(lambda: (x / "starts").exists() and len((x / "starts").read_text().split()) >= 3)
    starts = [int(word) / os.sysconf("SC_CLK_TCK") for word in (x / "starts").read_text().split()]
    assert all(later - earlier > 0.9 for earlier, later in itertools.pairwise(starts))


def test_killed_service_is_restarted(place: Place) -> None:
    x = service(place, "x")
    supervising(place)
    first = up(x)
    svc(place, "k")
    second = up(x, but=first)
    svc(place, "t")
    up(x, but=second)
    assert state(x).want == b"u"


def test_down_file_added_later(place: Place) -> None:
    x = service(place, "x")
    supervising(place)
    first = up(x)
    (x / "down").touch()
    svc(place, "k")
    up(x, but=first)


def test_dangling_down(place: Place) -> None:
    x = service(place, "x")
    (x / "down").symlink_to("nowhere")
    supervising(place)
    up(x)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_death_of_supervise(place: Place, number: int) -> None:
    """The service goes on, svok tells, a new supervise starts a second copy."""
    x = service(place, "x")
    running = supervising(place)
    pid = up(x)
    running.signal(number)
    assert running.wait() == -number
    assert place.run("svok", "x").returncode == 100
    assert alive(pid)
    supervising(place)
    up(x, but=pid)
    assert alive(pid)


def test_unknown_children_are_buried(place: Place) -> None:
    """A process that supervise did not start, but became the parent of."""
    x = service(place, "x")
    (place.path / "start").write_text("#!/bin/sh\nsleep 0.2 &\nexec supervise x\n")
    (place.path / "start").chmod(0o755)
    place.own()
    running = place.start(place.path / "start")
    pid = up(x)
    eventually(lambda: children(running.pid) == [pid])
    svc(place, "d")
    down(x)


def test_long_life_needs_no_pause(place: Place) -> None:
    """Restarted at once, not a second later. A busy machine may need more than one attempt to show it."""
    x = service(place, "x")
    supervising(place)
    pid = up(x)
    for _ in range(10):
        eventually(lambda: time.time_ns() - state(x).since > 1_200_000_000)
        os.kill(pid, signal.SIGKILL)
        killed = time.time_ns()
        pid = up(x, but=pid)
        if state(x).since - killed < 700_000_000:
            return
    raise AssertionError("it always took about a second")


def test_clock_steps_do_not_matter(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause after a start is one of the monotonic clock, whatever the time of day does."""
    service(place, "x")
    monkeypatch.chdir(place.path)
    slept: list[float] = []
    keeper = Keeper.__new__(Keeper)
    keeper.directory, keeper.watched, keeper.stale, keeper.poll = "x", -1, False, select.poll()
    keeper.supervisor = Supervisor(0, True)
    monkeypatch.setattr(keepers.time, "sleep", slept.append)
    monkeypatch.setattr(keepers.time, "time", _no_such_clock)
    monkeypatch.setattr(keepers.launch, "fork", lambda *_: os.getpid())
    monkeypatch.setattr(Keeper, "announce", lambda self: None)
    keeper.start()
    keeper.unwatch()
    assert slept == [1]
    assert time.get_clock_info("monotonic").monotonic


def _no_such_clock() -> float:
    raise AssertionError("the time of day")


def test_rests_when_svc_has_gone(place: Place) -> None:
    """With no writer of its own supervise would find the end of file again and again."""
    x = service(place, "x")
    running = supervising(place)
    up(x)
    svc(place, "c")
    eventually(lambda: process_state(running.pid) == "S" and time.time_ns() - state(x).since > 1_200_000_000)
    before = cpu_ticks(running.pid)
    time.sleep(0.5)
    assert cpu_ticks(running.pid) - before < os.sysconf("SC_CLK_TCK") / 10
