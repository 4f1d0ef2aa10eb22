"""Delivery into a Maildir: its steps, and what goes wrong in them"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pymail.delivery import maildir
from pymail.delivery.message import Message
from pysvc.unix import signals
from pysvc.unix.strerr import Fatal


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for part in ("tmp", "new", "cur"):
        (tmp_path / part).mkdir()
    monkeypatch.setattr(maildir, "_earlier", 0)
    return tmp_path


def deliver(box: Path, content: bytes = b"x\n") -> None:
    source = box / "source"
    source.write_bytes(content)
    fd = os.open(source, os.O_RDONLY)
    try:
        maildir.deliver(os.fsencode(f"{box}/"), b"Head: 1\n", Message(fd))
    finally:
        os.close(fd)


STEPS = ("open", "write", "fsync", "link", "unlink")


def test_order_of_steps(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk before a name appears, and that the name is on disk before success."""
    done: list[str] = []

    def recorded(name: str, call: "Callable[..., object]") -> "Callable[..., object]":
        def step(first: object, *rest: object, **named: object) -> object:
            result = call(first, *rest, **named)
            about = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else os.fsdecode(first)
            done.append(f"{name} {Path(about).relative_to(box).parts[0]}")
            return result

        return step

    source = box / "source"
    source.write_bytes(b"x")
    fd = os.open(source, os.O_RDONLY)
    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, recorded(name, getattr(os, name)))
        maildir.deliver(os.fsencode(f"{box}/"), b"", Message(fd))
    os.close(fd)
    expected = ["open new", "open tmp", "write tmp", "fsync tmp", "link tmp", "unlink tmp", "fsync new"]
    assert done == expected


def test_name_in_use_is_waited_out(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000

    def sleep(seconds: int) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(maildir.time, "time", lambda: now)
    monkeypatch.setattr(maildir.time, "sleep", sleep)
    host = os.uname().nodename[:64]
    for second in (1000, 1002):
        (box / f"tmp/{second}.{os.getpid()}.{host}").touch()
    deliver(box)
    (stored,) = (box / "new").iterdir()
    assert stored.name.startswith("1004.")
    (box / f"tmp/1004.{os.getpid()}_1.{host}").touch()
    (box / f"tmp/1006.{os.getpid()}_1.{host}").touch()
    (box / f"tmp/1008.{os.getpid()}_1.{host}").touch()
    with pytest.raises(Fatal, match="Temporary error on maildir delivery"):
        deliver(box)


def test_a_message_is_never_overwritten(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maildir.time, "time", lambda: 1000)
    deliver(box, b"first")
    monkeypatch.setattr(maildir, "_earlier", 0)  # as another process with the same number
    with pytest.raises(Fatal, match="Temporary error on maildir delivery"):
        deliver(box, b"second")
    (stored,) = (box / "new").iterdir()
    assert stored.read_bytes() == b"Head: 1\nfirst"
    assert not list((box / "tmp").iterdir())


def test_failed_sync_leaves_nothing(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Fatal, match="Temporary error on maildir delivery"):
        deliver(box)
    assert not list(box.glob("[nt]*/*"))


def test_timeout(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    expire: list[Callable[[], None]] = []
    monkeypatch.setattr(signals, "alarm", started.append)
    monkeypatch.setattr(signals, "catch", lambda number, handler: expire.append(handler))
    monkeypatch.setattr(os, "fsync", lambda fd: expire[0]())
    with pytest.raises(Fatal, match="Timeout on maildir delivery"):
        deliver(box)
    assert started == [86400, 0]
    assert not list(box.glob("[nt]*/*"))


def test_host_part() -> None:
    assert maildir.host_part("a/b:c") == b"a\\057b\\072c"
    assert maildir.host_part("x" * 70) == b"x" * 64
