"""Domains of virtual mailboxes: accepted by qmail-smtpd, and delivered here by qmail-send

`domain:domain` in control/virtualdomains turns joe@domain into the local part domain-joe.
"""

import os

from pymail.formats import control
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pysvc.unix.files import replace
from pysvc.unix.strerr import PERMANENT, Fatal, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Domains:
    """The control files of one home that say which domains are served. Methods raise Fatal."""

    __slots__ = ("_controls", "_home")

    def __init__(self, home: Home) -> None:
        self._home, self._controls = home, Controls(home)

    def serve(self, domain: bytes) -> bool:
        """Have mail for a domain accepted and delivered here; whether the domain is in control/locals."""
        with unable_to("read controls"):
            local = domain in self._locals()
            target = None if local else self._controls.mapping("virtualdomains").get(domain)
            accepted = self._controls.keys("rcpthosts")
        if target not in (None, domain):
            name = os.fsdecode(domain)
            raise Fatal(f"unable to serve {name}: control/virtualdomains sends it elsewhere", PERMANENT)
        if accepted is not None and domain not in accepted:
            self._change("rcpthosts", lambda content: _with(content, domain))
        if not local and target is None:
            self._change("virtualdomains", lambda content: _with(content, domain + b":" + domain))
            self._tell_send()
        return local

    def _locals(self) -> "frozenset[bytes]":
        found = self._controls.keys("locals")
        return frozenset([(self._controls.line("me") or b"").lower()]) if found is None else found

    def stop_serving(self, domain: bytes) -> None:
        """Undo serve(), unless alias has addresses in the domain."""
        aliases = f".qmail-{os.fsdecode(domain).replace('.', ':')}-"
        with unable_to("read alias"):
            if any(name.startswith(aliases) for name in os.listdir(self._home.file("alias"))):
                return
        with unable_to("read controls"):
            ours = self._controls.mapping("virtualdomains").get(domain) == domain
            accepted = self._controls.keys("rcpthosts")
        if ours:
            if accepted is not None:
                self._change("rcpthosts", lambda content: _without(content, domain))
            self._change("virtualdomains", lambda content: _without(content, domain + b":" + domain))
            self._tell_send()

    def _change(self, name: str, edit: "Callable[[bytes], bytes]") -> None:
        with unable_to(f"write control/{name}"):
            replace(self._home.file("control", name), edit(self._controls.content(name) or b""))

    def _tell_send(self) -> None:
        """Have qmail-send read control/virtualdomains again, if it runs under supervision."""
        path = self._home.file("supervise", "qmail-send", "supervise", "control")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        try:
            os.write(fd, b"h")
        except OSError:
            pass
        finally:
            os.close(fd)


def _with(content: bytes, line: bytes) -> bytes:
    """A control file with one more line."""
    if content and not content.endswith(b"\n"):
        content += b"\n"
    return content + line + b"\n"


def _without(content: bytes, line: bytes) -> bytes:
    """A control file without a line."""
    lines = content.splitlines(keepends=True)
    return b"".join(other for other in lines if other.rstrip(control.BLANKS).lower() != line)
