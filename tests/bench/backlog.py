"""Queues in which many messages wait for an attempt hours from now, on disk as the systems leave them"""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pymail.queue.layout import split_path
from tests.bench.rig import SINK_HOST, Rig

TEXT = b"Subject: waiting\n\nfor a host that does not answer\n"
SENDER, RECIPIENT = b"waiting@source.test", f"far@{SINK_HOST}".encode()
HOURS = 2 * 3600  # until the next attempt
SPREAD = 16  # directories of Postfix's deferred queue


def classic(rig: Rig, count: int) -> None:
    """Make the stopped queue of qmail hold `count` messages: each with mess, info and remote."""
    queue = rig.inside("/var/qmail/queue")
    for kind in ("mess", "info", "remote"):
        clear(queue / kind)
    uids = {name: int(rig.machine.sh(f"id -u {name}")) for name in ("qmailq", "qmails")}
    group = int(rig.machine.sh("id -g qmailq"))
    due = time.time() + HOURS
    parts = {"info": b"F" + SENDER + b"\0", "remote": b"T" + RECIPIENT + b"\0"}
    for _ in range(count):
        first = queue / "pid" / "first"
        write(first, TEXT, uids["qmailq"], group, 0o644)
        number = first.stat().st_ino
        first.rename(queue / split_path("mess", number))
        for kind, content in parts.items():
            path = queue / split_path(kind, number)
            write(path, content, uids["qmails"], group, 0o600)
        os.utime(path, (due, due))  # of the channel file: the time of its next attempt


def postfix(rig: Rig, count: int, send: "Callable[[], object]") -> None:
    """Make Postfix's deferred queue hold `count` messages; send: hands it one that it defers."""
    deferred = rig.inside("/var/spool/postfix/deferred")
    clear(deferred)
    if not count:
        return
    send()
    template = next(path for path in deferred.rglob("*") if path.is_file())
    owner, text = template.stat(), template.read_bytes()
    template.unlink()
    due = time.time() + HOURS
    for at in range(count):
        first = deferred / "first"
        write(first, text, owner.st_uid, owner.st_gid, 0o700)
        os.utime(first, (due, due))
        microseconds = at % (SPREAD - 1) << 16 | at // (SPREAD - 1) % (1 << 16)
        name = f"{microseconds:05X}{first.stat().st_ino:X}"
        folder = deferred / name[0]
        if not folder.exists():
            folder.mkdir(0o700)
            os.chown(folder, owner.st_uid, owner.st_gid)
        first.rename(folder / name)


def write(path: Path, content: bytes, owner: int, group: int, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    os.write(fd, content)
    os.fchown(fd, owner, group)
    os.fchmod(fd, mode)
    os.close(fd)


def clear(folder: Path) -> None:
    """Remove all files of a tree, and give directories that were large their size back."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.unlink()
    for path in [path for path in folder.iterdir() if path.is_dir()]:
        owner = path.stat()
        shutil.rmtree(path)
        path.mkdir(owner.st_mode & 0o777)
        os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(owner.st_mode & 0o777)


def total(queues: Iterable[Path]) -> int:
    """Regular files in whole trees, while others work in them."""
    return sum(len(files) for queue in queues for _, _, files in os.walk(queue))
