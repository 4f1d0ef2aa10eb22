"""A machine for benchmarks: namespaces of its own, with queues, mailboxes and logs on a real disk

Needs root. What tests.support.machine gives lies in memory; here /var/qmail, /var/spool/postfix, /home and
/var/log are directories of one disk, so that an fsync costs all systems under test what it costs there.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.machine import Machine, machine
from tests.support.world import eventually

ON_DISK = {"/var/qmail": 0o755, "/var/spool/postfix": 0o755, "/home": 0o755, "/var/log": 0o755}
SINK_PORT = 2526
SINK_HOST = "sink.test"
MEMORY = "/dev/shm"  # what the other host gets goes here: it must not load the disk
USER, PASSWORD = "joe", "secret"
# Pages of a file are divided among all who map it. Copies of one's own keep programs that run elsewhere on
# the computer out of the figures; the load generators run from outside and do not share them either.
OWN_COPIES = """
set -e
for program in /usr/bin/python3 /usr/lib/postfix/sbin/master /usr/lib/postfix/sbin/smtpd; do
    [ -e $program ] || continue
    realpath $program
    ldd $program | sed -n 's/.* \\(\\/[^ ]*\\) (.*/\\1/p' | xargs -r realpath
done | sort -u | while read -r file; do cp -a "$file" "$file.own"; mv "$file.own" "$file"; done
"""
IMAGE = 8 << 30  # bytes of a file system in a file
MEMORY_ONLY = ("tmpfs", "overlay", "ramfs")


def file_system(folder: Path) -> str:
    """The type of the file system that holds a directory."""
    words = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(folder)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


class Rig:
    """The machine, and the disk below it as seen from outside."""

    def __init__(self, here: Machine, disk: Path) -> None:
        self.machine, self.disk = here, disk
        self.maildir = disk / "home" / USER / "Maildir"
        self.dumps = Path(tempfile.mkdtemp(prefix="pymail-bench-", dir=MEMORY))
        self.dumps.chmod(0o777)
        self._sink: subprocess.Popen[bytes] | None = None

    def inside(self, path: str) -> Path:
        """A path of the machine that lies on the disk, as seen from outside."""
        for place in ON_DISK:
            if path.startswith(place):
                return self.disk / place.rpartition("/")[2] / path[len(place) :].lstrip("/")
        raise ValueError(path)

    def bind(self) -> None:
        """Put the directories of ON_DISK in their places; what Debian has there is copied."""
        for place, mode in ON_DISK.items():
            folder = self.inside(place)
            folder.mkdir(mode=mode)
            inside = self.machine.root / place.lstrip("/")
            self.machine.sh(f"mkdir -p {place}")
            if place == "/var/spool/postfix":
                subprocess.run(["cp", "-a", f"{inside}/.", f"{folder}/"], check=True)
            words = ["nsenter", f"--target={self.machine.pid}", "--mount", "mount", "--bind"]
            subprocess.run([*words, str(folder), str(inside)], check=True)

    def add_user(self) -> None:
        self.machine.sh(f"useradd -m {USER} && echo {USER}:{PASSWORD} | chpasswd")
        self.empty_mailbox()

    def empty_mailbox(self) -> None:
        """A fresh Maildir: a directory that once was large stays slow."""
        owner = self.maildir.parent.stat()
        shutil.rmtree(self.maildir, ignore_errors=True)
        for folder in (self.maildir, *(self.maildir / name for name in ("new", "cur", "tmp"))):
            folder.mkdir(mode=0o700)
            os.chown(folder, owner.st_uid, owner.st_gid)

    def empty_sink(self) -> None:
        """Forget what smtp-sink got; it is started when this is first called."""
        for dump in self.dumps.iterdir():
            dump.unlink()
        if self._sink is None:
            listen = ("-u", "nobody", "-d", f"{self.dumps}/m.", f"127.0.0.1:{SINK_PORT}", "1000")
            self._sink = self.start("smtp-sink", *listen)
            eventually(lambda: self.connects(SINK_PORT), what="smtp-sink")

    def settle(self) -> None:
        """Write out what earlier runs left to be written."""
        subprocess.run(["sync", "--file-system", str(self.disk)], check=True)

    def connects(self, port: int) -> bool:
        script = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        return not self.machine.run("bash", "-c", script, check=False).returncode

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a load generator: this computer's files, the machine's network."""
        process = subprocess.Popen(
            ["nsenter", f"--target={self.machine.pid}", "--net", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.machine.started.append(process)
        return process

    def logs(self, lines: int = 12) -> str:
        """The ends of all logs, to see why a run failed."""
        return self.machine.sh(
            f"tail -n {lines} /var/log/postfix.log /var/log/dovecot.log /var/log/qmail/current "
            "/var/log/qmail/*/current 2>/dev/null; ps -eo args | grep -m1 '[r]eadproctitle'",
            check=False,
        )  # fmt: skip

    def close(self) -> None:
        if self._sink is not None:
            self._sink.kill()
            self._sink.wait()
        shutil.rmtree(self.dumps, ignore_errors=True)


def lacks_journal(folder: Path) -> bool:
    """Whether a directory lies on an ext4 without a journal, as Debian's installer makes none."""
    if file_system(folder) != "ext4":
        return False
    words = ["findmnt", "--noheadings", "--output", "SOURCE", "--target", str(folder)]
    source = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    device = os.path.basename(os.path.realpath(source))
    return not any(Path("/proc/fs/jbd2").glob(f"{device}-*"))


@contextlib.contextmanager
def journaled(folder: Path) -> Iterator[Path]:
    """A new ext4 with a journal, in a file in `folder`."""
    image, point = folder / "image", folder / "disk"
    point.mkdir()
    with image.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, IMAGE)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


@contextlib.contextmanager
def rig(disk: "Path | None" = None, as_it_is: bool = False) -> Iterator[Rig]:
    """A machine on a fresh directory below `disk`; everything ends with the block.

    Where the disk is an ext4 without a journal, on which nothing that is synced shares a commit, an ext4 that
    has one is made in a file there, unless the disk is to be taken as it is.
    """
    if os.geteuid():
        raise SystemExit("needs root: a private machine has accounts and ports of its own")
    folder = Path(tempfile.mkdtemp(prefix="pymail-bench-", dir=disk or "/var/tmp"))
    folder.chmod(0o755)
    try:
        if (kind := file_system(folder)) in MEMORY_ONLY:
            raise SystemExit(f"{folder.parent} is {kind}, no disk: name another directory with --disk")
        with contextlib.ExitStack() as stack:
            plain = as_it_is or not lacks_journal(folder)
            base = folder if plain else stack.enter_context(journaled(folder))
            here = stack.enter_context(machine())
            the_rig = Rig(here, base)
            try:
                the_rig.bind()
                here.sh(OWN_COPIES)
                here.install_code()
                the_rig.add_user()
                yield the_rig
            finally:
                the_rig.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
