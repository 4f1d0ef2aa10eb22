"""svscanboot, in an installation of its own"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from pysvc.programs import svscanboot
from tests.support.processes import alive, children, command_line, process_state
from tests.support.services import service, up
from tests.support.world import Place, Running, eventually


def boot(place: Place) -> Running:
    own = place.path / "x/bin"
    own.mkdir(parents=True, exist_ok=True)
    for name in ("svscanboot", "svscan", "supervise", "svc", "readproctitle", "fghack"):
        shutil.copy(place.world.bin / name, own / name)
    place.own()
    return place.start(own / "svscanboot", env={"PATH": "/usr/bin:/bin", "SECRET": "1"})


def title_of(pid: int) -> bytes:
    return command_line(pid).rstrip(b"\0")


def readproctitle(running: Running) -> int:
    for pid in children(running.pid):
        if command_line(pid).startswith(b"readproctitle service errors: ..."):
            return pid
    return 0


def test_boot(place: Place) -> None:
    """The process that init started becomes svscan; what it and the services say is seen in ps."""
    run = "#!/bin/sh\nenv >env.new; mv env.new env; echo woe >&2\nexec sleep 1000\n"
    a = service(place, "x/service/a", run)
    running = boot(place)
    pid = up(a)
    eventually((a / "env").exists)
    names = {line.partition("=")[0]: line.partition("=")[2] for line in (a / "env").read_text().splitlines()}
    assert names.keys() - {"PWD", "_", "SHLVL", "OLDPWD"} == {"PATH"}  # sh added the others
    assert names["PATH"] == f"{place.path}/x/bin:{svscanboot.PATH}"
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{pid}/fd/1") == os.readlink(f"/proc/{pid}/fd/2")
    assert title_of(running.pid) == f"svscan {place.path}/x/service".encode()
    shower = int(str(eventually(lambda: readproctitle(running))))
    eventually(lambda: title_of(shower).endswith(b"..woe\n"))
    assert len(title_of(shower)) == len("readproctitle service errors: ") + 400
    assert set(os.listdir(f"/proc/{shower}/fd")) == {"0", "1", "2"}


def test_boot_again(place: Place) -> None:
    """TERM ends svscan; the next svscanboot tells the survivors to go, and takes over."""
    a = service(place, "x/service/a")
    log = service(place, "x/service/a/log", "#!/bin/sh\nexec cat\n")
    first = boot(place)
    old, old_log = up(a), up(log)
    shower = int(str(eventually(lambda: readproctitle(first))))
    first.signal(signal.SIGTERM)
    assert first.wait() == -signal.SIGTERM
    assert alive(old)
    assert alive(shower)
    boot(place)
    up(a, but=old)
    up(log, but=old_log)
    eventually(lambda: process_state(shower) in ("Z", ""))  # nobody is left who could say anything


@pytest.mark.parametrize(
    ("own", "exists", "expected"),
    [
        ("/x/bin", True, ("/x/bin:" + svscanboot.PATH, "/x/service")),
        ("/x/bin", False, ("/x/bin:" + svscanboot.PATH, "/service")),
        ("/usr/local/bin", False, (svscanboot.PATH, "/service")),
        ("/usr/local/bin", True, ("/usr/local/bin:" + svscanboot.PATH, "/usr/local/service")),
        ("/x/sbin", True, ("/x/sbin:" + svscanboot.PATH, "/service")),
    ],
)
def test_arrangement(
    own: str, exists: bool, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/anything")
    monkeypatch.setattr(svscanboot.os.path, "isdir", lambda path: exists)
    services = svscanboot.arrange(own)
    assert (os.environ["PATH"], services) == expected


def test_classic_constants() -> None:
    assert svscanboot.SERVICES == "/service"
    assert svscanboot.TITLE == ["service errors:", "." * 400]
    assert Path(svscanboot.PATH.split(":")[0]) == Path("/command")


CLASSIC = Path("/usr/bin/svscanboot")
LOOK = """#!/bin/sh
shown() { tr '\\0' ' ' </proc/$(pgrep -x readproctitle)/cmdline; }
until shown | grep -q 'errors: [.]'; do sleep 0.05; done 2>/dev/null
pipes=$(for fd in 1 2; do [ -p /proc/$$/fd/$fd ] && echo pipe; done)
{ env | sort | grep -v ^PWD=; readlink /proc/$$/fd/0; echo "$pipes"; shown; } >HOME/seen.new
mv HOME/seen.new HOME/seen; exec sleep 1000
"""


@pytest.mark.root
@pytest.mark.skipif(not CLASSIC.exists(), reason="the classic daemontools are not installed")
def test_as_the_classic_one(place: Place) -> None:
    """What a service finds: environment, descriptors, the line of readproctitle."""
    seen = {}
    for whose in ("ours", "classic"):
        home = place.path / whose
        service(place, f"{whose}/service/a", LOOK.replace("HOME", str(home)))
        (home / "service/a/supervise").mkdir()
        if whose == "ours":
            (home / "bin").mkdir()
            for name in ("svscanboot", "svscan", "supervise", "svc", "readproctitle"):
                shutil.copy(place.world.bin / name, home / "bin" / name)
            command = f"exec {home}/bin/svscanboot"
        else:
            mounts = "mount -t tmpfs none /etc && mkdir /etc/service && mount --bind service /etc/service"
            command = f"{mounts} && exec {CLASSIC}"
        place.start(
            "unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc", "/bin/sh", "-c", command,
            cwd=home, as_root=True, env={"SECRET": "1"}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        eventually((home / "seen").exists)
        text = (home / "seen").read_text().replace(f"PATH={home}/bin:", "PATH=")
        seen[whose] = [line.rstrip() for line in text.splitlines()]
    assert seen["ours"] == seen["classic"]
    assert seen["ours"].count("pipe") == 2
    assert seen["ours"][-1].startswith("readproctitle service errors: .....")
