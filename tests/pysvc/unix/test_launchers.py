"""Which files are launchers of this installation"""

import os
from pathlib import Path

import pytest

from pysvc.unix import launchers
from tests.support.world import Place

HEADER = launchers.header("/usr/bin/python3", ["/opt/mail/lib"])
SVOK = HEADER + launchers.last_line("pysvc", "svok")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of this installation."""
    monkeypatch.setattr(launchers, "_own", None)
    monkeypatch.setattr(launchers, "_known", {})
    launchers.started_by(str(launcher(tmp_path / "svok", SVOK)))
    return tmp_path


def launcher(path: Path, text: bytes) -> Path:
    path.write_bytes(text)
    path.chmod(0o755)
    return path


def test_a_launcher_says_which_program_it_starts(own: Path) -> None:
    path = launcher(own / "any-name", HEADER + launchers.last_line("pymail", "qmail-smtpd"))
    found = launchers.recognise(str(path))
    assert found is not None
    assert (found.module, found.name) == ("pymail.programs.qmail_smtpd", "qmail-smtpd")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"#!/bin/sh\n", HEADER, SVOK + b"\n", SVOK[:-1], SVOK.replace(b"mail/lib", b"other/lib"),
        SVOK.replace(b"python3", b"python2"), HEADER + b'start("pysvc", "svok")\n', HEADER + b'"""" \xff ""',
    ],
)  # fmt: skip
def test_anything_else_is_none(own: Path, text: bytes) -> None:
    assert launchers.recognise(str(launcher(own / "x", text))) is None


def test_what_cannot_be_executed_is_none(own: Path) -> None:
    (own / "svok").chmod(0o644)
    (own / "folder").mkdir()
    for name in ("svok", "folder", "nothing", "svok/x"):
        assert launchers.recognise(str(own / name)) is None


def test_a_file_that_changes_is_read_again(own: Path) -> None:
    path = launcher(own / "x", SVOK)
    assert launchers.recognise(str(path)) is not None
    path.unlink()
    launcher(own / "x", b"#!/bin/sh\n")
    assert launchers.recognise(str(path)) is None


def test_nothing_is_ours_without_a_launcher(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launchers, "_own", None)
    assert launchers.recognise(str(own / "svok")) is None


@pytest.fixture
def odd_locale(place: Place) -> dict[str, str]:
    """The environment for a locale in which not every byte is a character or part of one."""
    try:
        made = place.run("localedef", "-c", "--no-archive", "-i", "POSIX", "-f", "EUC-JP", place.path / "odd")
    except FileNotFoundError:
        pytest.skip("no localedef")
    if not (place.path / "odd").exists():
        pytest.skip(made.stderr.decode())
    return {"LOCPATH": str(place.path), "LC_ALL": "odd"}


@pytest.mark.parametrize("word", [b"x\x90\xcc", b"x\xff\xfe~\xf5", b"\xc3\xa9"])
def test_arguments_are_bytes_whatever_the_locale(
    place: Place, odd_locale: dict[str, str], word: bytes
) -> None:
    done = place.run("svok", word, env=odd_locale)
    assert done.stderr == b"svok: fatal: unable to chdir to " + word + b": file does not exist\n"
    env = {**odd_locale, "V": os.fsdecode(word)}
    done = place.run("envuidgid", "root", "sh", "-c", 'echo "$1 $V"', "sh", word, env=env)
    assert done.stdout == word + b" " + word + b"\n"
