"""`pymail user`: what it does to who can log in, as checkpassword sees it"""

import os
import subprocess
from pathlib import Path

import pytest

from pymail.unix.home import Home
from tests.support.homes import private_home
from tests.support.world import Place


@pytest.fixture
def home(place: Place) -> Home:
    made = private_home(place)
    Path(made.file("control/me")).write_text("mail.test\n")
    place.own()
    return made


def user(place: Place, home: Home, *words: str, password: str = "") -> "subprocess.CompletedProcess[bytes]":
    given = ("--password-stdin",) if password else ()
    command = ("pymail", "user", *words, "--home", home.path, *given)
    return place.run(*command, stdin=password.encode() + b"\n")


def logs_in(place: Place, home: Home, name: str, password: str) -> bool:
    script = 'printf "%s\\0%s\\0stamp\\0" "$1" "$2" | { exec 3<&0 </dev/null; exec "$0" sh -c "exit 7"; }'
    code = place.run("sh", "-c", script, home.file("bin/checkpassword"), name, password).returncode
    assert code in (1, 7)
    return code == 7


def test_from_the_first_to_the_last(place: Place, home: Home) -> None:
    assert user(place, home, "list").stdout == b""
    for address in ("joe@a.test", "jane@b.test"):
        done = user(place, home, "add", address, password="first password")
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(f"made {address}: ".encode())
    assert user(place, home, "list").stdout == b"jane@b.test\njoe@a.test\n"
    assert logs_in(place, home, "joe@a.test", "first password")
    assert not logs_in(place, home, "joe@a.test", "second password")
    assert not logs_in(place, home, "joe@b.test", "first password")

    assert user(place, home, "passwd", "joe@a.test", password="second password").returncode == 0
    assert not logs_in(place, home, "joe@a.test", "first password")
    assert logs_in(place, home, "joe@a.test", "second password")
    assert logs_in(place, home, "jane@b.test", "first password")
    assert b"password" not in Path(home.file("users/passwd")).read_bytes()

    assert user(place, home, "remove", "joe@a.test").returncode == 0
    assert not logs_in(place, home, "joe@a.test", "second password")
    assert user(place, home, "list").stdout == b"jane@b.test\n"


@pytest.mark.parametrize(
    "words",
    [("add", "joe@a.test"), ("add", "no-domain"), ("add", "x:y@a.test"), ("add", "../x@a.test"),
     ("passwd", "jane@a.test"), ("remove", "jane@a.test")],
)  # fmt: skip
def test_refused(place: Place, home: Home, words: tuple[str, ...]) -> None:
    """A word about it, and nothing has changed."""
    assert user(place, home, "add", "joe@a.test", password="first password").returncode == 0
    before = Path(home.file("users/passwd")).read_bytes()
    password = "" if words[0] == "remove" else "other password"
    done = user(place, home, *words, password=password)
    assert done.returncode != 0 and done.stderr.count(b"\n") == 1
    assert Path(home.file("users/passwd")).read_bytes() == before


def test_a_password_is_asked_for_twice_and_never_shown(place: Place, home: Home) -> None:
    terminal, inside = os.openpty()
    with open(terminal, "r+b", buffering=0) as screen:
        running = place.start(
            "pymail", "user", "add", "joe@a.test", "--home", home.path,
            stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
        )  # fmt: skip
        os.close(inside)
        shown = b""
        for prompt in (b"Password:", b"Repeat for confirmation:"):
            while not shown.endswith(prompt + b" "):
                shown += screen.read(1)
            screen.write(b"typed password\n")
        while b"made joe@a.test" not in shown:
            shown += screen.read(1)
        assert running.wait() == 0
    assert b"typed" not in shown
    assert logs_in(place, home, "joe@a.test", "typed password")
