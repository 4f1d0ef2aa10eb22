"""Several messages delivered to one account together, in this process"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pymail.delivery import maildir, together
from pymail.protocols.together import joined, outcomes
from pysvc.unix import signals

DEFAULT = b"./Maildir/"
DONE = (0, b"did 1+0+0\n")


class Account:
    """A home, and deliveries to it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.box("Maildir")
        self._operands: list[bytes] = []
        self._messages: list[int] = []

    def box(self, name: str) -> Path:
        for part in ("tmp", "new", "cur"):
            (self.home / name / part).mkdir(parents=True)
        return self.home / name

    def add(self, content: bytes, ext: bytes = b"", home: Path | None = None) -> None:
        path = self.home / f"message{len(self._messages)}"
        path.write_bytes(content)
        self._messages.append(os.open(path, os.O_RDONLY))
        dash = b"-" if ext else b""
        where = os.fsencode(home or self.home)
        self._operands.append(b"\0".join([b"joe", where, b"joe" + dash + ext, dash, ext, b"h.test", b"s@t"]))

    def deliver(self) -> list[tuple[int, bytes] | None]:
        """What becomes of each."""
        said = together.deliver(joined(self._operands), self._messages, DEFAULT)
        found = outcomes(said, len(self._messages))
        assert found is not None
        for fd in self._messages:
            assert os.pread(fd, 1, 0)  # still open, and the caller's
        return found

    def stored(self, box: str = "Maildir") -> list[bytes]:
        """The messages of a Maildir, without what the delivery put before them."""
        head = b"Return-Path: <s@t>\nDelivered-To: "
        contents = [path.read_bytes() for path in (self.home / box / "new").iterdir()]
        assert all(content.startswith(head) for content in contents)
        assert not list((self.home / box / "tmp").iterdir())
        return sorted(content.removeprefix(head).partition(b"\n")[2] for content in contents)

    def close(self) -> None:
        for fd in self._messages:
            os.close(fd)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.chdir(tmp_path)  # restored afterwards: deliveries go where the homes are
    home = tmp_path / "home"
    home.mkdir()
    here = Account(home)
    mask = os.umask(0o022)
    yield here
    os.umask(mask)
    here.close()


def test_all_go_into_the_maildir(account: Account) -> None:
    big = b"x" * 200_000
    for content in (b"one\n", b"two\n", big):
        account.add(content)
    before = len(os.listdir("/proc/self/fd"))
    assert account.deliver() == [DONE] * 3
    assert account.stored() == [b"one\n", b"two\n", big]
    assert len(os.listdir("/proc/self/fd")) == before


def test_several_maildirs(account: Account) -> None:
    account.box("lists")
    (account.home / ".qmail-list-default").write_text("./lists/\n")
    account.add(b"one\n")
    account.add(b"two\n", b"list-a")
    account.add(b"three\n", b"list-b")
    assert account.deliver() == [DONE] * 3
    assert (account.stored(), account.stored("lists")) == ([b"one\n"], [b"three\n", b"two\n"])


def test_several_homes_of_one_account(account: Account, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    second = Account(other)
    account.add(b"one\n")
    account.add(b"two\n", home=other)
    assert account.deliver() == [DONE] * 2
    assert (account.stored(), second.stored()) == ([b"one\n"], [b"two\n"])


OTHERS = (
    "|true\n", "./mbox\n", "&x@y.test\n", "./Maildir/\n./Maildir/\n", "./Maildir/\n|true\n", "#\n", "\n",
    "+list\n./Maildir/\n",
)  # fmt: skip


@pytest.mark.parametrize("content", OTHERS)
def test_anything_else_is_left(account: Account, content: str) -> None:
    (account.home / ".qmail-other").write_text(content)
    account.add(b"one\n")
    account.add(b"two\n", b"other")
    account.add(b"three\n", b"nobody")
    account.add(b"Delivered-To: joe@h.test\n\nloop\n")
    account.add(b"four\n", home=account.home / "gone")
    assert account.deliver() == [DONE, None, None, None, None]
    assert account.stored() == [b"one\n"]
    assert not (account.home / "mbox").exists()


def test_each_fails_for_itself(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    (account.home / ".qmail-gone").write_text("./gone/\n")
    account.add(b"one\n")
    account.add(b"two\n", b"gone")
    account.add(b"three\n")
    fsync = os.fsync

    def failing(fd: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        if path.is_file() and path.read_bytes().endswith(b"three\n"):
            raise OSError(5, "input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", failing)
    assert account.deliver() == [
        DONE,
        (111, b"Unable to chdir to maildir. (#4.2.1)\n"),
        (111, b"Temporary error on maildir delivery. (#4.3.0)\n"),
    ]
    assert account.stored() == [b"one\n"]


def test_a_name_that_is_not_durable_fails_for_all(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells of it once; a second sync that succeeds proves nothing."""
    account.add(b"one\n")
    account.add(b"two\n")
    fsync, failed = os.fsync, []

    def once(fd: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}") and not failed:
            failed.append(fd)
            raise OSError(5, "input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", once)
    assert account.deliver() == [(111, b"Temporary error on maildir delivery. (#4.3.0)\n")] * 2


def test_the_steps_are_common(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """No message has its name before all are on disk, and one sync of new does for all."""
    steps: list[str] = []

    def recorded(name: str, call: Callable[..., None]) -> Callable[..., None]:
        def step(first: object, *rest: object) -> None:
            call(first, *rest)
            is_new = isinstance(first, int) and os.path.isdir(f"/proc/self/fd/{first}")
            steps.append(name + (" new" if is_new else ""))

        return step

    for name in ("fsync", "link"):
        monkeypatch.setattr(os, name, recorded(name, getattr(os, name)))
    for content in (b"one\n", b"two\n", b"three\n"):
        account.add(content)
    assert account.deliver() == [DONE] * 3
    assert steps == ["fsync"] * 3 + ["link"] * 3 + ["fsync new"]


def test_too_late(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    expire: list[Callable[[], None]] = []
    monkeypatch.setattr(signals, "alarm", lambda seconds: None)
    monkeypatch.setattr(signals, "catch", lambda number, handler: expire.append(handler))
    monkeypatch.setattr(maildir.os, "link", lambda *names: expire[0]())
    account.add(b"one\n")
    account.add(b"two\n")
    assert account.deliver() == [(111, b"Timeout on maildir delivery. (#4.3.0)\n")] * 2
    assert account.stored() == []
