"""qbiff as a process"""

import os
import select

import pytest

from pymail.formats.utmp import record_size
from tests.pymail.formats.test_utmp import record
from tests.support.world import Place

ENV = {"USER": "joe", "SENDER": "a\x07b@c", "LOCAL": "joe-x"}
MESSAGE = b"From: x\nSubject:  hi\n there\n\nhello\x1b]0;\n" + b"long " * 30
TEXT = b"    hi/ there//hello/]0;/" + b"long " * 30
SHOWN = b"\r\n\a*** TO <joe-x> FROM <a_b@c>\r\n" + TEXT[:78] + b"\r\n"


@pytest.mark.parametrize("missing", ["USER", "SENDER", "LOCAL", None])
def test_never_fails_never_speaks(place: Place, missing: str | None) -> None:
    env = {name: value for name, value in ENV.items() if name != missing}
    done = place.run("qbiff", stdin=MESSAGE, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.root
@pytest.mark.parametrize(
    ("mode", "owner", "told"), [(0o720, 0, True), (0o620, 0, False), (0o777, 65534, False)]
)
def test_terminals(place: Place, mode: int, owner: int, told: bool) -> None:
    """/run in a mount namespace holds a utmp of our own; only who asked for it is told, on his terminal."""
    master, slave = os.openpty()
    try:
        os.set_blocking(master, False)
        os.chmod(os.ttyname(slave), mode)
        os.chown(os.ttyname(slave), owner, -1)
        line = os.ttyname(slave).removeprefix("/dev/").encode()
        folder = place.path / "run"
        folder.mkdir()
        size = record_size(os.uname().machine)
        records = [record(name, b"joe", size=size) for name in (b"pts/none", line)]
        (folder / "utmp").write_bytes(b"".join(records))
        script = 'mount --bind "$1" /var/run && shift && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder)]
        done = place.run(*command, str(place.world.bin / "qbiff"), stdin=MESSAGE, env=ENV, as_root=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        ready = select.select([master], [], [], 0)[0]
        assert bool(ready) == told
        if told:
            assert os.read(master, 1000).replace(b"\r\r\n", b"\r\n") == SHOWN
    finally:
        os.close(master)
        os.close(slave)
