"""What is known of a home when its configuration is judged, and what a judgement says"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pymail.engines.rewrite import LOCAL, Rewriter
from pymail.formats import control
from pymail.formats.controlfiles import BY_NAME
from pymail.formats.rcpthosts import RecipientHosts
from pysvc.formats import cdb

PROBLEM, HINT = "problem", "hint"


@dataclass(frozen=True)
class Finding:
    """what is wrong, why it matters, how to mend it: a sentence each. severity: PROBLEM or HINT."""

    severity: str
    what: str
    why: str
    mend: str


class Unreadable(Exception):
    """A file exists but its content is not known: what depends on it cannot be judged."""


@dataclass(frozen=True)
class File:
    """A file as it was found. content: None if it could not be read. mtime: nanoseconds."""

    content: bytes | None
    mtime: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0

    def readable_by(self, uid: int, gid: int) -> bool:
        """Whether an account may read it; root always may."""
        if not uid:
            return True
        shift = 6 if uid == self.uid else 3 if gid == self.gid else 0
        return bool(self.mode >> shift & 4)


@dataclass
class Facts:
    """One home. Methods raise Unreadable.

    ids: role -> its uid and gid. control: every file there. rules: path of the source of the SMTP
    service's connection rules; rules_named: its run script has tcpserver read them. scripts: `rc` and the
    services' run scripts. aliases: the dot-qmail files of alias. takes: whether a local part has a
    mailbox. differences: from what was installed; unchecked: why not all of them are known. services:
    name -> "up", or what else it is. unresolved: names, and what DNS lacks of them; dns_silent: it did not
    answer.
    """

    home: str = "/var/qmail"
    ids: dict[str, tuple[int, int]] = field(default_factory=dict)
    control: dict[str, File] = field(default_factory=dict)
    rules: str = "/etc/tcp.smtp"
    rules_source: File | None = None
    rules_compiled: File | None = None
    rules_named: bool = False
    scripts: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, File] = field(default_factory=dict)
    assign: File | None = None
    assign_compiled: File | None = None
    trigger: bool = True
    differences: list[str] = field(default_factory=list)
    unchecked: str = ""
    services: dict[str, str] = field(default_factory=dict)
    takes: Callable[[bytes], bool] = lambda local: True
    unresolved: list[tuple[bytes, str]] = field(default_factory=list)
    dns_silent: bool = False

    def content(self, name: str) -> bytes | None:
        """A control file; None if there is none."""
        file = self.control.get(name)
        if file is None:
            return None
        if file.content is None:
            raise Unreadable
        return file.content

    def line(self, name: str) -> bytes | None:
        """The value of a one-line file; as the programs read it, with me and the default in its place."""
        content = self.content(name)
        if content is not None:
            return control.line(content)
        known = BY_NAME[name]
        if known.me and "me" in self.control:
            return self.line("me")
        return known.default if isinstance(known.default, bytes) else None

    def entries(self, name: str) -> list[bytes]:
        """The lines of a list or a map."""
        return control.items(self.content(name) or b"")

    def mapping(self, name: str) -> dict[bytes, bytes]:
        return control.mapping(self.content(name) or b"")

    def local_domains(self) -> frozenset[bytes]:
        """Domains delivered here: control/locals, or me in its place."""
        content = self.content("locals")
        if content is not None:
            return control.keys(content)
        me = self.content("me")
        return frozenset() if me is None else frozenset([control.line(me).lower()])

    def rewriter(self) -> Rewriter:
        """Who delivers what, as qmail-send decides it."""
        return Rewriter(
            self.line("envnoathost") or b"",
            control.keys(self.content("percenthack") or b""),
            self.local_domains(),
            self.mapping("virtualdomains"),
        )

    def delivered_here(self, domain: bytes) -> bool:
        return self.rewriter().rewrite(b"x@" + domain)[0] == LOCAL

    def accepts(self, domain: bytes) -> bool:
        """Whether SMTP clients that may not relay can send to a domain."""
        hosts = self.content("rcpthosts")
        more = self.content("morercpthosts.cdb")
        try:
            lookup = None if more is None else cdb.Reader(more)
            known = RecipientHosts(None if hosts is None else control.keys(hosts), lookup)
            return known.allow(b"x@" + domain)
        except cdb.Malformed:
            raise Unreadable from None


def text(value: bytes) -> str:
    """Bytes in a sentence."""
    return value.decode("utf-8", "replace")


def some(names: list[str], most: int = 8) -> str:
    """A list in a sentence, cut where it gets long."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
