"""The environment of the process, as the kernel would hand it over"""

import os
import time

COERCED = (b"C.UTF-8", b"C.utf8", b"UTF-8")  # what the interpreter puts into LC_CTYPE by itself; PEP 538


def undo_interpreter() -> None:
    """Give LC_CTYPE back the value it had before the interpreter set it.

    In the C locale the interpreter adds the variable to the environment, where every program started
    from here would find it.
    """
    if os.environb.get(b"LC_CTYPE") not in COERCED:
        return
    try:
        with open("/proc/self/environ", "rb") as file:
            given = file.read().split(b"\0")
    except OSError:
        return  # no /proc here: one variable too many
    values = [entry[9:] for entry in given if entry.startswith(b"LC_CTYPE=")]
    if values:
        os.environb[b"LC_CTYPE"] = values[0]
    else:
        del os.environb[b"LC_CTYPE"]


def current() -> dict[bytes, bytes]:
    """A copy of what is set. Reading os.environb would cost a forked child the pages of its code."""
    return dict(os.environb._data)  # type: ignore[attr-defined]


def named(env: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """An environment as the interpreter hands it to execve: without a variable that has no name (`=x=y`)."""
    return {name: value for name, value in env.items() if name} if b"" in env else env


def replace(env: dict[bytes, bytes]) -> None:
    """Make `env` the whole environment of this process, and its TZ the time zone.

    Only what differs is touched: most programs of a chain change little, and every variable that is set
    costs a forked child pages of its own.
    """
    now: dict[bytes, bytes] = os.environb._data  # type: ignore[attr-defined]  # as in current()
    zone = now.get(b"TZ")
    for name in now.keys() - env.keys():
        if name:  # a nameless entry, `=x=y`, cannot be reached
            os.unsetenv(name)
            del now[name]
    for name, value in env.items() - now.items():
        os.putenv(name, value)
        now[name] = value
    if now.get(b"TZ") != zone:
        time.tzset()  # the C library looks at TZ only once
