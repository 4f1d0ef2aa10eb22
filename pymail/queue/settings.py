"""The control files that qmail-send obeys

Source: qmail-send and qmail-control manuals.
"""

from pymail.engines.rewrite import Rewriter
from pymail.engines.schedule import LIFETIME
from pymail.formats import bounce
from pymail.unix.controls import Controls

CONCURRENCY = (("concurrencylocal", 10), ("concurrencyremote", 20))


class Missing(Exception):
    """Neither locals nor me exists: nobody knows what is local."""


class Settings:
    """What was read when qmail-send started; reread_… renew what SIGHUP renews."""

    __slots__ = ("_controls", "_me", "bounces", "concurrency", "lifetime", "rewriter")

    def __init__(self, controls: Controls) -> None:
        """Read everything. Raises OSError or Missing."""
        self._controls = controls
        self._me = controls.line("me")
        host = controls.host("bouncehost", b"bouncehost") or b""
        double_to = controls.line("doublebounceto", b"postmaster") or b""
        double_host = controls.host("doublebouncehost", b"doublebouncehost") or b""
        box = controls.line("bouncefrom", b"MAILER-DAEMON") or b""
        self.bounces = bounce.Addresses(box, host, double_to + b"@" + double_host)
        self.concurrency = [controls.number(name, default) for name, default in CONCURRENCY]
        self.lifetime = controls.number("queuelifetime", LIFETIME)
        self.rewriter = Rewriter(
            controls.host("envnoathost", b"envnoathost") or b"",
            controls.keys("percenthack") or frozenset(),
            self._locals(),
            controls.mapping("virtualdomains"),
        )

    def _locals(self) -> frozenset[bytes]:
        found = self._controls.keys("locals")
        if found is not None:
            return found
        if self._me is None:
            raise Missing
        return frozenset([self._me.lower()])

    def reread_locals(self) -> None:
        """Raises OSError or Missing; what was read before then stays."""
        self.rewriter.locals = self._locals()

    def reread_virtualdomains(self) -> None:
        """Raises OSError; what was read before then stays."""
        self.rewriter.virtualdomains = self._controls.mapping("virtualdomains")
