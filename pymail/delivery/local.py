"""Whose mailbox, which dot-qmail file, which environment: what is settled before a local delivery acts

The process runs as the account, in its home. Source: qmail-local, qmail-command and dot-qmail manuals.
"""

import os
import stat

from pymail.delivery.message import Message, Unreadable
from pymail.formats import delivered, dotqmail, mbox
from pysvc.unix.files import read_all
from pysvc.unix.strerr import PERMANENT, TEMPORARY, Fatal, reason, say, temporary

FORBIDDEN = 0o002  # mode bits that no home and no dot-qmail file may have; conf-patrn


class Address:
    """One recipient as qmail-lspawn resolved it, and the message's sender."""

    __slots__ = ("dash", "default", "ext", "home", "host", "local", "sender", "user")

    def __init__(self, operands: list[bytes]) -> None:
        """operands: user, home, local, dash, ext, domain, sender, default delivery."""
        self.user, self.home, self.local, self.dash = operands[:4]
        self.ext, self.host, self.sender, self.default = operands[4:]

    @property
    def delivered_to(self) -> bytes:
        return delivered.delivered_to(self.local, self.host)

    @property
    def return_path(self) -> bytes:
        return delivered.return_path(self.sender)


class Choice:
    """What to do with mail for an address: the instructions, whether only forwards are allowed, and what
    `default` in the name of the dot-qmail file stands for (None: nothing)."""

    __slots__ = ("default", "instructions", "restricted")

    def __init__(self, content: bytes, restricted: bool, default: bytes | None) -> None:
        """content: of the dot-qmail file. Fatal if somebody is just editing it."""
        self.restricted, self.default = restricted, default
        try:
            self.instructions = dotqmail.parse(content)
        except dotqmail.BlankFirstLine:
            raise refusal("Uh-oh: first line of .qmail file is blank. (#4.2.1)") from None


def refusal(text: str, code: int = TEMPORARY) -> Fatal:
    """The end of a delivery; the text stands in the log and in a bounce, without a program's name."""
    return Fatal(text, code, kind="")


def enter_home(home: bytes, only_asking: bool) -> None:
    """Go to the account's home. Fatal if it is not safe or, unless only_asking, not ready for mail."""
    try:
        os.chdir(home)
    except OSError as error:
        raise refusal(f"Unable to switch to {os.fsdecode(home)}: {reason(error)}. (#4.3.0)") from None
    try:
        mode = os.stat(b".").st_mode
    except OSError as error:
        raise refusal(f"Unable to stat home directory: {reason(error)}. (#4.3.0)") from None
    if mode & FORBIDDEN:
        raise refusal("Uh-oh: home directory is writable. (#4.7.0)")
    if mode & stat.S_ISVTX:
        if not only_asking:
            raise refusal("Home directory is sticky: user is editing his .qmail file. (#4.2.1)")
        say("Warning: home directory is sticky.")


def refuse_loop(address: Address, message: Message) -> None:
    """Fatal if the message has been delivered to this address before."""
    try:
        looping = delivered.header_has(message.blocks(), address.delivered_to)
    except Unreadable as error:
        raise refusal(f"Unable to read message: {error}. (#4.3.0)") from None
    if looping:
        text = "This message is looping: it already has my Delivered-To line. (#5.4.6)"
        raise refusal(text, PERMANENT)


def choose(address: Address) -> Choice:
    """Find the address's dot-qmail file. Fatal if there is no such mailbox, or no telling.

    The default delivery is for an address without extension that has no file, and for all whose file
    is empty; it is not the file's owner's, so the file's mode does not restrict it.
    """
    for name, default in dotqmail.names(address.dash, address.ext):
        fd = _open(name)
        if fd is None:
            continue
        try:
            mode = os.fstat(fd).st_mode
            if stat.S_ISREG(mode):
                if mode & FORBIDDEN:
                    raise refusal("Uh-oh: .qmail file is writable. (#4.7.0)")
                content = read_all(fd)
                restricted = bool(content and mode & stat.S_IXUSR)
                return Choice(content or address.default, restricted, default)
        except OSError as error:
            raise _unable_to_open(name, error) from None
        finally:
            os.close(fd)
    if address.dash:
        raise refusal("Sorry, no mailbox here by that name. (#5.1.1)", PERMANENT)
    return Choice(address.default, False, None)


def _open(name: bytes) -> int | None:
    try:
        return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if temporary(error) or isinstance(error, PermissionError):
            raise _unable_to_open(name, error) from None
        return None


def _unable_to_open(name: bytes, error: OSError) -> Fatal:
    return refusal(f"Unable to open {os.fsdecode(name)}: {reason(error)}. (#4.3.0)")


def new_sender(address: Address) -> bytes:
    """The sender that forwarded mail gets: a list's owner, where there is one, takes its bounces."""
    if address.sender in dotqmail.NO_BOUNCES:
        return address.sender
    owner, owner_default = dotqmail.owner_names(address.dash, address.ext)
    if not _exists(owner):
        return address.sender
    return dotqmail.owner_sender(address.local, address.host, _exists(owner_default))


def _exists(name: bytes) -> bool:
    try:
        os.stat(name)
    except OSError as error:
        if temporary(error):
            raise _unable_to_open(name, error) from None
        return False
    return True


def environment(address: Address, new_sender: bytes, default: bytes | None, now: int) -> dict[bytes, bytes]:
    """What a command finds in its environment, besides what this process inherited. now: unix time."""
    env = {
        b"USER": address.user, b"HOME": address.home, b"LOCAL": address.local, b"HOST": address.host,
        b"RECIPIENT": address.local + b"@" + address.host,
        b"SENDER": address.sender, b"NEWSENDER": new_sender,
        b"DTLINE": address.delivered_to, b"RPLINE": address.return_path,
        b"UFLINE": mbox.from_line(address.sender, now),
        b"EXT": address.ext,
    }  # fmt: skip
    ext, host = address.ext, address.host
    for number in b"234":
        ext = ext.partition(b"-")[2]
        host = host.rpartition(b".")[0] if b"." in host else host
        env[b"EXT%c" % number], env[b"HOST%c" % number] = ext, host
    if default is not None:
        env[b"DEFAULT"] = default
    return env
