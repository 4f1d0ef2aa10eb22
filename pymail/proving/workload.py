"""The run that is recorded: the real programs of a private instance, fed with letters

strace runs this module as a program of its own, and so sees every process that comes of it:

    python -c 'from pymail.proving.workload import main; ...' home count seed

What only the callers of the programs know it writes to home/marks; see proving.trace.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable

from pymail.proving import instance
from pymail.proving.letters import PROGRAM, Letter, letters
from pymail.proving.sink import Sink
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc.unix.strerr import Fatal

PATIENCE = 120.0  # seconds for anything that is waited for
PAUSE = 0.02
ABREAST = 3  # letters on their way in at a time


class Marks:
    """The file of what the world outside sees; one line, one write."""

    def __init__(self, home: str) -> None:
        self._fd = os.open(f"{home}/marks", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def session(self, pid: int, letter: Letter) -> None:
        os.write(self._fd, f"session {pid} {letter.token}\n".encode())

    def accepted(self, token: str) -> None:
        os.write(self._fd, f"accepted {token}\n".encode())


class Service:
    """The programs of an instance, running; home/log has their activity record."""

    def __init__(self, home: Home) -> None:
        """Fatal if they do not come up."""
        self._home = home
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start("qmail-queued")
        wait_until(lambda: queue_service.answers(home), "the queue service")
        self._start("qmail-start", instance.DELIVERY)

    def _start(self, name: str, *arguments: str) -> None:
        path = f"{self._home.path}/bin"
        with open(self._home.file("log"), "ab") as log:
            process = subprocess.Popen(
                [f"{path}/{name}", *arguments], cwd="/", env={"PATH": f"{path}:{os.defpath}"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._processes.append(process)

    def wait_idle(self, *kinds: str) -> None:
        """Wait until the queue holds no files of these kinds. Fatal if that takes too long."""
        wait_until(lambda: not instance.queue_files(self._home, kinds), "an empty queue")

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something. Fatal if it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Fatal(f"unable to go on: {what} was waited for in vain")
        time.sleep(PAUSE)


def by_program(home: Home, letter: Letter, marks: Marks) -> None:
    """Hand a letter to qmail-queue."""
    envelope, ours = os.pipe()
    process = subprocess.Popen(
        [home.file("bin", "qmail-queue")], stdin=subprocess.PIPE, stdout=envelope, cwd="/", env={}
    )
    os.close(envelope)
    marks.session(process.pid, letter)
    assert process.stdin is not None
    with process.stdin as message:
        message.write(letter.body)
    recipients = "".join(f"T{address}\0" for address in letter.addresses)
    os.write(ours, f"F{letter.sender}\0{recipients}\0".encode())
    os.close(ours)
    if process.wait(PATIENCE):
        raise Fatal(f"qmail-queue refused {letter.token}: exit code {process.returncode}")


def by_server(home: Home, letter: Letter, marks: Marks) -> None:
    """Hand a letter to qmail-smtpd."""
    process = subprocess.Popen(
        [home.file("bin", "qmail-smtpd")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, cwd="/", env={"TCPREMOTEIP": "127.0.0.1", "TCPREMOTEHOST": "prover"},
    )  # fmt: skip
    marks.session(process.pid, letter)
    assert process.stdin is not None and process.stdout is not None
    commands = [b"HELO prover", b"MAIL FROM:<%s>" % letter.sender.encode()]
    commands += [b"RCPT TO:<%s>" % address.encode() for address in letter.addresses]
    commands += [b"DATA", letter.body.replace(b"\n", b"\r\n") + b".", b"QUIT"]
    with process.stdin as to, process.stdout as replies:
        reply = replies.readline()
        for command in commands:
            if not reply.startswith((b"2", b"3")):
                raise Fatal(f"qmail-smtpd refused {letter.token}: {reply.decode().strip()}")
            to.write(command + b"\r\n")
            to.flush()
            reply = replies.readline()
    process.wait(PATIENCE)


def main(arguments: list[str]) -> int:
    path, count, seed = arguments[0], int(arguments[1]), int(arguments[2])
    home, marks, everything = Home(path), Marks(path), letters(count, seed)
    sink = Sink(everything, marks.accepted)
    instance.set_route(home, sink.port)
    service = Service(home)
    try:
        waiting = everything[::-1]
        failed: list[BaseException] = []

        def feed() -> None:
            try:
                while waiting:
                    letter = waiting.pop()
                    (by_program if letter.way == PROGRAM else by_server)(home, letter, marks)
            except BaseException as error:
                failed.append(error)

        feeders = [threading.Thread(target=feed) for _ in range(ABREAST)]
        for feeder in feeders:
            feeder.start()
        for feeder in feeders:
            feeder.join()
        if failed:
            raise failed[0]
        service.wait_idle(*instance.MESSAGE_KINDS)
    finally:
        service.stop()
        sink.close()
    return 0
