"""Generated invocations of svc, svok and svstat: ours does what the C program does

Also what comes through the fifo of each service is compared.
"""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import tai64n
from tests.support.classic import MISSING, ODD, TRIES, both, put, some
from tests.support.world import Place

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")

STAMP = st.one_of(
    st.binary(min_size=12, max_size=12),
    st.integers(0, 2_000_000_000).map(lambda seconds: tai64n.pack(seconds * 10**9)),
)
PIDS = st.sampled_from([b"\0" * 4, b"\1\0\0\0", b"\xff" * 4])
STATUS = st.one_of(
    st.none(),
    st.tuples(
        STAMP, PIDS, st.sampled_from([b"\0", b"\1", b"\7"]), st.sampled_from([b"u", b"d", b"\0", b"x"])
    ).map(b"".join),
    st.binary(max_size=20),
)
SERVICE = st.fixed_dictionaries(
    {
        "ok": st.sampled_from(["live", "live", "live", "stale", "file", "absent"]),
        "control": st.sampled_from(["live", "live", "stale", "absent"]),
        "down": st.sampled_from(["absent", "file", "directory", "dangling", "loop"]),
        "status": STATUS,
    }
)
NAMES = [b"a", b"b c", b"\xff", b"-d", b"n\nl"]


@some(30)
@given(
    st.sampled_from(["svc", "svstat", "svok"]),
    st.dictionaries(st.sampled_from(NAMES), SERVICE, max_size=3),
    st.lists(st.sampled_from(["-u", "-dx", "-oo", "-pc", "-haitk", "-", "--", "-q", "-dz"]), max_size=2),
    st.lists(st.one_of(st.sampled_from(NAMES), ODD), max_size=4),
    st.lists(st.sampled_from([1, 2]), max_size=1),
)  # fmt: skip
def test_clients(
    place: Place, name: str, services: dict[bytes, dict[str, object]], options: list[str], named: list[bytes],
    closed: list[int],
) -> None:  # fmt: skip
    """Where a second passes between the two, another pair is run."""
    arguments = [*map(str.encode, options if name == "svc" else []), *named]
    for _ in range(TRIES):
        readers: list[int] = []
        outcomes = both(place, lambda it: _services(it, services, readers), name, arguments, closed)  # noqa: B023
        received = [_received(fd) for fd in readers]
        ours, classic = received[: len(services)], received[len(services) :]
        if outcomes[0] == outcomes[1]:
            break
    assert (outcomes[0], ours) == (outcomes[1], classic)


def _services(folder: Path, services: dict[bytes, dict[str, object]], readers: list[int]) -> None:
    """Directories as supervise leaves them; readers: one of each control fifo is added, or -1."""
    for name, parts in services.items():
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        (path / "supervise").mkdir(parents=True)
        control = -1
        for fifo in ("ok", "control"):
            if parts[fifo] in ("live", "stale"):
                os.mkfifo(path / "supervise" / fifo)
            if parts[fifo] == "live":
                fd = os.open(path / "supervise" / fifo, os.O_RDONLY | os.O_NONBLOCK)
                control = fd if fifo == "control" else control
                OPEN.append(fd)
            if parts[fifo] == "file":
                (path / "supervise" / fifo).touch()
        readers.append(control)
        if isinstance(parts["status"], bytes):
            (path / "supervise/status").write_bytes(parts["status"])
        put(path / "down", str(parts["down"]))


OPEN: list[int] = []


@pytest.fixture(autouse=True)
def _close_readers() -> object:
    yield
    while OPEN:
        os.close(OPEN.pop())


def _received(fd: int) -> bytes:
    return os.read(fd, 99) if fd >= 0 else b""
