"""A place where the installed programs can be run by an ordinary user, also when root runs the tests

Everything is real: launchers on disk, a process for each program. As root, programs run as the uid
TESTER unless a test asks for root, and the code they load lies in a directory that TESTER can read.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pymail.programs
import pysvc.programs
from pysvc.installation import packages
from pysvc.unix import launchers

ROOT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
TESTER = 65534 if IS_ROOT else os.geteuid()
TESTER_GROUP = 65534 if IS_ROOT else os.getegid()
PORTS = range(10000, 32768)  # below what Linux takes from
MODULES = {"pysvc": pysvc.programs.PROGRAMS, "pymail": pymail.programs.PROGRAMS}


def _readable(path: str) -> bool:
    """Whether everybody may go through each directory above path."""
    parts = Path(path).resolve()
    return all(part.stat().st_mode & 0o001 for part in (parts, *parts.parents) if part.is_dir())


def _python() -> str:
    """An interpreter that TESTER can run: this one, or the system's where this one lies in a private home."""
    own = packages.interpreter()
    return own if not IS_ROOT or _readable(str(Path(own).parent)) else os.path.realpath("/usr/bin/python3")


class World:
    """Launchers of every program in one directory, made once a test session."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.bin = base / "bin"
        self.bin.mkdir()
        self.python = _python()
        self.path = self._packages()
        for package, programs in MODULES.items():
            for name in programs:
                self.write_launcher(self.bin / name, package, name)

    def _packages(self) -> list[str]:
        path = packages.search_path()
        if not IS_ROOT or all(_readable(folder) for folder in path):
            return path
        code = self.base / "code"
        for folder in path:
            for name in ("pysvc", "pymail", *packages.LIBRARIES):
                for source in Path(folder).glob(f"*{name}*"):
                    target = code / source.name
                    if source.is_dir() and not target.exists():
                        shutil.copytree(source, target)
                    elif source.is_file() and not target.exists():
                        code.mkdir(exist_ok=True)
                        shutil.copy(source, target)
        return [str(code)]

    def write_launcher(self, path: Path, package: str, name: str) -> None:
        path.write_bytes(launchers.header(self.python, self.path) + launchers.last_line(package, name))
        path.chmod(0o755)

    def home_bin(self, home: Path) -> None:
        """Put the launchers of all programs into a home's bin."""
        (home / "bin").mkdir(parents=True, exist_ok=True)
        for name in os.listdir(self.bin):
            shutil.copy(self.bin / name, home / "bin" / name)


class Running:
    """A started program; stopped by its pid when the test ends."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.pid = process.pid

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = 20) -> int:
        return self.process.wait(timeout)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Place:
    """A temporary directory that TESTER owns, and the means to run programs there."""

    def __init__(self, world: World, path: Path) -> None:
        self.world, self.path = world, path
        self._running: list[Running] = []

    def _options(
        self, as_root: bool, env: "Mapping[str, str] | None", cwd: "Path | None"
    ) -> dict[str, object]:
        environment = {"PATH": f"{self.world.bin}:/usr/bin:/bin:/usr/sbin:/sbin", **(env or {})}
        options: dict[str, object] = {"cwd": cwd or self.path, "env": environment}
        if IS_ROOT and not as_root:
            options.update(user=TESTER, group=TESTER_GROUP, extra_groups=[])
        return options

    def command(self, arguments: "Sequence[str | bytes | Path]") -> list[str | bytes | Path]:
        """The arguments with the program's name replaced by its launcher's path, if it is one of ours."""
        first, *rest = arguments
        own = self.world.bin / os.fsdecode(first)
        return [own if "/" not in os.fsdecode(first) and own.exists() else first, *rest]

    def run(
        self,
        *arguments: "str | bytes | Path",
        stdin: bytes = b"",
        env: "Mapping[str, str] | None" = None,
        cwd: "Path | None" = None,
        as_root: bool = False,
        timeout: float = 60,
        **popen: object,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a program to its end; its output is captured. A name without `/` is one of ours first."""
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            self.command(arguments), input=stdin, capture_output=True, timeout=timeout,
            **self._options(as_root, env, cwd), **popen,
        )  # fmt: skip

    def start(
        self,
        *arguments: "str | bytes | Path",
        env: "Mapping[str, str] | None" = None,
        cwd: "Path | None" = None,
        as_root: bool = False,
        **popen: object,
    ) -> Running:
        """Start a program that goes on; it is killed when the test ends. Pipes as asked for in popen."""
        process = subprocess.Popen(  # type: ignore[call-overload]
            self.command(arguments), **self._options(as_root, env, cwd), **popen
        )
        running = Running(process)
        self._running.append(running)
        return running

    def stop(self) -> None:
        """Kill what was started here, the latest first, and what it left behind in this directory."""
        for running in reversed(self._running):
            running.stop()
        for _ in range(50):  # a survivor may be forking while we look
            survivors = self._survivors()
            if not survivors:
                break
            for pid in survivors:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def _survivors(self) -> list[int]:
        """Processes whose current directory or command line lies in this place."""
        mine = os.fsencode(str(self.path))
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                state = Path(f"/proc/{entry}/stat").read_bytes().rpartition(b")")[2].split()[0]
                cwd = os.fsencode(os.readlink(f"/proc/{entry}/cwd"))
                command = Path(f"/proc/{entry}/cmdline").read_bytes()
                inside = cwd == mine or cwd.startswith(mine + b"/") or mine + b"/" in command
                if state != b"Z" and inside:
                    found.append(int(entry))
        return found

    def own(self) -> None:
        """Give everything in the place to TESTER (needed after root made files in it)."""
        if IS_ROOT:
            for folder, _, files in os.walk(self.path):
                os.chown(folder, TESTER, TESTER_GROUP)
                for name in files:
                    os.chown(os.path.join(folder, name), TESTER, TESTER_GROUP, follow_symlinks=False)


@contextlib.contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A directory that every user may enter, owned by TESTER; removed at the end."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    if IS_ROOT:
        os.chown(path, TESTER, TESTER_GROUP)
    try:
        yield path
    finally:
        for folder, names, _ in os.walk(path):  # tests make directories that nobody may read
            for name in names:
                inner = os.path.join(folder, name)
                if not os.path.islink(inner):
                    with contextlib.suppress(OSError):
                        os.chmod(inner, 0o700)
        shutil.rmtree(path, ignore_errors=True)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on now.

    It is none of those that the kernel gives to whoever asks for any: a test that runs at the same time may
    do so before this one is used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            port = PORTS.start + secrets.randbelow(len(PORTS))
            probe.bind((host, port))
            return port


def first_line(running: Running) -> str:
    """What a program that was started with a pipe for it says next on its standard error."""
    assert running.process.stderr is not None
    return str(running.process.stderr.readline().decode())


def eventually(condition: "Callable[[], object]", timeout: float = 20, what: str = "") -> object:
    """Poll until condition() is true and return its value; fail when it takes too long.

    For states that no descriptor announces; where there is an event, wait for that instead.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {what or condition}")
        time.sleep(0.01)
    return value


def takes_connections(path: "str | Path") -> bool:
    """Whether somebody accepts connections at a Unix socket, which has its name a moment before."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections on a port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return probe.connect_ex((host, port)) == 0

