"""Homes of the mail system for tests of its programs: a private one, and one that belongs to root

The second has real accounts: it lives in a mount namespace of its own, where /var is empty and
/etc/passwd, /etc/group and /etc/shadow are copies with the mail system's accounts added.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from pymail.installation.hierarchy import make_tree
from pymail.queue import layout
from pymail.unix.home import GROUPS, Home
from tests.support.world import Place, eventually

GROUP_IDS = {"nofiles": 64000, "qmail": 64001, "joe": 64002, "vmail": 64003}
USER_IDS = {role: 64010 + number for number, role in enumerate(GROUPS)} | {"joe": 64030, "vmail": 64031}


def private_home(place: Place) -> Home:
    """A private instance of TESTER in a place, with all programs in its bin."""
    path = place.path / "home"
    path.mkdir()
    place.own()
    home = Home(str(path))
    make_tree(home)
    place.world.home_bin(path)
    return home


def control(home: Home, name: str, content: str) -> None:
    """Write a control file."""
    Path(home.file("control", name)).write_text(content)


def queued(queue: str | Path) -> dict[int, dict[str, bytes]]:
    """What the queue holds: number -> kind of file -> content; pid files under number 0.

    Files that vanish meanwhile are left out.
    """
    found: dict[int, dict[str, bytes]] = {}
    for kind in ("mess", "intd", "todo", "info", "local", "remote", "bounce", "pid"):
        for path in Path(queue, kind).rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    number, name = (0, path.name) if kind == "pid" else (int(path.name), kind)
                    found.setdefault(number, {}).update({name: path.read_bytes()})
    return found


def only_message(queue: str | Path) -> tuple[int, dict[str, bytes]]:
    """The one message of a queue: its number and its files."""
    ((number, files),) = queued(queue).items()
    return number, files


def trigger_reader(home: Home) -> int:
    """A descriptor that stands for qmail-send's end of the trigger; the caller closes it."""
    return os.open(home.file("queue", layout.TRIGGER), os.O_RDONLY | os.O_NONBLOCK)


class Rooted:
    """A home /var/qmail that belongs to root, in a mount namespace that ends with the test."""

    def __init__(self, place: Place, keeper: int) -> None:
        self.place, self._keeper = place, keeper
        self.root = Path(f"/proc/{keeper}/root")
        self.home = self.root / "var/qmail"
        self.queue = self.home / "queue"

    def command(self, *arguments: str, user: str | None = None) -> list[str]:
        """The command line that runs a program in there, as root or as another account."""
        enter = ["nsenter", f"--target={self._keeper}", "--mount", "--wd=/"]
        if user is not None:
            enter += ["setpriv", f"--reuid={USER_IDS[user]}", f"--regid={group_of(user)}", "--clear-groups"]
        return [*enter, *arguments]

    def run(
        self,
        *arguments: str,
        user: str | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        command = self.command(*arguments, user=user)
        return self.place.run(*command, stdin=stdin, as_root=True, env=env, cwd=Path("/"))

    def start(self, *arguments: str, user: str | None = None, **popen: object) -> "subprocess.Popen[bytes]":
        command = self.command(*arguments, user=user)
        return self.place.start(*command, as_root=True, cwd=Path("/"), **popen).process

    def python(self, text: str, user: str | None = None) -> bytes:
        """Run Python code with the packages under test in there; what it prints."""
        path = ":".join(self.place.world.path)
        done = self.run(self.place.world.python, "-B", "-c", text, user=user, env={"PYTHONPATH": path})
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def group_of(user: str) -> int:
    return GROUP_IDS[GROUPS.get(user, user)]


def _accounts(folder: Path) -> None:
    """Copies of the account files in a folder, with the mail system's accounts added."""
    groups = [f"{name}:x:{number}:" for name, number in GROUP_IDS.items()]
    users = [
        f"{name}:x:{number}:{group_of(name)}::/var/homes/{name}:/bin/sh" for name, number in USER_IDS.items()
    ]
    shadow = [f"{name}:!:19000::::::" for name in USER_IDS]
    for name, lines in (("passwd", users), ("group", groups), ("shadow", shadow)):
        ours = {line.split(":")[0] for line in lines}
        old = Path("/etc", name).read_text().splitlines()
        kept = [line for line in old if line.split(":")[0] not in ours]
        (folder / name).write_text("".join(f"{line}\n" for line in kept + lines))


MOUNTS = """
set -e
mount -t tmpfs -o mode=755 tmpfs /var
for name in passwd group shadow; do mount --bind "$1/$name" "/etc/$name"; done
mkdir -p /var/qmail/alias /var/homes/joe /var/homes/vmail
touch "$1/mounted"
exec sleep 1000
"""
BUILD = """
from pymail.installation.hierarchy import make_tree
from pymail.unix.home import Home
make_tree(Home("/var/qmail"))
"""


@contextlib.contextmanager
def rooted_home(place: Place) -> Iterator[Rooted]:
    """/var/qmail with real accounts, in a namespace of its own; only for root."""
    _accounts(place.path)
    unshare = ("unshare", "--mount", "--propagation=private", "sh", "-c", MOUNTS, "sh", str(place.path))
    keeper = place.start(*unshare, as_root=True)
    eventually((place.path / "mounted").exists, what="the mounts")
    rooted = Rooted(place, keeper.pid)
    rooted.python(BUILD)
    for user in ("joe", "vmail"):
        os.chown(rooted.root / "var/homes" / user, USER_IDS[user], group_of(user))
    place.world.home_bin(rooted.home)
    try:
        yield rooted
    finally:
        end_stand_in(rooted.home)


def end_stand_in(home: Path) -> None:
    """End the queue service that qmail-start has left running, if it has."""
    held = home / "queue" / layout.QUEUED
    words = held.read_bytes().split() if held.exists() else []
    if words[:1] == [b"stand-in"]:
        os.kill(int(words[1]), signal.SIGTERM)
