"""unixserver - accept Unix connections and run a program for each

Synopsis:    unixserver [ -qQvUOdD ] [ -u uid ] [ -g gid ] [ -o owner ] [ -r group ] [ -p mode ] [ -m umask ]
             [ -c limit ] [ -b backlog ] [ -B banner ] socket program
Options:     -q -Q -v      say nothing; only errors (default); errors, and a line for each step
             -c limit      at most so many programs at a time (10)
             -b backlog    how many clients may wait to be accepted (128)
             -B banner     send this to each client first
             -p mode       permissions of the socket, in octal; by default those that -m leaves
             -m umask      the umask while the socket is made, in octal (0: everybody may connect)
             -o uid -r gid  the owner and the group of the socket, as numbers
             -O            take them from the environment, SOCKET_UID and SOCKET_GID
             -u uid -g gid  the ids to take once the socket listens, as numbers
             -U            take them from the environment, UID and GID
             -d -D         keep the socket when the server ends, or remove it (default)
Environment: UID, GID, SOCKET_UID, SOCKET_GID   used by -U and -O
             LISTEN_FDS, LISTEN_PID   sockets that were passed on are taken in place of a new one, and stay
Files:       socket   an older socket of that name is removed first; anything else is left, and is an error
Exit codes:  0 on SIGTERM, SIGINT and SIGQUIT; 1 on any error; 255 of a child whose program cannot be run

The program gets the connection as descriptors 0 and 1, and PROTO=UNIX, UNIXLOCALPATH, UNIXLOCALUID,
UNIXLOCALGID, UNIXLOCALPID (what the program itself has), and what the kernel says of the other end:
UNIXREMOTEEUID, UNIXREMOTEEGID, UNIXREMOTEPID. With -v each connection is told of on descriptor 1:

    unixserver: status: 1/10
    unixserver: pid PID
    unixserver: end PID status WAITSTATUS
"""

import _socket
import os

from pysvc import launch
from pysvc.formats import number
from pysvc.unix import activation, chain, descriptors, files, ids, local, signals
from pysvc.unix.accepting import Server
from pysvc.unix.options import BadOption, complaint
from pysvc.unix.settings import ERRORS, SILENT, STATUS, heard, take
from pysvc.unix.strerr import Fatal, unable_to, usage, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pysvc.unix.settings import Flags, Values

FAILED, CANNOT_RUN = 1, 255  # exit codes
HIGHEST_MODE = 0o7777


def _number(word: str) -> int:
    value, rest = number.scan(os.fsencode(word))
    if not word or rest or value > ids.HIGHEST:
        raise usage(__doc__, FAILED)
    return value


def _mode(word: str) -> int:
    if not word or word.strip("01234567") or int(word, 8) > HIGHEST_MODE:
        raise usage(__doc__, FAILED)
    return int(word, 8)


FLAGS: "Flags" = {
    "q": ("verbosity", SILENT), "Q": ("verbosity", ERRORS), "v": ("verbosity", STATUS),
    "d": ("keep", True), "D": ("keep", False),
}  # fmt: skip
VALUES: "Values" = {
    "u": ("uid", _number), "g": ("gid", _number), "o": ("owner", _number), "r": ("group", _number),
    "p": ("mode", _mode), "m": ("umask", _mode), "c": ("limit", _number), "b": ("backlog", _number),
    "B": ("banner", os.fsencode),
}  # fmt: skip


class Settings:
    """What the options ask for, and the program. None: leave it as it is."""

    verbosity = ERRORS
    keep = False
    uid: int | None = None
    gid: int | None = None
    owner: int | None = None
    group: int | None = None
    mode: int | None = None
    umask = 0
    limit, backlog = 10, 128
    banner = b""
    path = ""

    def __init__(self) -> None:
        self.program: list[str] = []

    def take_ids(self) -> None:
        self.uid, self.gid = _variable("UID", self.uid), _variable("GID", self.gid)

    def take_owner(self) -> None:
        self.owner, self.group = _variable("SOCKET_UID", self.owner), _variable("SOCKET_GID", self.group)


def _variable(name: str, default: int | None) -> int | None:
    return _number(os.environ[name]) if name in os.environ else default


def main(argv: list[str]) -> int:
    settings = Settings()
    arguments = argv[1:]
    effects = {"U": settings.take_ids, "O": settings.take_owner}
    try:
        take(settings, arguments, FLAGS, VALUES, effects)
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("unixserver"), FAILED) from None
    if len(arguments) < 2:
        raise usage(__doc__, FAILED)
    settings.path, settings.program = arguments[0], arguments[1:]
    with heard(settings.verbosity):
        try:
            return _start(settings)
        except Fatal as fatal:
            raise Fatal(fatal.text, FAILED, fatal.kind) from None


def _start(settings: Settings) -> int:
    server = UnixServer(settings)
    server.listeners = activation.inherited(_socket.AF_UNIX)
    if not server.listeners:
        server.listeners = [_listen(settings)]
        server.removes = not settings.keep
    launch.preload(settings.program[0])
    with unable_to("set gid"):
        if settings.gid is not None:
            os.setgroups([settings.gid])
            os.setgid(settings.gid)
    with unable_to("set uid"):
        if settings.uid is not None:
            os.setuid(settings.uid)
    launch.freeze()
    server.log_status()
    server.run()


def _listen(settings: Settings) -> _socket.socket:
    umask = settings.umask if settings.mode is None else ~settings.mode & 0o777
    listener = local.listen(settings.path, settings.backlog, umask)  # at no time more may connect
    owner = [-1 if number is None else number for number in (settings.owner, settings.group)]
    with unable_to(f"change the owner of {settings.path}"):
        if owner != [-1, -1]:
            os.lchown(settings.path, *owner)
    return listener


class UnixServer(Server):
    """The parent. removes: the socket at the path is its own, to be removed at the end."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.limit)
        self._settings, self.removes = settings, False
        signals.catch(signals.SIGINT, self.end)
        signals.catch(signals.SIGQUIT, self.end)

    def leave(self) -> "NoReturn":
        if self.removes:
            local.remove(self._settings.path)
        os._exit(0)

    def log(self, line: bytes) -> None:
        if self._settings.verbosity == STATUS:
            try:
                os.write(1, b"unixserver: " + line + b"\n")
            except OSError:
                pass  # nobody reads the log

    def log_status(self) -> None:
        self.log(b"status: %d/%d" % (self.running, self.limit))

    def served(self, pid: int, status: int) -> None:
        super().served(pid, status)
        self.log(b"end %d status %d" % (pid, status))
        self.log_status()

    def serve(self, fd: int, address: "Any", listener: _socket.socket) -> None:
        self.running += 1
        self.log_status()
        try:
            launch.fork("unixserver", lambda: self._in_child(fd))
        except OSError as error:
            if self._settings.verbosity != SILENT:
                warn("unixserver", "dropping connection, unable to fork", error)
            self.running -= 1
            self.log_status()

    def _in_child(self, fd: int) -> "NoReturn":
        self.close()
        settings = self._settings
        with heard(settings.verbosity):
            self.log(b"pid %d" % os.getpid())
            environment = {**os.environb, **local.variables(b"UNIXLOCALPATH", settings.path, fd)}
            with unable_to("print banner", FAILED, "warning"):
                files.write_all(fd, settings.banner)
            with unable_to("set up descriptors", FAILED, "warning"):
                descriptors.as_server(fd)
            signals.default(signals.SIGPIPE)
            with unable_to(f"run {settings.program[0]}", CANNOT_RUN, "warning"):
                chain.run(settings.program, environment)
