"""examples/quickstart.sh on a fresh clone, as an ordinary user"""

import shutil

import pytest

from tests.support.world import ROOT, TESTER, TESTER_GROUP, Place, free_port


@pytest.mark.timeout(240)
def test_once(place: Place) -> None:
    clone = place.path / "clone"
    clone.mkdir()
    for name in ("pysvc", "pymail", "service", "examples"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone / name)
    place.own()
    ports = {"SMTP_PORT": str(free_port()), "POP3_PORT": str(free_port()), "HOME": str(place.path)}
    done = place.run("/bin/sh", clone / "examples/quickstart.sh", "--once", env=ports, timeout=200)
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, said
    assert "fetched by POP3 from port" in said
    assert said.count(": up (pid ") == 8
    assert "success: did_1+0+0/" in said
    assert (clone / "instance").stat().st_uid == TESTER and TESTER_GROUP >= 0
