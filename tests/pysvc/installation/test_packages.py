"""Where code may lie that root runs"""

import os
from pathlib import Path

import pytest

from pysvc.installation import packages
from pysvc.unix.strerr import Fatal
from tests.support.world import TESTER


@pytest.fixture
def lying_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Code in a directory of its own, below directories that are fine."""
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.setattr(packages, "_parents", lambda path: [str(code)] if path == str(code) else ["/"])
    monkeypatch.setattr(packages, "search_path", lambda: [str(code)])
    return code


def test_private_home(lying_in: Path) -> None:
    lying_in.chmod(0o700)
    with pytest.raises(Fatal, match=r"the mail users cannot enter .*drwx------") as caught:
        packages.check_access(as_root=True)
    assert caught.value.code == 100 and "/opt/pymail" in caught.value.text


@pytest.mark.root
def test_somebody_elses(lying_in: Path) -> None:
    lying_in.chmod(0o755)
    os.chown(lying_in, TESTER, -1)
    with pytest.raises(Fatal, match="who could change what root runs"):
        packages.check_access(as_root=True)


@pytest.mark.root
@pytest.mark.parametrize("path", ["pysvc", "pysvc/launch.py", "pymail/__pycache__/x.pyc", "_crypt_r.so"])
def test_a_part_that_is_somebody_elses(lying_in: Path, path: str) -> None:
    part = lying_in / path
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    lying_in.chmod(0o755)
    packages.check_access(as_root=True)
    os.chown(part, TESTER, -1)
    with pytest.raises(Fatal, match=f"{path} belongs to user {TESTER}"):
        packages.check_access(as_root=True)


@pytest.mark.root
def test_writable_by_all(lying_in: Path) -> None:
    lying_in.chmod(0o777)
    with pytest.raises(Fatal, match="everybody can write"):
        packages.check_access(as_root=True)
    lying_in.chmod(0o1777)
    packages.check_access(as_root=True)


def test_ordinary_user_needs_nothing(lying_in: Path) -> None:
    lying_in.chmod(0o700)
    packages.check_access(as_root=False)
