"""qmail-showctl - show the configuration and what it means

Synopsis:    qmail-showctl
Files:       control/*
             queue/mess   into how many parts it is split; who may not look there is told 23, as it is made
Exit codes:  0 everything was shown, also where a file could not be read; 111 no control directory,
             control/me cannot be read, or an account is missing
"""

import errno
import os

from pymail.formats import control
from pymail.formats.controlfiles import (
    BY_NAME,
    CDB,
    FILES,
    LINE,
    MORE_IRRELEVANT,
    MORE_IRRELEVANT_ENTRY,
    NUMBER,
    SPAWN_LIMIT,
    ControlFile,
)
from pymail.queue import layout
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pysvc.unix.files import write_all
from pysvc.unix.strerr import TEMPORARY, unable_to

PATERNALISM = 2  # mode bits that a user's files must not have: writable by all
USERS = ("alias", "qmaild", "qmaill", "root", "qmailp", "qmailq", "qmailr", "qmails")
GROUPS = ("nofiles", "qmail")
_PRINTABLE = bytes(byte if 32 <= byte <= 126 else ord("?") for byte in range(256))


def split(home: Home) -> int:
    """Into how many parts the queue is split; what it is made with where that cannot be seen."""
    try:
        return layout.learn(home.file("queue"))
    except OSError:
        return layout.SPLIT


class Oops(Exception):
    """Nothing more can be shown; the words after `Oops!`."""


def main(argv: list[str]) -> int:
    out: list[bytes] = []
    code = 0
    try:
        show(Home.of(argv[0]), out)
    except Oops as oops:
        out.append(f"Oops! {oops}".encode())
        code = TEMPORARY
    with unable_to("write output"):
        write_all(1, b"".join(out))
    return code


def show(home: Home, out: list[bytes]) -> None:
    """Append everything there is to tell. Raises Oops."""
    users = ", ".join(str(home.uid(name)) for name in USERS)
    groups = ", ".join(str(home.gid(name)) for name in GROUPS)
    out.append(os.fsencode(
        f"qmail home directory: {home.path}.\n"
        "user-ext delimiter: -.\n"
        f"paternalism (in decimal): {PATERNALISM}.\n"
        f"silent concurrency limit: {SPAWN_LIMIT}.\n"
        f"subdirectory split: {split(home)}.\n"
        f"user ids: {users}.\n"
        f"group ids: {groups}.\n"
    ))  # fmt: skip
    names = enter(home)
    controls = Controls(home)
    try:
        me = controls.line("me")
    except OSError:
        raise Oops("Trouble reading control/me.") from None
    out += [f"\n{file.name}: ".encode() + told(controls, file, me) for file in FILES]
    unknown = (name for name in names if name not in BY_NAME)
    out += [os.fsencode(f"\n{name}: I have no idea what this file does.\n") for name in unknown]


def enter(home: Home) -> list[str]:
    """Go into the control directory; its entries, in its own order. Raises Oops."""
    for path, shown in ((home.path, home.path), (home.file("control"), "control")):
        try:
            os.chdir(path)
        except OSError:
            raise Oops(f"Unable to chdir to {shown}.\n") from None
    try:
        return os.listdir(".")
    except OSError:
        raise Oops("Unable to open current directory.\n") from None


def told(controls: Controls, file: ControlFile, me: bytes | None) -> bytes:
    """What there is to say about one file."""
    try:
        if file.kind == CDB:
            return compiled_state(file) + b"\n"
        content = controls.content(file.name)
        if file.kind == LINE:
            return line_told(file, content, me)
        if file.kind == NUMBER:
            return number_told(file, content)
        before, after, absent = file.before, file.after, file.absent
        if file.name == "morercpthosts" and controls.content("rcpthosts") is None:
            before, _, after = MORE_IRRELEVANT_ENTRY.partition("…")
            absent = MORE_IRRELEVANT
    except OSError:
        return b"Oops! Trouble reading this file.\n"
    if content is None:
        return f"(Default.) {absent}\n".encode()
    entries = control.items(content)
    return b"\n" + b"".join(b"%s%s%s\n" % (before.encode(), safe(e), after.encode()) for e in entries)


def line_told(file: ControlFile, content: bytes | None, me: bytes | None) -> bytes:
    if content is not None:
        return sentence(file, control.line(content))
    return default_told(file) if me is None or not file.me else b"(Default.) " + sentence(file, me)


def number_told(file: ControlFile, content: bytes | None) -> bytes:
    value = None if content is None else control.number(content)
    if value is None and file.default is None:
        return f"(Default.) {file.absent}\n".encode()
    return default_told(file) if value is None else sentence(file, b"%d" % as_int(value))


def default_told(file: ControlFile) -> bytes:
    value = file.default
    return b"(Default.) " + sentence(file, value if isinstance(value, bytes) else str(value).encode())


def as_int(value: int) -> int:
    """The number as the classic programs hold it, in 32 bits; 0 if that is negative."""
    value &= 0xFFFFFFFF
    return 0 if value >= 0x80000000 else value


def sentence(file: ControlFile, value: bytes) -> bytes:
    return file.before.encode() + safe(value) + file.after.encode() + b"\n"


def safe(value: bytes) -> bytes:
    return value.translate(_PRINTABLE)


def compiled_state(file: ControlFile) -> bytes:
    """Whether a database is what the file that it was made of says."""
    database, text = file.name, file.name.removesuffix(".cdb")
    source, compiled = modified(text), modified(database)
    if source is None and compiled is None:
        return f"(Default.) {file.absent}".encode()
    if source is None:
        return f"Oops! {database} exists but {text} doesn't.".encode()
    if compiled is None:
        return f"Oops! {text} exists but {database} doesn't.".encode()
    if compiled < source:
        return f"Oops! {database} is older than {text}.".encode()
    return b"Modified recently enough; hopefully up to date."


def modified(name: str) -> int | None:
    """The second of a file's last change; None if there is no such file. Raises OSError."""
    try:
        return int(os.stat(name).st_mtime)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
