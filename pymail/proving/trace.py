"""What strace says of a run, as operations on a disk and as moments in the world outside

Only what lies in the watched directories becomes an operation.
A call counts from the moment it returned; what an fsync covers, from the moment it was called.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pymail.proving.disk import ROOT, Names, Operation, Sync, Truncate, Write
from pymail.proving.strace import CALL, LINE, RESUMED, UNFINISHED, Call, children

ANSWERED, ACCEPTED = "answered", "accepted"  # by our server or qmail-queue; by the host elsewhere

_QUEUED = re.compile(rb"^250 ok \d+ qp \d+\r\n", re.MULTILINE)


class Untraceable(Exception):
    """The run did something that cannot be followed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that the world outside saw: ANSWERED or ACCEPTED, and which message."""

    kind: str
    token: str


Step = Operation | Moment


@dataclass
class _OpenFile:
    node: int
    append: bool
    offset: int = 0


@dataclass
class _Process:
    """What threads share and a fork copies."""

    cwd: str
    files: dict[int, _OpenFile] = field(default_factory=dict)

    def forked(self) -> "_Process":
        return _Process(self.cwd, dict(self.files))


class Reader:
    """Follows one run; `steps` is what became of it."""

    def __init__(self, top: str, watched: Iterable[str], marks: str, cwd: str) -> None:
        """top: the directory that is the disk; watched: its directories, relative to it, all of which are
        there from the beginning, and whose parents are among them. marks: the path of the file into
        which the run writes what it knows of the world outside. cwd: where the run started."""
        self.steps: list[Step] = []
        self.directories = {"": ROOT} | {path: node for node, path in enumerate(watched, 1)}
        self._nodes = dict(self.directories)  # what each path stands for now
        self._next = len(self._nodes)
        self._top, self._marks, self._cwd = top, marks, cwd
        self._processes: dict[int, _Process] = {}
        self._entered: dict[int, tuple[str, int]] = {}  # calls under way: text, steps before them
        self._sessions: dict[int, str] = {}  # by process: which message it has been given

    def read(self, lines: list[str]) -> None:
        """Everything that strace wrote. Raises Untraceable."""
        forked = children(lines)
        for number, line in enumerate(lines):
            match = LINE.fullmatch(line)
            if match is None or match[2].startswith(("+++", "---")):
                continue
            pid, text = int(match[1]), match[2]
            if number in forked:
                self._fork(pid, forked[number])
            if text.endswith(UNFINISHED):
                self._enter(pid, text.removesuffix(UNFINISHED))
            else:
                self._return(pid, text)

    def _enter(self, pid: int, text: str) -> None:
        """A call that has not returned yet."""
        self._entered[pid] = (text, len(self.steps))
        if text.startswith("close("):  # before it returns another thread may get that number
            self._close(pid, text.removeprefix("close("))

    def _return(self, pid: int, text: str) -> None:
        since = len(self.steps)
        resumed = RESUMED.fullmatch(text)
        if resumed is not None:
            begun, since = self._entered.pop(pid)
            if begun.startswith("close("):
                return
            text = begun + resumed[1]
        call = CALL.fullmatch(text)
        if call is not None and not call[3].startswith("-"):
            self._call(Call(pid, call[1], call[2], call[3], since))

    def _process(self, pid: int) -> _Process:
        return self._processes.setdefault(pid, _Process(self._cwd))

    def _fork(self, pid: int, child: "tuple[int, bool]") -> None:
        parent = self._process(pid)
        number, thread = child
        self._processes[number] = parent if thread else parent.forked()

    # paths

    def _inside(self, path: str) -> str | None:
        """A path relative to the top, if it lies in one of the watched directories or is one."""
        if not path.startswith(self._top + "/"):
            return None
        inner = path[len(self._top) + 1 :]
        folder = posixpath.dirname(inner)
        return inner if inner in self.directories or (folder and folder in self.directories) else None

    def _paths(self, call: Call) -> list[str]:
        """The absolute paths that a call names, each below its descriptor's directory or the current one."""
        bases = [path for _, path in call.descriptors() if path]
        found = []
        for string in call.strings():
            base = bases.pop(0) if bases else self._process(call.pid).cwd
            path = string.decode("utf-8", "surrogateescape")
            found.append(posixpath.normpath(posixpath.join(base, path)))
        return found

    def _change(self, path: str, node: int | None) -> tuple[int, str, int | None]:
        directory, _, name = path.rpartition("/")
        if node is None:
            self._nodes.pop(path, None)
        else:
            self._nodes[path] = node
        return self._nodes[directory], name, node

    # calls

    def _call(self, call: Call) -> None:
        handler = getattr(self, f"_on_{_SAME.get(call.name, call.name)}", None)
        if handler is not None:
            handler(call)

    def _on_open(self, call: Call) -> None:
        path = self._inside(self._paths(call)[0])
        files = self._process(call.pid).files
        files.pop(call.value, None)
        if path is None:
            return
        flags = call.arguments
        if path not in self._nodes:
            if "O_CREAT" not in flags:
                return  # there from the beginning; writing to it would be noticed
            node, self._next = self._next, self._next + 1
            self.steps.append(Names((self._change(path, node),)))
        elif "O_TRUNC" in flags:
            self.steps.append(Truncate(self._nodes[path], 0))
        files[call.value] = _OpenFile(self._nodes[path], "O_APPEND" in flags)

    def _on_close(self, call: Call) -> None:
        self._close(call.pid, call.arguments)

    def _close(self, pid: int, arguments: str) -> None:
        number = arguments.partition("<")[0]
        self._process(pid).files.pop(int(number), None)

    def _on_dup(self, call: Call) -> None:
        files = self._process(call.pid).files
        files.pop(call.value, None)
        source = files.get(call.descriptors()[0][0])
        if source is not None:
            files[call.value] = source

    def _on_fcntl(self, call: Call) -> None:
        if "F_DUPFD" in call.arguments:
            self._on_dup(call)

    def _on_chdir(self, call: Call) -> None:
        self._process(call.pid).cwd = self._paths(call)[0]

    def _on_fchdir(self, call: Call) -> None:
        self._process(call.pid).cwd = call.descriptors()[0][1]

    def _on_lseek(self, call: Call) -> None:
        found = self._process(call.pid).files.get(call.descriptors()[0][0])
        if found is not None:  # else it was handed over, for reading
            found.offset = call.value

    def _file(self, call: Call) -> _OpenFile | None:
        """What the first descriptor of a call is, if it is in a watched directory. Raises Untraceable."""
        number, path = call.descriptors()[0]
        if self._inside(path) is None:
            return None
        found = self._process(call.pid).files.get(number)
        if found is None:
            raise Untraceable(f"{call.name} on {path}, which was never opened")
        return found

    def _on_write(self, call: Call) -> None:
        data = b"".join(call.strings())[: call.value]
        path = call.descriptors()[0][1]
        if path == self._marks:
            self._mark(data.decode())
        elif self._inside(path) is None:
            self._said(call.pid, data)
        else:
            found = self._file(call)
            assert found is not None
            if call.name in ("pwrite64", "pwritev"):
                self.steps.append(Write(found.node, call.last_number(), data))
                return
            offset = self._size(found.node) if found.append else found.offset
            found.offset = offset + len(data)
            self.steps.append(Write(found.node, offset, data))

    def _size(self, node: int) -> int:
        """How large a file is now."""
        size = 0
        for step in self.steps:
            if isinstance(step, Write) and step.node == node:
                size = max(size, step.offset + len(step.data))
            elif isinstance(step, Truncate) and step.node == node:
                size = step.size
        return size

    def _on_ftruncate(self, call: Call) -> None:
        found = self._file(call)
        if found is not None:
            self.steps.append(Truncate(found.node, call.last_number()))

    def _on_fsync(self, call: Call) -> None:
        found = self._file(call)
        if found is not None:
            self.steps.append(Sync(found.node, call.since))

    def _on_link(self, call: Call) -> None:
        old, new = map(self._inside, self._paths(call)[:2])
        if new is None:
            return
        if old is None or old not in self._nodes:
            raise Untraceable(f"{new} is a link to something outside")
        self.steps.append(Names((self._change(new, self._nodes[old]),)))

    def _on_unlink(self, call: Call) -> None:
        path = self._inside(self._paths(call)[0])
        if path is not None:
            self.steps.append(Names((self._change(path, None),)))

    def _on_rename(self, call: Call) -> None:
        old, new = map(self._inside, self._paths(call)[:2])
        if old is None and new is None:
            return
        if old is None or new is None or old not in self._nodes:
            raise Untraceable(f"{old or new} was moved into or out of what is watched")
        entered = self._change(new, self._nodes[old])
        self.steps.append(Names((entered, self._change(old, None))))

    def _on_unexpected(self, call: Call) -> None:
        """What no program here does to the queue and to mailboxes."""
        paths = [path for _, path in call.descriptors()] + (self._paths(call) if call.strings() else [])
        if any(self._inside(path) is not None for path in paths):
            raise Untraceable(f"{call.name} cannot be followed")

    # the world outside

    def _mark(self, text: str) -> None:
        """`session PID TOKEN`: that process has been given that message; `accepted TOKEN`: by the peer."""
        for line in text.splitlines():
            kind, *words = line.split(" ")
            if kind == "session":
                self._sessions[int(words[0])] = words[1]
            elif kind == ACCEPTED:
                self.steps.append(Moment(ACCEPTED, words[0]))

    def _said(self, pid: int, data: bytes) -> None:
        if pid in self._sessions and _QUEUED.search(data):
            self.steps.append(Moment(ANSWERED, self._sessions.pop(pid)))

    def _on_exit_group(self, call: Call) -> None:
        """A qmail-queue that ends with 0 has promised as much as a server that says 250."""
        token = self._sessions.pop(call.pid, None)
        if token is not None and call.arguments.strip() == "0":
            self.steps.append(Moment(ANSWERED, token))


_SAME = {
    "openat": "open", "creat": "open", "dup2": "dup", "dup3": "dup", "pwrite64": "write", "writev": "write",
    "pwritev": "write", "fdatasync": "fsync", "linkat": "link", "unlinkat": "unlink", "renameat": "rename",
    "renameat2": "rename",
} | dict.fromkeys(
    ("truncate", "pwritev2", "syncfs", "mkdir", "mkdirat", "rmdir", "symlink", "symlinkat", "copy_file_range",
     "sendfile", "splice"), "unexpected",
)  # fmt: skip
