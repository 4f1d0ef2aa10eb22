"""multilog beside the C program: logs that share their input but not their limits"""

from pathlib import Path

import pytest

from tests.support.classic import CLASSIC, MISSING, remove, tree
from tests.support.world import Place

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")

# Once in a while every third line of some is for the second log.
SELDOM = b"".join(
    b"fatal: %0140d\n" % n if n % 211 > 180 and n % 3 == 0 else b"%099d\n" % n for n in range(1500)
)


@pytest.mark.parametrize("filled", [0, 94000, 97950, 97999, 98500, 99999])
@pytest.mark.parametrize(("label", "pattern"), [("x", "+fatal*"), ("t", "+* fatal*")])
def test_a_log_that_is_seldom_written(place: Place, filled: int, label: str, pattern: str) -> None:
    """How full it is when its next line comes, in the midst of others, is counted as in the original."""
    outcomes = []
    for program in (place.world.bin / "multilog", CLASSIC / "multilog"):
        folder = place.path / "work"
        _prepare(folder, filled)
        place.own()
        done = place.run(
            "/bin/sh", "-c", 'exec "$@" <input', "sh", program,
            label, "s16384", "./all", "s99999", "-*", pattern, "./bad", cwd=folder,
        )  # fmt: skip
        outcomes.append((done.returncode, done.stderr, tree(folder)))
        remove(folder)
    assert outcomes[0] == outcomes[1]


def _prepare(folder: Path, filled: int) -> None:
    (folder / "bad").mkdir(parents=True)
    (folder / "input").write_bytes(SELDOM)
    current = folder / "bad/current"
    current.write_bytes(b"x" * filled)
    current.chmod(0o744)
