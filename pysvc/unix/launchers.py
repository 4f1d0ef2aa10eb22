"""The files by which programs are started: three lines of Python for a bare interpreter

    #!/usr/bin/python3.11 -ISXutf8
    import sys; sys.path += ['/opt/mail/lib/python3.11/site-packages']
    from pysvc.launch import start; start("pysvc", "svok", __file__)

-I and -S: nothing in the environment, in the current directory or in site hooks decides what runs.
-X utf8: nor does the locale decide what arguments are; with EUC-JP or GB18030 not every byte comes through.
Launchers of one installation share their first two lines; by that one program knows that another is
its own and can be run without a new interpreter.
"""

import os
import stat

FLAGS = "-ISXutf8"  # a first line passes one argument
LONGEST = 4096  # bytes of a file looked at; no launcher comes near


class Launcher:
    """Which program a launcher starts: its package ("pysvc" or "pymail") and its name."""

    __slots__ = ("module", "name")

    def __init__(self, package: str, name: str) -> None:
        """module: the one that holds the program, "pysvc.programs.svok"."""
        self.name = name
        self.module = f"{package}.programs.{name.replace('-', '_').replace('@', '_at')}"


def header(interpreter: str, path: list[str]) -> bytes:
    """The two lines that all launchers of one installation share."""
    return os.fsencode(f"#!{interpreter} {FLAGS}\nimport sys; sys.path += {path!r}\n")


def last_line(package: str, name: str) -> bytes:
    return f'from pysvc.launch import start; start("{package}", "{name}", __file__)\n'.encode()


_own: bytes | None = None  # this installation's header; unknown where no launcher started the process
_known: dict[tuple[int, ...], Launcher | None] = {}  # by (device, inode, mtime, size): read once a process


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(fd, LONGEST)
    finally:
        os.close(fd)


def started_by(path: str) -> None:
    """Remember that the launcher at `path` started this process."""
    global _own
    lines = _read(path).split(b"\n", 2)
    _own = b"\n".join([*lines[:2], b""]) if len(lines) == 3 else None


def recognise(path: str) -> Launcher | None:
    """The program that the file at `path` starts, if it is an executable launcher of this installation."""
    if _own is None:
        return None
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        key = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        if key not in _known:
            _known[key] = _parse(_read(path))
    except OSError:
        return None  # the real execve will say what is wrong
    launcher = _known[key]
    return launcher if launcher is not None and executable(path) else None


def executable(path: str) -> bool:
    """Whether execve would get as far as looking into the file."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK, effective_ids=True)
    except OSError:
        return False


def _parse(text: bytes) -> Launcher | None:
    if _own is None or not text.startswith(_own):
        return None
    words = text[len(_own) :].decode(errors="replace").split('"')
    if len(words) != 5 or text[len(_own) :] != last_line(words[1], words[3]):
        return None
    return Launcher(words[1], words[3])
