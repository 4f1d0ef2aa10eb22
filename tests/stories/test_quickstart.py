"""examples/quickstart.sh on a fresh clone, as an ordinary user"""

import shutil

import pytest

from tests.support.world import ROOT, TESTER, TESTER_GROUP, Place, free_port


@pytest.mark.timeout(240)
@pytest.mark.parametrize("as_root", [False, pytest.param(True, marks=pytest.mark.root)])
def test_once(place: Place, as_root: bool) -> None:
    """For root, too, the instance belongs to an ordinary user."""
    clone = place.path / "clone"
    clone.mkdir()
    for name in ("pysvc", "pymail", "service", "examples"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone / name)
    place.own()
    ports = {"SMTP_PORT": str(free_port()), "POP3_PORT": str(free_port()), "HOME": str(place.path)}
    words = ("/bin/sh", clone / "examples/quickstart.sh", "--once")
    done = place.run(*words, env=ports, timeout=200, as_root=as_root)
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, said
    assert "fetched by POP3 from port" in said
    assert said.count(": up (pid ") == 8
    assert "success: did_1+0+0/" in said
    assert (clone / "instance").stat().st_uid == TESTER and TESTER_GROUP >= 0
