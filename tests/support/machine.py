"""A machine of one's own for tests that install, make accounts and listen on port 25

Mount, network and process namespaces with a copy-on-write view of this machine's file system: what
happens in there is gone when the test ends, and so are all processes. Needs root.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.world import ROOT, eventually

_SETUP = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount --rbind /sys "$1/root/sys"
mount -t proc proc "$1/root/proc"
mkdir -p "$1/root/opt" "$1/root/mnt/source"
mount -t tmpfs -o mode=755 tmpfs "$1/root/opt"
mkdir -m 1777 "$1/root/opt/tmp"
mount --bind "$2" "$1/root/mnt/source"
ip link set lo up
rm -rf "$1/root/service" "$1/root/var/qmail" "$1/root/var/log/qmail" "$1/root/etc/tcp.smtp"*
touch "$1/root/opt/ready"
exec chroot "$1/root" /bin/bash -c 'while :; do sleep 1000 & wait $!; done'
"""


class Machine:
    """Runs commands in the namespaces; `root` is its file system as seen from outside."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")
        self.started: list[subprocess.Popen[bytes]] = []

    def command(self, *words: "str | Path") -> list[str]:
        """The words that run a command in the machine."""
        target = f"--target={self.pid}"
        enter = ["nsenter", target, "--mount", "--net", "--pid", "--uts", "--root", "--wd"]
        return [*enter, *map(str, words)]

    def run(
        self, *words: "str | Path", stdin: bytes = b"", check: bool = True, timeout: float = 90
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end; with check, a failure fails the test and shows what it said."""
        done = subprocess.run(self.command(*words), input=stdin, capture_output=True, timeout=timeout)
        if check and done.returncode:
            raise AssertionError(f"{words}: exit {done.returncode}\n{done.stdout!r}\n{done.stderr.decode()}")
        return done

    def sh(self, script: str, check: bool = True, timeout: float = 90) -> str:
        """Run a shell script and return what it prints."""
        done = self.run("/bin/bash", "-c", script, check=check, timeout=timeout)
        return done.stdout.decode(errors="replace")

    def start(self, *words: "str | Path") -> "subprocess.Popen[bytes]":
        """Start a command that goes on; it ends with the machine at the latest."""
        null = subprocess.DEVNULL
        process = subprocess.Popen(self.command(*words), stdin=null, stdout=null, stderr=null)
        self.started.append(process)
        return process

    def path(self, inside: str) -> Path:
        """A path of the machine as seen from outside; absolute links on the way lead outside."""
        return self.root / inside.lstrip("/")

    def install_code(self) -> None:
        """Install the project as README says: a virtual environment in /opt/pymail."""
        self.sh(
            "mkdir -p /opt/pymail && cd /mnt/source && "
            "cp -r pysvc pymail service examples .venv /opt/pymail/ && "
            "cd /opt/pymail/.venv/lib/python3*/site-packages && "
            "rm -f _*pysvc* __editable__* && echo /opt/pymail >pymail.pth"
        )

    def tool(self, name: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[bytes]":
        """Run the `pysvc` or `pymail` command of the installed code."""
        code = f"import sys; sys.argv[0] = {name!r}; from {name}.programs.{name} import console; console()"
        return self.run("/opt/pymail/.venv/bin/python", "-c", code, *arguments, check=check)


def join(one: Machine, its_address: str, other: Machine, others_address: str) -> None:
    """A cable between two machines, and an IPv4 address for each end, both in one /24."""
    ends = ((one, its_address, f"to{other.pid}"), (other, others_address, f"to{one.pid}"))
    (_, _, name), (_, _, peer) = ends
    enter = ["nsenter", f"--target={one.pid}", "--net"]  # only --net: the pid after netns is one of ours
    words = ["ip", "link", "add", name, "type", "veth", "peer", "name", peer, "netns", str(other.pid)]
    subprocess.run([*enter, *words], check=True)
    for here, address, end in ends:
        here.sh(f"ip address add {address}/24 dev {end} && ip link set {end} up")


@contextlib.contextmanager
def machine() -> Iterator[Machine]:
    """A fresh machine; everything in it ends with the block."""
    base = tempfile.mkdtemp(prefix="pysvc-machine-")
    spaces = ["--mount", "--net", "--pid", "--uts", "--fork", "--kill-child"]
    words = ["unshare", *spaces, "sh", "-c", _SETUP, "sh", base, str(ROOT)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    started: list[subprocess.Popen[bytes]] = []
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

        def inner() -> int:
            if process.poll() is not None:
                raise AssertionError("the namespaces could not be made")
            pids = children.read_text().split()
            ready = pids and Path(f"/proc/{pids[0]}/root/opt/ready").exists()
            inside = ready and b"wait $!" in Path(f"/proc/{pids[0]}/cmdline").read_bytes()
            return int(pids[0]) if inside else 0

        here = Machine(int(str(eventually(inner, what="namespaces"))))
        started = here.started
        yield here
    finally:
        process.kill()
        process.wait(20)
        for ended in started:
            ended.wait(20)
        Path(base).rmdir()
