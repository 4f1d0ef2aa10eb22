"""tcpserver with very many clients: nothing leaks, nobody waits for others"""

import os
import resource
import socket
import struct
from pathlib import Path

import pytest

from tests.support.processes import children
from tests.support.tcp import SILENT, Server, received, serve
from tests.support.world import Place, eventually


def held(pid: int) -> tuple[list[str], list[int]]:
    """The descriptors and the children of a server."""
    return sorted(os.listdir(f"/proc/{pid}/fd")), children(pid)


def memory(pid: int) -> int:
    """Resident memory in KB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def come_and_go(running: Server, number: int, source: str = "") -> None:
    """A client that waits for the end; every tenth resets at once: it may be gone before it is accepted."""
    with running.connect(source=source) as client:
        if number % 10:
            received(client)
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_thousand_connections_leave_nothing_behind(place: Place) -> None:
    running = serve(place, "tcpserver", "-b", "100", "--", "true", options=("-RHl", "here"))
    running.talk()
    before = eventually(lambda: not children(running.pid) and held(running.pid))
    for number in range(1000):
        come_and_go(running, number)
    running.talk()
    eventually(lambda: held(running.pid) == before, what="descriptors and children as before")


@pytest.mark.parametrize(("options", "count"), [(("-v", *SILENT), 500), (SILENT, 1500)])
def test_two_thousand_connections_leave_nothing_behind(
    place: Place, options: tuple[str, ...], count: int
) -> None:
    """Of descriptors, processes and memory; with limits, so that there are tables that could grow."""
    limits = ("-b", "100", "-C", "100,100000/1", "-N", "100,100000/1")
    running = serve(place, "tcpserver", *limits, "--", "true", options=options)
    for _ in range(50):
        running.talk()
    before = eventually(lambda: not children(running.pid) and held(running.pid))
    size = memory(running.pid)
    for number in range(count):
        come_and_go(running, number, f"127.0.{number % 250}.{1 + number % 200}")
    running.talk()
    eventually(lambda: held(running.pid) == before, what="descriptors and children as before")
    assert memory(running.pid) <= size + 512


def test_a_thousand_at_once(place: Place) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2500:
        pytest.skip("too few descriptors for the clients")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    running = serve(
        place, "tcpserver", "-b", "1100", "-c", "1000", "--", "cat", options=SILENT
    )  # fmt: skip
    running.talk(b"x")
    before = eventually(lambda: not children(running.pid) and held(running.pid))
    clients = [running.connect() for _ in range(1000)]
    try:
        for number, client in enumerate(clients):
            client.sendall(b"%d\n" % number)
        for number, client in enumerate(clients):  # each is served while all others are there
            assert client.recv(10) == b"%d\n" % number
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    eventually(lambda: held(running.pid) == before, timeout=60, what="descriptors and children as before")
