"""What becomes of an instance after a power loss

quickly() lets qmail-send's own loop run in a process of this program, with the real qmail-lspawn,
qmail-local and qmail-queue, under a clock that jumps, until everything must have been cleaned.
really() starts all programs as qmail-start does, and waits until the queue is empty.
"""

import json
import os
import select
import time
from dataclasses import dataclass, field

from pymail.programs import qmail_lspawn
from pymail.protocols.spawn import Reports, Request, encode_request
from pymail.proving import instance
from pymail.proving.letters import MAILDIRS, Letter, whole
from pymail.proving.simulation import Simulation
from pymail.proving.sink import Sink
from pymail.proving.workload import Service
from pymail.queue import cleanup
from pymail.queue.strays import OSSIFIED, PAUSE
from pymail.unix import maildir
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import launchers, signals
from pysvc.unix.files import read_all, write_all
from pysvc.unix.strerr import Fatal

# When nothing may be left: what was touched now is a stray at the second of two scans at the latest.
CLEANED = OSSIFIED + PAUSE + 3600
CONCURRENCY = [10, 20]
BLOCK = 65536
PATIENCE = 60  # seconds of real time for one recovery


@dataclass
class Recovered:
    """What was found afterwards: tokens the host elsewhere got, files left over, what went wrong."""

    away: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    trouble: str = ""


def quickly(home: Home, letters: list[Letter]) -> Recovered:
    """Recover in a child, in simulated days."""
    read, write = os.pipe()

    def body() -> int:
        os.close(read)
        write_all(write, json.dumps(_recover(home, letters).__dict__).encode())
        return 0

    pid = launch.fork("pymail", body)
    os.close(write)
    poll = select.poll()
    poll.register(read)
    in_time = bool(poll.poll(PATIENCE * 1000))
    if not in_time:
        os.kill(pid, signals.SIGKILL)
    text = read_all(read)
    os.close(read)
    os.waitpid(pid, 0)
    if not text:
        return Recovered(trouble="the recovery crashed" if in_time else "the recovery does not end")
    return Recovered(**json.loads(text))


def _recover(home: Home, letters: list[Letter]) -> Recovered:
    result = Recovered()
    known = {letter.token: letter for letter in letters}
    local = _Lspawn(home)

    def remotely(request: Request, now: int) -> tuple[int, bytes]:
        with open(home.file("queue", "mess", os.fsdecode(request.messid)), "rb") as message:
            token = whole(known, message.read())
        if token is None:
            result.trouble = f"the message of {request.messid.decode()} went out and is not whole"
            return 0, b"Dnot whole\n"
        result.away.append(token)
        return 0, b"Ktaken\n"

    now = int(time.time()) + 1
    simulation = Simulation(home, now, CONCURRENCY, (local.deliver, remotely))
    try:
        simulation.run(now + CLEANED)
        simulation.end()
    except Exception as error:
        result.trouble = launch.fault(error)
    local.close()
    _clean_later(home, now + CLEANED)
    result.left = instance.queue_files(home) + _unfinished(home)
    return result


def _clean_later(home: Home, now: int) -> None:
    """What qmail-clean does now and then, and readers of Maildirs."""
    os.chdir(home.file("queue"))
    cleanup.expire_pids(now)
    cleanup.expire_envelopes(now)
    for name in MAILDIRS:
        os.chdir(home.file("alias", name))
        maildir.clean_tmp(now)


def _unfinished(home: Home) -> list[str]:
    return [path for path in instance.mail_files(home) if "/tmp/" in path]


class _Lspawn:
    """A real qmail-lspawn; one delivery after the other."""

    def __init__(self, home: Home) -> None:
        theirs, self._write = os.pipe()
        self._read, reports = os.pipe()
        path = home.file("bin", "qmail-lspawn")
        launchers.started_by(path)

        def body() -> int:
            null = os.open("/dev/null", os.O_RDWR)
            for target, fd in enumerate((theirs, reports, null)):
                os.dup2(fd, target)
            os.closerange(3, 1024)
            return qmail_lspawn.main([path, instance.DELIVERY])

        self._pid = launch.fork("qmail-lspawn", body)
        os.close(theirs)
        os.close(reports)
        os.read(self._read, 1)
        self._reports = Reports()

    def deliver(self, request: Request, now: int) -> tuple[int, bytes]:
        write_all(self._write, encode_request(0, request.messid, request.sender, request.recipient))
        while True:
            data = os.read(self._read, BLOCK)
            if not data:
                raise Fatal("qmail-lspawn is gone")
            for _, report in self._reports.feed(data):
                return 0, report

    def close(self) -> None:
        os.close(self._write)
        os.waitpid(self._pid, 0)
        os.close(self._read)


def really(home: Home, letters: list[Letter]) -> Recovered:
    """Recover with all programs running for real, until the queue holds nothing but strays."""
    result = Recovered()
    sink = Sink(letters, result.away.append)
    instance.set_route(home, sink.port)
    try:
        service = Service(home)
        try:
            service.wait_idle("todo", "info")
        finally:
            service.stop()
    except Fatal as error:
        result.trouble = error.text
    finally:
        sink.close()
    return result
