"""utmp: who is logged in at which terminal

Records of one size, in C's layout: type, pid, line, id, user, and more that does not matter here.
Source: utmp(5); glibc's bits/utmp.h.
"""

import struct

USER_PROCESS = 7  # the type of a record for a user who is logged in
_START = struct.Struct("hi32s4s32s")
# With 64 bits for times and the session where no 32-bit programs share the file.
_SIZES = {"aarch64": 400, "riscv64": 400, "loongarch64": 400}


def record_size(machine: str) -> int:
    """Bytes of a record; machine: as uname gives it."""
    return _SIZES.get(machine, 384)


def lines(content: bytes, user: bytes, size: int) -> list[bytes]:
    """The names below /dev of the terminals at which a user is logged in; none that leads elsewhere."""
    found = []
    for start in range(0, len(content) - size + 1, size):
        kind, _, line, _, name = _START.unpack_from(content, start)
        line, name = line.partition(b"\0")[0], name.partition(b"\0")[0]
        if kind == USER_PROCESS and name == user and line and line[:1] != b"/" and b"." not in line:
            found.append(line)
    return found
