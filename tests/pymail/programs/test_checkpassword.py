"""checkpassword as a process"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.unix import passwords
from pymail.unix.home import Home
from tests.support.homes import GROUP_IDS, USER_IDS, Rooted, private_home, rooted_home
from tests.support.world import Place

SHOW = """#!/bin/sh
printf '%s\\n' "$USER" "$HOME" "$SHELL" "$KEPT" "$PWD" "$(id -u)" "$(id -g)" "$(id -G)" "$*"
[ -e /proc/self/fd/3 ] && echo "3 is open"
exit 7
"""


@pytest.fixture
def home(place: Place) -> Home:
    made = private_home(place)
    (place.path / "joe").mkdir()
    (place.path / "show").write_text(SHOW)
    (place.path / "show").chmod(0o755)
    Path(made.file("users/passwd")).write_text(f"joe@x:{{PLAIN}}secret::::{place.path}/joe:\n")
    Path(made.file("control/me")).write_text("x\n")
    place.own()
    return made


def check(
    place: Place, home: Home, data: bytes | None, *arguments: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run it with data on descriptor 3; None: the descriptor is closed."""
    if data is None:
        return place.run("sh", "-c", 'exec "$@" 3<&-', "sh", home.file("bin/checkpassword"), *arguments)
    return place.run(
        "sh", "-c", 'exec 3<&0 </dev/null; exec "$@"', "sh", home.file("bin/checkpassword"), *arguments,
        stdin=data, env={"KEPT": "kept", "USER": "other"},
    )  # fmt: skip


@pytest.mark.parametrize("data", [b"joe@x\0secret\0", b"joe\0secret\0stamp\0more", b"JOE@X\0secret\0\0"])
def test_accepted(place: Place, home: Home, data: bytes) -> None:
    done = check(place, home, data, str(place.path / "show"), "an", "argument")
    folder = str(place.path / "joe")
    lines = done.stdout.decode().splitlines()
    assert lines[:5] == ["joe@x", folder, "/bin/false", "kept", folder]
    assert lines[5] == str(home.owner)
    assert lines[8:] == ["an argument"]
    assert (done.returncode, done.stderr) == (7, b"")


def test_program_is_searched_along_path(place: Place, home: Home) -> None:
    assert check(place, home, b"joe@x\0secret\0", "true").returncode == 0


def test_program_of_this_installation(place: Place, home: Home) -> None:
    """It runs in the same process; what it needs is there all the same."""
    for name in ("new", "cur", "tmp"):
        (place.path / "joe/Maildir" / name).mkdir(parents=True)
    place.own()
    done = check(place, home, b"joe@x\0secret\0", home.file("bin/qmail-pop3d"), "Maildir")
    assert done.stdout == b"+OK \r\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"joe@x\0wrong\0", 1), (b"nobody\0secret\0", 1), (b"joe@x\0\0", 1), (b"\0secret\0", 1),
        (b"", 2), (b"joe@x", 2), (b"joe@x\0", 2), (b"joe@x\0secret", 2), (None, 111),
        (b"x" * 513, 1), (b"joe@x\0secret\0" + b"x" * 499, 7), (b"joe@x\0secret\0" + b"x" * 500, 1),
    ],
)  # fmt: skip
def test_exit_codes(place: Place, home: Home, data: bytes | None, code: int) -> None:
    done = check(place, home, data, str(place.path / "show"))
    assert (done.returncode, done.stderr) == (code, b"")
    assert bool(done.stdout) == (code == 7)


def test_no_program(place: Place, home: Home) -> None:
    for data in (None, b"joe@x\0secret\0"):
        done = check(place, home, data)
        assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


def test_nothing_to_run(place: Place, home: Home) -> None:
    assert check(place, home, b"joe@x\0secret\0", "/nonexistent").returncode == 111


def test_no_home_directory(place: Place, home: Home) -> None:
    (place.path / "joe").rmdir()
    assert check(place, home, b"joe@x\0secret\0", "true").returncode == 111


@pytest.fixture
def rooted(place: Place) -> Iterator[Rooted]:
    with rooted_home(place) as made:
        stored = passwords.hashed(b"secret").decode()
        yescrypt = passwords._crypt(b"secret", "$y$j9T$abcdefghijklmnop$")
        shadow = made.root / "etc/shadow"
        text = shadow.read_text().replace("joe:!:", f"joe:{stored}:")
        shadow.write_text(text.replace("vmail:!:", f"vmail:{yescrypt}:") + "ghost:x\n")
        made.run("ln", "-s", "/var/qmail/bin/checkpassword", "/var/checkpassword")
        (made.root / "var/show").write_text(SHOW)
        (made.root / "var/show").chmod(0o755)
        yield made


def check_rooted(
    rooted: Rooted, login: str, password: str, user: str | None = None, limit: str = "unlimited"
) -> "subprocess.CompletedProcess[bytes]":
    script = f'ulimit -S -v {limit}; printf "%s\\0%s\\0" {login} {password} | {{ exec 3<&0 </dev/null; \
        exec /var/checkpassword /var/show; }}'
    return rooted.run("sh", "-c", script, user=user)


@pytest.mark.root
@pytest.mark.parametrize("user", ["joe", "vmail"])
def test_account_of_the_system(rooted: Rooted, user: str) -> None:
    done = check_rooted(rooted, user, "secret")
    lines = done.stdout.decode().splitlines()
    uid, gid, folder = str(USER_IDS[user]), str(GROUP_IDS[user]), f"/var/homes/{user}"
    assert lines == [user, folder, "/bin/sh", "", folder, uid, gid, gid, ""]
    assert (done.returncode, done.stderr) == (7, b"")


@pytest.mark.root
def test_groups_and_dates_of_an_account(rooted: Rooted) -> None:
    """Groups that /etc/group or the caller has are not the account's; an expired one counts."""
    group, shadow = rooted.root / "etc/group", rooted.root / "etc/shadow"
    group.write_text(re.sub(r"(?m)^(qmail|vmail):.*:$", r"\g<0>joe", group.read_text()))
    shadow.write_text(re.sub(r"(?m)^(joe:[^:]*):.*$", r"\1:1:0:1:1:0:1:", shadow.read_text()))
    assert len(rooted.run("id", "-G", "joe").stdout.split()) == 3
    script = 'printf "joe\\0secret\\0" | { exec 3<&0 </dev/null; exec /var/checkpassword /var/show; }'
    done = rooted.run("setpriv", f"--groups=0,1,{GROUP_IDS['nofiles']}", "sh", "-c", script)
    assert (done.returncode, done.stdout.decode().splitlines()[7]) == (7, str(GROUP_IDS["joe"]))


@pytest.mark.root
@pytest.mark.parametrize(
    ("login", "password", "user"),
    [("joe", "wrong", None), ("nobody", "", None), ("qmaild", "!", None), ("ghost", "x", None),
     ("joe", "secret", "joe")],
)  # fmt: skip
def test_refused(rooted: Rooted, login: str, password: str, user: str | None) -> None:
    """A right password does not help who is not root: there are no ids to take."""
    done = check_rooted(rooted, login, password or "''", user)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@pytest.mark.root
def test_yescrypt_within_a_memory_limit(rooted: Rooted) -> None:
    """What softlimit leaves a service is less than the hash needs."""
    assert check_rooted(rooted, "vmail", "secret", limit="30000").returncode == 7


@pytest.mark.root
def test_mailbox_beside_accounts(rooted: Rooted) -> None:
    """An account hides a mailbox of its name; no mailbox is root's."""
    (rooted.home / "users/passwd").write_text(
        "joe:{PLAIN}other:1:1::/:\n"
        f"jane@x:{{PLAIN}}secret:{USER_IDS['vmail']}:{GROUP_IDS['vmail']}::/var/homes/vmail:/bin/no\n"
        "boss@x:{PLAIN}secret:0:0::/:\n"
        "odd@x:{PLAIN}secret:4294967295:1::/:\n"
        "huge@x:{PLAIN}secret:99999999999:1::/:\n"
    )
    assert check_rooted(rooted, "joe", "other").returncode == 1
    for name in ("boss@x", "odd@x", "huge@x"):
        done = check_rooted(rooted, name, "secret")
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    lines = check_rooted(rooted, "jane@x", "secret").stdout.decode().splitlines()
    uid, gid = str(USER_IDS["vmail"]), str(GROUP_IDS["vmail"])
    assert lines == ["jane@x", "/var/homes/vmail", "/bin/no", "", "/var/homes/vmail", uid, gid, gid, ""]
