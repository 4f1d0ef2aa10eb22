"""utmp"""

import struct

import pytest

from pymail.formats.utmp import USER_PROCESS, lines, record_size


def record(line: bytes, user: bytes, kind: int = USER_PROCESS, size: int = 384) -> bytes:
    return struct.pack("hi32s4s32s", kind, 17, line, b"id", user).ljust(size, b"\0")


@pytest.mark.parametrize("size", [384, 400])
def test_lines_of_a_user(size: int) -> None:
    content = b"".join(
        record(line, user, kind, size)
        for line, user, kind in [
            (b"pts/1", b"joe", 7), (b"tty1", b"joe", 6), (b"pts/2", b"joey", 7), (b"", b"joe", 7),
            (b"/etc/x", b"joe", 7), (b"../etc/x", b"joe", 7), (b"x" * 32, b"joe", 7),
        ]
    )  # fmt: skip
    assert lines(content + b"rest", b"joe", size) == [b"pts/1", b"x" * 32]
    assert lines(b"", b"joe", size) == []


def test_sizes() -> None:
    assert record_size("x86_64") == 384
    assert record_size("aarch64") == 400
