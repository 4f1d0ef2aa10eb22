"""The environment as one program of a chain leaves it to the next"""

import pytest

from tests.support.world import Place

IMPORTS = "import os, time; from pysvc.unix import environment"


@pytest.mark.parametrize(
    "wanted",
    [{}, {b"A": b"1"}, {b"A": b"2", b"C": b"\xff"}, {b"TZ": b"XYZ5"}, {b"EMPTY": b""}],
)
def test_the_whole_environment_is_replaced(place: Place, wanted: dict[bytes, bytes]) -> None:
    """What a child of the process is given afterwards, and the time zone."""
    script = (
        f"import sys; sys.path += {place.world.path!r}\n{IMPORTS}\n"
        f"environment.replace({wanted!r}); print(time.tzname[0], flush=True)\n"
        "os.execve('/usr/bin/env', ['env'], os.environb)"
    )
    done = place.run(place.world.python, "-IS", "-c", script, env={"A": "1", "B": "2", "TZ": "OLD3"})
    zone, *lines = done.stdout.splitlines()
    assert dict(line.split(b"=", 1) for line in lines) == wanted
    if b"TZ" in wanted:
        assert zone == b"XYZ"
    else:
        assert zone != b"OLD"
