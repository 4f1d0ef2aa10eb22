"""Appending to an mbox: the lock, and what is undone"""

import os
from pathlib import Path

import pytest

from pymail.delivery import mbox
from pymail.delivery.message import Message
from pysvc.unix import lock, signals
from pysvc.unix.strerr import Fatal


def deliver(box: Path) -> None:
    source = box.with_name("source")
    source.write_bytes(b"x\n")
    fd = os.open(source, os.O_RDONLY)
    try:
        mbox.deliver(os.fsencode(box), b"From a\n", Message(fd))
    finally:
        os.close(fd)


def no_lock(fd: int) -> None:
    raise OSError(37, "no locks available")


def full(fd: int) -> None:
    raise OSError(28, "out of disk space")


def test_no_lock_is_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "lock", no_lock)
    deliver(tmp_path / "box")
    assert (tmp_path / "box").read_bytes() == b"From a\nx\n\n"


@pytest.mark.parametrize(("locked", "left"), [(True, b"old"), (False, b"old\n\nFrom a\nx\n\n")])
def test_only_who_has_the_lock_cuts_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: bool, left: bytes
) -> None:
    (tmp_path / "box").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    if not locked:
        monkeypatch.setattr(lock, "lock", no_lock)
    with pytest.raises(Fatal, match="out of disk space"):
        deliver(tmp_path / "box")
    assert (tmp_path / "box").read_bytes() == left


@pytest.mark.parametrize(
    ("end", "added"), [(b"", b""), (b"x\n\n", b""), (b"x\n", b"\n"), (b"\n", b"\n"), (b"x", b"\n\n")]
)
def test_a_message_begins_after_a_blank_line(tmp_path: Path, end: bytes, added: bytes) -> None:
    (tmp_path / "box").write_bytes(end)
    deliver(tmp_path / "box")
    assert (tmp_path / "box").read_bytes() == end + added + b"From a\nx\n\n"


def test_what_may_only_be_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is made here."""
    (tmp_path / "box").write_bytes(b"old")
    plain = os.open

    def add_only(path: bytes, flags: int, mode: int = 0) -> int:
        if flags & os.O_RDWR:
            raise PermissionError
        return plain(path, flags, mode)

    monkeypatch.setattr(mbox.os, "open", add_only)
    deliver(tmp_path / "box")
    monkeypatch.undo()
    assert (tmp_path / "box").read_bytes() == b"oldFrom a\nx\n\n"


def test_the_lock_is_waited_for_half_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alarms: list[int] = []
    handlers: list[object] = []
    monkeypatch.setattr(signals, "alarm", alarms.append)
    monkeypatch.setattr(signals, "catch", lambda number, handler: handlers.append(handler))
    monkeypatch.setattr(lock, "lock", lambda fd: handlers[0]())  # type: ignore[operator]
    with pytest.raises(Fatal) as raised:
        deliver(tmp_path / "box")
    assert raised.value.line("qmail-local") == "File has been locked for 30 seconds straight. (#4.3.0)"
    assert raised.value.code == 111
    assert alarms == [30, 0]
    assert (tmp_path / "box").read_bytes() == b""


def test_a_lock_that_comes_too_late_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(fd: int) -> None:
        real(fd)
        raise Fatal("too late")

    real = lock.lock
    with monkeypatch.context() as patch:
        patch.setattr(lock, "lock", late)
        with pytest.raises(Fatal, match="too late"):
            deliver(tmp_path / "box")
    other = os.open(tmp_path / "box", os.O_WRONLY)
    lock.try_lock(other)
    os.close(other)


def test_new_file_is_made_durable_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    deliver(tmp_path / "box")
    deliver(tmp_path / "box")
    assert synced == [str(tmp_path / "box"), str(tmp_path), str(tmp_path / "box")]


def test_spool_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: bytes) -> None:
        raise PermissionError(13, "access denied")

    monkeypatch.setattr(mbox, "sync_directory", refuse)
    deliver(tmp_path / "box")
    assert (tmp_path / "box").read_bytes() == b"From a\nx\n\n"
