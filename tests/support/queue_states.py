"""Is a queue one that qmail's C programs may have left? Written from qmail's own description of its queue

Knows nothing of the programs under test: neither their table of states nor their paths.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

SPLIT_KINDS = ("mess", "info", "local", "remote")
KINDS = ("mess", "intd", "todo", "info", "local", "remote", "bounce")
# Which files a message has: + there, - not there, ? either. Columns as in KINDS.
LEGAL = {"S2": "+------", "S3": "++-----", "S4": "+?+???-", "S5": "+--+???"}
OWNERS = {"mess": "qmailq", "intd": "qmailq", "todo": "qmailq", "pid": "qmailq",
          "info": "qmails", "local": "qmails", "remote": "qmails", "bounce": "qmails"}  # fmt: skip
MODES = {"qmailq": 0o644, "qmails": 0o600}  # of files, by their owner
RECEIVED = re.compile(
    rb"Received: \(qmail \d+ invoked (?:by alias|from network|for bounce|by uid \d+)\); "
    rb"[1-9]\d? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d -0000\n"
)
ENVELOPE = re.compile(rb"u\d+\0p\d+\0F[^\0]*\0(?:T[^\0]*\0)*")
SENDER = re.compile(rb"F[^\0]*\0")
RECIPIENTS = re.compile(rb"(?:[TD][^\0]+\0)+")
FAILURES = re.compile(rb"(?:<[^\n]*>:\n(?:[^\n]+\n)*\n)+")


class QueueCheck:
    """Looks at one queue in which nothing moves. `complaints` is what is wrong with it."""

    def __init__(
        self, queue: Path, split: int = 23, uids: "Mapping[str, int] | None" = None, received: bool = True
    ) -> None:
        """uids: of the accounts, where it is not one for all. received: whether messages must begin with
        the line of qmail-queue."""
        self._split, self._uids, self._received = split, uids, received
        self.complaints: list[str] = []
        self.states: dict[int, str] = {}
        found: dict[int, dict[str, Path]] = {}
        for kind in KINDS:
            for path in self._files(queue / kind, kind):
                found.setdefault(int(path.name), {})[kind] = path
        for path in (queue / "pid").iterdir():
            if not re.fullmatch(r"\d+\.\d+\.\d+", path.name):
                self.complaints.append(f"{path} has no name of a pid file")
            self._owner(path, "pid")
        for number, files in found.items():
            self._message(number, files)

    def _files(self, folder: Path, kind: str) -> list[Path]:
        """The files of a kind, each where it belongs."""
        if kind not in SPLIT_KINDS:
            return self._numbered(folder)
        if {path.name for path in folder.iterdir()} != set(map(str, range(self._split))):
            self.complaints.append(f"{folder} has not {self._split} parts")
        files = [path for part in folder.iterdir() for path in self._numbered(part)]
        for path in files:
            if int(path.name) % self._split != int(path.parent.name):
                self.complaints.append(f"{path} is in the wrong part")
        return files

    def _numbered(self, folder: Path) -> list[Path]:
        files = list(folder.iterdir())
        strange = [path for path in files if not re.fullmatch("[1-9][0-9]*", path.name)]
        self.complaints += [f"{path} is no number" for path in strange]
        return [path for path in files if path.name.isdigit()]

    def _owner(self, path: Path, kind: str) -> None:
        owner, found = OWNERS[kind], path.lstat()
        if not stat.S_ISREG(found.st_mode):
            self.complaints.append(f"{path} is no file")
        elif stat.S_IMODE(found.st_mode) != MODES[owner]:
            self.complaints.append(f"{path} has mode {found.st_mode:o}")
        if self._uids is not None and found.st_uid != self._uids[owner]:
            self.complaints.append(f"{path} belongs to {found.st_uid}")

    def _message(self, number: int, files: dict[str, Path]) -> None:
        state = state_of(set(files))
        if state is None:
            self.complaints.append(f"message {number} has {' '.join(files)}")
            return
        self.states[number] = state
        for kind, path in files.items():
            self._owner(path, kind)
        if os.stat(files["mess"]).st_ino != number:
            self.complaints.append(f"{files['mess']} has another inode number")
        for kind in KINDS[1:]:
            if kind in files and os.stat(files[kind]).st_ino == number:
                self.complaints.append(f"{files[kind]} has the inode of the message")
        if {"intd", "todo"} <= files.keys() and not os.path.samefile(files["intd"], files["todo"]):
            self.complaints.append(f"message {number}: todo is not intd")
        self._contents(state, files)

    def _contents(self, state: str, files: dict[str, Path]) -> None:
        """What is not being written any more is whole."""
        whole = {"S4": {"todo": ENVELOPE}, "S5": {"info": SENDER, "local": RECIPIENTS, "remote": RECIPIENTS}}
        for kind, grammar in (whole.get(state, {}) | {"bounce": FAILURES}).items():
            if kind in files and not grammar.fullmatch(files[kind].read_bytes()):
                self.complaints.append(f"{files[kind]} holds {files[kind].read_bytes()!r}")
        if state in whole and self._received and not RECEIVED.match(files["mess"].read_bytes()):
            self.complaints.append(f"{files['mess']} does not begin with Received")


def state_of(kinds: set[str]) -> str | None:
    """The state of a message that has these files; None if there is no such state."""
    for name, signs in LEGAL.items():
        cells = zip(signs, KINDS, strict=True)
        if all(sign == "?" or (sign == "+") == (kind in kinds) for sign, kind in cells):
            return name
    return None
