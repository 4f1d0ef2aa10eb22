"""A private instance to be recorded, or to recover in: programs, control files, mailboxes

Every role is played by the user who runs it.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pymail.installation import hierarchy
from pymail.programs import PROGRAMS as MAIL_PROGRAMS
from pymail.proving import letters
from pymail.proving.disk import Image
from pymail.queue import layout
from pymail.unix.home import Home
from pysvc.installation import packages
from pysvc.programs import PROGRAMS

MESSAGE_KINDS = ("pid", "mess", "intd", "todo", "info", "local", "remote", "bounce")
DELIVERY = "./Maildir/"
_NUMBERED = frozenset(MESSAGE_KINDS) - {"pid"}


def watched() -> list[str]:
    """The directories whose content is at stake, relative to the home; parents before children."""
    found = ["queue"]
    for kind in MESSAGE_KINDS:
        found.append(f"queue/{kind}")
        if kind in layout.SPLIT_DIRECTORIES:
            found += [f"queue/{kind}/{part}" for part in range(layout.SPLIT)]
    found.append("alias")
    for name in letters.MAILDIRS:
        found += [f"alias/{name}", *(f"alias/{name}/{inner}" for inner in ("tmp", "new", "cur"))]
    return found


def build(path: str) -> Home:
    """Make an instance. Raises OSError, Fatal."""
    os.mkdir(path, 0o755)
    home = Home(path)
    hierarchy.make_tree(home)
    for package, programs in (("pysvc", PROGRAMS), ("pymail", MAIL_PROGRAMS)):
        for name in programs:
            launcher = Path(home.file("bin", name))
            launcher.write_bytes(packages.launcher_text(package, name))
            launcher.chmod(0o755)
    host = letters.HOST
    for name, value in {"me": host, "locals": host, "rcpthosts": f"{host}\n{letters.ELSEWHERE}"}.items():
        Path(home.file("control", name)).write_text(f"{value}\n")
    instructions = {name: f"./{name}/" for name in letters.MAILDIRS}
    instructions |= {letters.MBOX: f"./{letters.MBOX}", "forward": f"&box@{host}"}
    for name, text in instructions.items():
        Path(home.file("alias", f".qmail-{name}")).write_text(f"{text}\n")
    for name in letters.MAILDIRS:
        hierarchy.make_maildir(home.file("alias", name), home.owner, home.gid("qmail"))
    return home


def set_route(home: Home, port: int) -> None:
    """Say where the host elsewhere listens."""
    Path(home.file("control", "smtproutes")).write_text(f"{letters.ELSEWHERE}:127.0.0.1:{port}\n")


def mail_files(home: Home) -> dict[str, bytes]:
    """The content of every file in the mailboxes, by its path relative to the home."""
    found = [*(p for name in letters.MAILDIRS for p in Path(home.file("alias", name)).rglob("*"))]
    found.append(Path(home.file("alias", letters.MBOX)))
    return {str(p.relative_to(home.path)): p.read_bytes() for p in found if p.is_file()}


def queue_files(home: Home, kinds: Sequence[str] = MESSAGE_KINDS) -> list[str]:
    """The paths, relative to the home, of all files that belong to messages, or of some kinds of them."""
    found = (path for kind in kinds for path in Path(home.file("queue", kind)).rglob("*"))
    return sorted(str(path.relative_to(home.path)) for path in found if not path.is_dir())


def clear(home: Home) -> None:
    """Take away every message, in the queue and in the mailboxes."""
    for path in (*queue_files(home), *mail_files(home)):
        os.unlink(home.file(path))


def write(home: Home, image: Image) -> None:
    """Put the files of an image into an instance without messages.

    Numbers of messages are inode numbers, and those on the image are taken here: so each message gets
    the number of a file that is made for it, as if its queue had been copied from another disk. That
    file stays while a part of the message does: no other message gets its number meanwhile.
    """
    holders = home.file("holders")
    shutil.rmtree(holders, ignore_errors=True)
    os.mkdir(holders)
    numbers: dict[int, int] = {}
    made: dict[int, str] = {}

    def number_here(number: int) -> int:
        if number not in numbers:
            holder = Path(f"{holders}/{number}")
            holder.touch(0o644)
            numbers[number] = holder.stat().st_ino
        return numbers[number]

    for path, node in image.paths.items():
        if node not in image.contents:
            continue
        place = home.file(_renumbered(path, number_here))
        if node in made:
            os.link(made[node], place)
            continue
        made[node] = place
        kind, number = path.split("/")[1], path.rpartition("/")[2]
        if kind == "mess":
            os.link(f"{holders}/{number}", place)
        _fill(place, image.contents[node], 0o644 if kind in ("mess", "intd", "todo", "pid") else 0o600)


def _renumbered(path: str, number_here: Callable[[int], int]) -> str:
    top, kind, *_ = path.split("/")
    if top != "queue" or kind not in _NUMBERED:
        return path
    number = number_here(int(path.rpartition("/")[2]))
    split = kind in layout.SPLIT_DIRECTORIES
    return "queue/" + (layout.split_path if split else layout.flat_path)(kind, number)


def _fill(path: str, content: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, mode)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)
