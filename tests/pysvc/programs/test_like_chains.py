"""Generated invocations of programs that run another one, and of filters: ours does what the C program does

Output, errors, exit code and what is left on disk are compared.
"""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.classic import CLOSED, MISSING, ODD, both, some
from tests.support.world import Place

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")

# `right` are arguments that lead to the program.
COMMANDS = st.sampled_from([
    [b"true"], [b"sh", b"-c", b"exit 7"], [b"sh", b"-c", b"kill -9 $$"], [b"nowhere"], [b"./file"],
    [b"./script"], [b"./"], [b"sub"], [b""], [b"./no/where"], [b"file/x"], [b"n" * 300], [b"\xff"], [],
    [b"sh", b"-c", b"echo out; echo err >&2; cat"], [b"sh", b"-c", b"echo fds; cd /proc/$$/fd; echo *"],
])  # fmt: skip
RIGHT = {
    b"fghack": st.just([]), b"pgrphack": st.just([]),
    b"setuidgid": st.sampled_from([[b"root"], [b"nobody"], [b"0"], [b"no-such"], [b"\xff"], [b""]]),
    b"envuidgid": st.sampled_from([[b"root"], [b"nobody"], [b"0"], [b"no-such"], [b"\xff"], [b""]]),
    b"envdir": st.sampled_from(
        [[b"sub"], [b"env"], [b"."], [b"nowhere"], [b"file"], [b""], [b"loop"], [b"socket"], [b"unreadable"]]
    ),
    b"softlimit": st.sampled_from(
        [[], [b"-c0"], [b"-o", b"20"], [b"-c", b"="], [b"-z"], [b"-c"], [b"--"], [b"-c0\xc3\xa9"], [b"-f0"],
         [b"-f30", b"-c12x"], [b"-f", b"0", b"-\xc3\xa9"]]
    ),
    b"setlock": st.sampled_from(
        [[b"lock"], [b"-n", b"lock"], [b"-nx", b"sub"], [b"-X", b"no/where"], [b"-q"], [b"fifo"], [b"\xff"],
         [b"-xXn", b"socket"], [b"dangling"], [b"read-only"], [b"/dev/null"], [b"-N", b"file/"], [b"a\nb"]]
    ),
}  # fmt: skip
CHAINED = st.sampled_from(sorted(RIGHT)).flatmap(
    lambda name: st.tuples(
        st.just(name.decode()),
        st.tuples(st.one_of(RIGHT[name], RIGHT[name], st.lists(ODD, max_size=2)), COMMANDS).map(
            lambda parts: [*parts[0], *parts[1]]
        ),
    )
)
PATHS = st.sampled_from(["/usr/bin:/bin", "", ":/bin", "/etc/passwd:/bin", "sub:/bin", "/nowhere"])


def furnish(folder: Path) -> None:
    """Something of every kind."""
    (folder / "sub").mkdir()
    (folder / "env").mkdir()
    (folder / "env/A").write_bytes(b"x \0y\t \nmore\n")
    (folder / "sub/true").touch()
    (folder / "file").touch()
    (folder / "script").write_text("echo no interpreter\n")
    (folder / "script").chmod(0o755)
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("new")
    (folder / "read-only").write_bytes(b"kept")
    (folder / "read-only").chmod(0o444)
    (folder / "unreadable").mkdir()
    (folder / "unreadable/V").touch(0)
    os.mknod(folder / "socket", stat.S_IFSOCK | 0o644)
    os.mkfifo(folder / "fifo")


@some(40)
@given(CHAINED, CLOSED, PATHS, st.sampled_from([b"", b"some input\n"]))
@example(("setlock", [b"lock", b"sh", b"-c", b"echo >&3; ls /proc/$$/fd"]), [0], "/bin", b"")
@example(("fghack", [b"sh", b"-c", b"sleep 0.1 & exit 3"]), [1, 2], "/bin", b"")
def test_what_runs_another(
    place: Place, chosen: tuple[str, list[bytes]], closed: list[int], path: str, stdin: bytes
) -> None:
    name, arguments = chosen
    ours, classic = both(place, furnish, name, arguments, closed, stdin, {"PATH": path})
    assert ours == classic


TEXT = st.lists(
    st.sampled_from([b"", b"one\n", b"@400000006553f10a075bcbf4 x\n", b"\0\n", b"\xff\xfe", b"y" * 3000]),
    max_size=4,
).map(b"".join)


@some(20)
@given(
    st.sampled_from(["tai64n", "tai64nlocal", "readproctitle"]), st.lists(ODD, max_size=2), CLOSED, TEXT,
    st.sampled_from([[], [b"label", b"....................."]]),
)  # fmt: skip
def test_filters(
    place: Place, name: str, arguments: list[bytes], closed: list[int], text: bytes, dots: list[bytes]
) -> None:
    words = [*arguments, *dots] if name == "readproctitle" else arguments
    ours, classic = both(place, lambda folder: None, name, words, closed, text, {"TZ": "Europe/Berlin"})
    assert ours == classic
