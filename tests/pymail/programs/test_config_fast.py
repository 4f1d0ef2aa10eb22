"""config-fast as a process"""

import os
from pathlib import Path

import pytest

from pymail.unix.home import Home
from tests.support.world import Place


def written(home: Home) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(home.file("control")).iterdir()}


def test_what_is_written_and_said(place: Place, home: Home) -> None:
    """Typed as the installation's document types it: in its own directory, under any umask."""
    bin_directory = Path(home.file("bin"))
    done = place.run("sh", "-c", "umask 077; ./config-fast Mail.Sub.Example.org", cwd=bin_directory)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == """\
Your fully qualified host name is Mail.Sub.Example.org.
Putting Mail.Sub.Example.org into control/me...
Putting Sub.Example.org into control/defaultdomain...
Putting Example.org into control/plusdomain...
Putting Mail.Sub.Example.org into control/locals...
Putting Mail.Sub.Example.org into control/rcpthosts...
Now qmail will refuse to accept SMTP messages except to Mail.Sub.Example.org.
Make sure to change rcpthosts if you add hosts to locals or virtualdomains!
"""
    assert written(home) == {
        "me": "Mail.Sub.Example.org\n", "defaultdomain": "Sub.Example.org\n", "plusdomain": "Example.org\n",
        "locals": "Mail.Sub.Example.org\n", "rcpthosts": "Mail.Sub.Example.org\n",
    }  # fmt: skip
    for name in written(home):
        assert os.stat(home.file("control", name)).st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["example.org", "host"])
def test_short_names_stay_whole(place: Place, home: Home, name: str) -> None:
    assert place.run(home.file("bin/config-fast"), name).returncode == 0
    assert set(written(home).values()) == {f"{name}\n"}


def test_again(place: Place, home: Home) -> None:
    """me is replaced, locals and rcpthosts grow, also where their last line has no end."""
    for name in ("a.b.org", "c.d.org"):
        Path(home.file("control/rcpthosts")).write_text("x.org")
        assert place.run(home.file("bin/config-fast"), name).returncode == 0
    assert written(home) == {
        "me": "c.d.org\n", "defaultdomain": "d.org\n", "plusdomain": "d.org\n",
        "locals": "a.b.org\nc.d.org\n", "rcpthosts": "x.org\nc.d.org\n",
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [[], [""], ["a b"], ["a\nb"], ["a.org", "b.org"]])
def test_usage(place: Place, home: Home, arguments: list[str]) -> None:
    done = place.run(home.file("bin/config-fast"), *arguments)
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr == b"config-fast: usage: config-fast fqdn\n"
    assert written(home) == {}


def test_a_file_that_cannot_be_written(place: Place, home: Home) -> None:
    os.rmdir(home.file("control"))
    done = place.run(home.file("bin/config-fast"), "a.org")
    assert done.returncode == 111
    assert done.stderr == b"config-fast: fatal: unable to write control/me: file does not exist\n"
