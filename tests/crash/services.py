"""supervise: its status is whole at every moment, and the next supervise takes over"""

import contextlib
import os
import signal
import subprocess
import time

from pysvc.formats import status
from tests.crash.subject import KILLED, TEMPORARY, Subject
from tests.support.injecting import NO_SLEEP
from tests.support.world import Place, eventually

RUN = "#!/bin/sh\necho $$ >>pids\nexec sleep 1000\n"


class Supervise(Subject):
    """A trial starts the service, stops and restarts it, and has supervise exit."""

    module = "supervise"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.service = place.path / "service"
        self.service.mkdir()
        (self.service / "run").write_text(RUN)
        (self.service / "run").chmod(0o755)
        place.own()

    def run(self, rules: list[str]) -> str:
        tampering = (
            {*rules, NO_SLEEP} if rules else ()
        )  # a record shows all calls only where there is no rule
        supervise = self.place.start(
            *self.traced(tampering, "supervise", "service", detached=True), stderr=subprocess.DEVNULL
        )

        def over() -> bool:
            return supervise.process.poll() is not None

        def reached(wanted: str) -> bool:
            self.poke()
            return over() or self.status() == wanted

        try:
            for command, wanted in (("", "up"), ("-d", "down"), ("-u", "up"), ("-dx", "over")):
                if command and not over():
                    self.place.run("svc", command, "service")
                eventually(lambda wanted=wanted: reached(wanted), 20, f"{wanted} ({command})")
            code = supervise.wait()
        finally:
            supervise.stop()
            self.kill_services()
        eventually(lambda: "\n+++ " in self.trace.read_text(errors="replace"), what="the end of the trace")
        assert code in (0, KILLED, TEMPORARY), f"exit {code}"
        self.take_over()
        return {0: "done", KILLED: "killed", TEMPORARY: "refused"}[code]

    def status(self) -> str:
        """up or down, as the file says; "" if there is none. It is never part of one."""
        path = self.service / "supervise/status"
        if not path.exists():
            return ""
        content = path.read_bytes()
        assert len(content) == status.SIZE, f"a status of {len(content)} bytes"
        return "up" if status.unpack(content).pid else "down"

    def take_over(self) -> None:
        """A supervise that nothing disturbs."""
        self.status()
        supervise = self.place.start("supervise", "service")

        def answers() -> bool:
            nonlocal supervise
            if supervise.process.poll() == TEMPORARY:  # a child of the dead one holds the lock until its exec
                supervise = self.place.start("supervise", "service")
            return self.place.run("svok", "service").returncode == 0

        eventually(answers, 20, "supervise")
        eventually(self.alive, 20, "the service up")
        said = self.place.run("svstat", "service").stdout
        assert said.startswith(b"service: up (pid "), said
        self.place.run("svc", "-dx", "service")
        assert supervise.wait() == 0
        left = [path.name for path in (self.service / "supervise").iterdir() if path.name.endswith(".new")]
        assert not left, f"left over: {left}"
        self.kill_services()

    def poke(self) -> None:
        """Have supervise look after everything, without waiting for its time."""
        with contextlib.suppress(OSError):
            control = os.open(self.service / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
            os.write(control, b".")
            os.close(control)
            time.sleep(0.05)

    def alive(self) -> bool:
        """Whether the status names a process that lives."""
        with contextlib.suppress(OSError):
            pid = status.unpack((self.service / "supervise/status").read_bytes()).pid
            return bool(pid) and os.path.exists(f"/proc/{pid}")
        return False

    def kill_services(self) -> None:
        """End what a dead supervise left running."""
        pids = self.service / "pids"
        for pid in pids.read_text().split() if pids.exists() else ():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/cwd") == str(self.service):
                    os.kill(int(pid), signal.SIGKILL)
        pids.unlink(missing_ok=True)
