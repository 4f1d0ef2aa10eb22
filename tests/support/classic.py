"""The C programs of Debian's daemontools beside ours: one generated invocation, two outcomes

CLASSIC_EXAMPLES=20 in the environment makes a longer run.
"""

import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.support.world import Place

TIMES = int(os.environ.get("CLASSIC_EXAMPLES", "1"))
TRIES = 3  # where what is compared depends on the moment
CLASSIC = Path("/usr/bin")
MISSING = not (CLASSIC / "supervise").exists()
LABEL = re.compile(rb"@4000[0-9a-f]{20}")

ODD = st.sampled_from(
    [b"", b"-", b"--", b"-x", b"--help", b"\xff\xfe", b"-\xc3\xa9", b"a\nb", b"x y", b"n" * 300, b"*", b"."]
)
CLOSED = st.lists(st.sampled_from([0, 1, 2]), max_size=3, unique=True)

Outcome = tuple[int, bytes, bytes, dict[str, tuple[int, bytes]]]


def some(count: int, shrink: bool = True) -> settings:
    """shrink: False where an example takes seconds."""
    phases = list(Phase) if shrink else [Phase.explicit, Phase.generate]
    return settings(max_examples=count * TIMES, phases=phases, suppress_health_check=list(HealthCheck))


def put(path: Path, kind: str) -> None:
    """Something of a kind at a path; nothing if the kind is none of these."""
    if kind == "file":
        path.touch()
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to(path.name)


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of everything in a directory; finished logs by order and ending, labels alike."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for at, name in enumerate(sorted([*folders, *names])):
            path = Path(parent, name)
            shown = f"{at}{path.suffix}" if LABEL.match(os.fsencode(name)) else name
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                content = os.fsencode(os.readlink(path))
            else:
                content = path.read_bytes() if stat.S_ISREG(mode) and os.access(path, os.R_OK) else b""
            found[str(path.relative_to(folder).with_name(shown))] = (mode, LABEL.sub(b"@", content))
    return found


def both(
    place: Place,
    prepare: Callable[[Path], None],
    name: str,
    arguments: Sequence[str | bytes],
    closed: Sequence[int] = (),
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> tuple[Outcome, Outcome]:
    """Run ours and the C program, each in a directory of its own that prepare has filled.

    closed: descriptors that are closed. What it returns is equal where the programs are.
    """
    outcomes = []
    redirections = "".join(f" {fd}>&-" for fd in closed)
    for program in (place.world.bin / name, CLASSIC / name):
        folder = place.path / "work"
        folder.mkdir()
        prepare(folder)
        place.own()
        done = place.run(
            "/bin/sh", "-c", f'exec "$@"{redirections}', "sh", program, *arguments,
            cwd=folder, stdin=stdin, env=env,
        )  # fmt: skip
        found = tree(folder)
        outcomes.append((done.returncode, LABEL.sub(b"@", done.stdout), LABEL.sub(b"@", done.stderr), found))
        remove(folder)
    return outcomes[0], outcomes[1]


def remove(folder: Path) -> None:
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            if not Path(parent, name).is_symlink():
                os.chmod(Path(parent, name), 0o700)
    shutil.rmtree(folder)

