"""The lines that strace writes: system calls, their arguments, and who was forked by whom

The text is that of `strace -f -y -xx`: every string and path is in hexadecimal, so that a comma is a comma.
"""

import re
from dataclasses import dataclass

CALLS = (
    "open,openat,creat,close,dup,dup2,dup3,fcntl,chdir,fchdir,clone,clone3,fork,vfork,exit_group,lseek,"
    "write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fsync,fdatasync,syncfs,link,linkat,unlink,"
    "unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,symlink,symlinkat,copy_file_range,sendfile,splice"
)
OPTIONS = ("-f", "-y", "-xx", "-s", "16777216", "-e", "signal=none", "-e", f"trace={CALLS}")

LINE = re.compile(r"(\d+) +(.*)")
CALL = re.compile(r"(\w+)\((.*)\)\s*= (\S+).*", re.DOTALL)
RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(-?\d+|AT_FDCWD)(?:<((?:\\x[0-9a-f]{2})*)>)?(?:\(deleted\))?")
UNFINISHED = " <unfinished ...>"


@dataclass
class Call:
    """One system call: who, which, its arguments, what it returned, and how many steps there were before."""

    pid: int
    name: str
    arguments: str
    result: str
    since: int

    @property
    def value(self) -> int:
        return int(re.match(r"-?\d+", self.result)[0])  # type: ignore[index]

    def strings(self) -> list[bytes]:
        return [_unhex(found) for found in _STRING.findall(self.arguments)]

    def descriptors(self) -> list[tuple[int, str]]:
        """(number, path) of each argument that is a descriptor; -100: AT_FDCWD."""
        found = []
        for argument in self.arguments.split(", "):
            match = _DESCRIPTOR.fullmatch(argument)
            if match:
                number = -100 if match[1] == "AT_FDCWD" else int(match[1])
                found.append((number, _text(match[2] or "")))
        return found

    def last_number(self) -> int:
        return int(self.arguments.rpartition(", ")[2], 0)


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _text(text: str) -> str:
    return _unhex(text).decode("utf-8", "surrogateescape")


def children(lines: list[str]) -> dict[int, tuple[int, bool]]:
    """The children that were forked: by the number of the line where that began, (child, is a thread).

    A child may speak before its parent's call has returned.
    """
    found: dict[int, tuple[int, bool]] = {}
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        match = LINE.fullmatch(line)
        if match is None:
            continue
        pid, text = match[1], match[2]
        if text.startswith(("clone(", "clone3(", "fork(", "vfork(")):
            if text.endswith(UNFINISHED):
                begun[pid] = (number, text)
                continue
            start = number
        elif text.startswith(("<... clone", "<... fork", "<... vfork")) and pid in begun:
            start, before = begun.pop(pid)
            text = before + text
        else:
            continue
        child = text.rpartition("= ")[2].partition(" ")[0].partition("<")[0]
        if child.isdigit():
            found[start] = (int(child), "CLONE_THREAD" in text)
    return found
