"""The C programs of Debian's daemontools beside ours: one invocation, two outcomes"""

import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.world import Place

CLASSIC = Path("/usr/bin")
MISSING = not (CLASSIC / "supervise").exists()
LABEL = re.compile(rb"@4000[0-9a-f]{20}")

Outcome = tuple[int, bytes, bytes, dict[str, tuple[int, bytes]]]


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

