"""Passwords of mailboxes in a private home; those of accounts are in the test of checkpassword"""

import resource
from collections.abc import Callable
from pathlib import Path
from pwd import struct_passwd

import pytest

from pymail.unix import passwords
from pymail.unix.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Private, whoever runs the tests."""
    for name in ("users", "control"):
        (tmp_path / name).mkdir()
    made = Home(str(tmp_path))
    made.private, made.owner = True, made.owner or 65534
    made._gids["qmail"] = 65534
    return made


def write(home: Home, *lines: str) -> None:
    Path(home.file("users/passwd")).write_text("".join(f"{line}\n" for line in lines))


def hash_of(password: str, salt: str) -> str:
    made = passwords._crypt(password.encode(), salt)
    assert made is not None
    return made


SALTS = ["$6$abcdefgh$", "$6$rounds=1000$abcdefgh$", "$5$rounds=1000$abcdefgh$", "$1$abcdefgh$",
         "$2b$04$abcdefghijklmnopqrstuu", "$y$j9T$abcdefghijklmnop$", "ab"]  # fmt: skip


@pytest.mark.parametrize("salt", SALTS)
def test_hashes(home: Home, salt: str) -> None:
    write(home, f"joe@x:{{CRYPT}}{hash_of('secret', salt)}:::::")
    assert passwords.verify(home, b"joe@x", b"secret") is not None
    assert passwords.verify(home, b"joe@x", b"Secret") is None
    assert passwords.verify(home, b"joe@x", b"") is None


@pytest.mark.parametrize(
    ("field", "password", "right"),
    [
        ("{PLAIN}secret", b"secret", True), ("{plain}secret", b"secre", False), ("{PLAIN}", b"", False),
        ("secret", b"secret", False), ("", b"", False), ("{CRYPT}", b"", False), ("{CRYPT}!", b"!", False),
        ("{CRYPT}*0", b"x", False), ("{CRYPT}*1", b"x", False), ("{WHAT}secret", b"secret", False),
        ("{SHA512-CRYPT}x", b"x", False),
    ],
)  # fmt: skip
def test_schemes(home: Home, field: str, password: bytes, right: bool) -> None:
    write(home, f"joe@x:{field}:1:1::/h:")
    assert (passwords.verify(home, b"joe@x", password) is not None) == right


def test_our_own_hash(home: Home) -> None:
    made = passwords.hashed("pässword".encode()).decode()
    assert made.startswith("$6$rounds=20000$")
    assert made != passwords.hashed("pässword".encode()).decode()
    write(home, f"joe@x:{{SHA512-CRYPT}}{made}:::::")
    assert passwords.verify(home, b"joe@x", "pässword".encode()) is not None
    assert passwords.verify(home, b"joe@x", "pässword".encode("latin-1")) is None


def test_text_that_is_no_utf8_never_matches(home: Home) -> None:
    write(home, f"joe@x:{hash_of(chr(0xFFFD), '$6$abcdefgh$')}:::::")
    assert passwords.verify(home, b"joe@x", b"\xff") is None


@pytest.mark.parametrize(
    ("login", "found"),
    [(b"joe@x.test", b"joe@x.test"), (b"JOE@X.Test", b"joe@x.test"), (b"joe", b"joe@x.test"), (b"jane", None),
     (b"jane@y", b"jane@y"), (b"jim", b"jim"), (b"joe@", None), (b"", None), (b"joe@x.test:{PLAIN}p", None)],
)  # fmt: skip
def test_login_names(home: Home, login: bytes, found: bytes | None) -> None:
    Path(home.file("control/me")).write_text("X.test\n")
    write(home, "joe@x.test:{PLAIN}p:::::", "jane@y:{PLAIN}p:::::", "jim:{PLAIN}p:::::", "# no one")
    account = passwords.verify(home, login, b"p")
    assert (None if account is None else account.name) == found


def test_account(home: Home) -> None:
    write(home, "joe@x:{PLAIN}p:1:2::/m/joe:/bin/sh:x")
    account = passwords.verify(home, b"joe@x", b"p")
    assert account is not None
    assert (account.home, account.shell) == (b"/m/joe", b"/bin/sh")
    assert (account.uid, account.gid) == (home.owner, home.gid("qmail"))


def test_no_file(home: Home) -> None:
    assert passwords.verify(home, b"joe@x", b"p") is None


def test_unreadable_file_is_trouble(home: Home) -> None:
    Path(home.file("users/passwd")).mkdir()
    with pytest.raises(OSError):
        passwords.verify(home, b"joe@x", b"p")


@pytest.fixture
def salts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The salts with which something was hashed."""
    seen: list[str] = []
    real: Callable[[bytes, str], str | None] = passwords._crypt

    def crypt(password: bytes, salt: str) -> str | None:
        seen.append(salt)
        return real(password, salt)

    monkeypatch.setattr(passwords, "_crypt", crypt)
    return seen


KINDS = {"sam": "$6$rounds=1000$abcdefgh$", "joe@x": "$6$rounds=1001$abcdefgh$",
         "jane@x": "$5$rounds=1000$abcdefgh$", "jim@x": "$5$rounds=1000$hgfedcba$",
         "old@x": "ab"}  # fmt: skip
LOGINS = [b"sam", b"joe@x", b"joe", b"jane@x", b"jim@x", b"old@x", b"plain@x", b"locked@x", b"closed",
          b"odd", b"bare", b"root@x", b"nobody", b"nobody@x", b"", b"joe@y"]  # fmt: skip


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("password", [b"wrong", b"", b"\xff", b"x" * 500])
def test_every_refusal_takes_one_hash_of_each_kind(
    home: Home, salts: list[str], login: bytes, password: bytes, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Accounts and mailboxes with hashes of several kinds, without, and names that nobody has."""
    hashes = {user: hash_of("secret", salt) for user, salt in KINDS.items()}
    shadow = tmp_path / "shadow"
    shadow.write_text(f"sam:{hashes['sam']}:1::\nclosed:!{hashes['sam']}:1::\nodd:*:1::\nbare::1::\n")
    monkeypatch.setattr(passwords, "SHADOW", str(shadow))
    accounts = {name: (name, "x", 1, 1, "", "/", "") for name in ("sam", "closed", "odd", "bare")}
    monkeypatch.setattr(passwords.pwd, "getpwnam", lambda name: struct_passwd(accounts[name]))
    home.private = False
    mailboxes = [f"{user}:{{CRYPT}}{stored}:1:1:::" for user, stored in hashes.items() if user != "sam"]
    others = ["plain@x:{PLAIN}p:1:1:::", "locked@x:!:1:1:::", f"root@x:{hashes['joe@x']}:0:0:::"]
    write(home, "# a comment", *mailboxes, *others)
    del salts[:]
    assert passwords.verify(home, login, password) is None
    effective = [salt for salt in salts if salt[0] not in "!*"]
    assert sorted(salt[:14] if salt[0] == "$" else "DES" for salt in effective) == [
        "$5$rounds=1000", "$6$rounds=1000", "$6$rounds=1001", "DES",
    ]  # fmt: skip


def test_costs() -> None:
    """The same for all hashes that differ by their salt alone."""
    more = ("$7$CU..../....abcdefgh$", "$2y$05$abcdefghijklmnopqrstuu", "$gy$j9T$abcdefghijklmnop$")
    for salt in (*SALTS, *more):
        costs = {passwords._cost(hash_of("x", salt.replace("ab", start)).encode()) for start in ("ab", "cd")}
        assert len(costs) == 1 and None not in costs
    assert passwords._cost(b"$2b$05$x") != passwords._cost(b"$2b$06$x")
    for none in (b"", b"x", b"*", b"!$6$x$y", b"{PLAIN}secret1"):
        assert passwords._cost(none) is None


def test_one_hash_where_there_is_nobody(home: Home, salts: list[str]) -> None:
    assert passwords.verify(home, b"joe@x", b"p") is None
    assert salts == [passwords.PATTERN]


def test_memory_limits_are_as_before() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, before[1]))
        passwords._crypt(b"x", "$6$abcdefgh$")
        assert resource.getrlimit(resource.RLIMIT_DATA) == (1 << 30, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
