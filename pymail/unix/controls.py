"""The control files of a home, read

Only a file that does not exist is absent; any other trouble is an error, so that a mail server never
runs with a configuration that it could not read.
"""

import errno
import os

from pymail.formats import control
from pymail.unix.home import Home
from pysvc.unix.files import read_file, replace


class Controls:
    """Reads control files of one home. Every method raises OSError if a file cannot be read."""

    __slots__ = ("_home",)

    def __init__(self, home: Home) -> None:
        self._home = home

    def content(self, name: str) -> bytes | None:
        """A whole control file; None if there is none."""
        try:
            return read_file(self._home.file("control", name))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise

    def state(self, *names: str) -> list[tuple[int, ...] | None]:
        """What is different as soon as one of these files is: None for each that does not exist."""
        return [self._state(self._home.file("control", name)) for name in names]

    def _state(self, path: str) -> tuple[int, ...] | None:
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def write(self, name: str, content: bytes) -> None:
        """Give a control file new content, durably, readable by every program."""
        path = self._home.file("control", name)
        replace(path, content)
        os.chmod(path, 0o644)

    def line(self, name: str, default: bytes | None = None) -> bytes | None:
        """The first line of a file, or the default."""
        content = self.content(name)
        return default if content is None else control.line(content)

    def host(self, name: str, default: bytes | None = None) -> bytes | None:
        """As line(), but control/me stands in for a missing file before the default does."""
        value = self.line(name)
        if value is None:
            value = self.line("me")
        return default if value is None else value

    def number(self, name: str, default: int) -> int:
        """The number in a file; the default if there is no file or no number in it."""
        content = self.content(name)
        value = None if content is None else control.number(content)
        return default if value is None else value

    def items(self, name: str) -> list[bytes] | None:
        """The list in a file; None if there is no file."""
        content = self.content(name)
        return None if content is None else control.items(content)

    def keys(self, name: str) -> frozenset[bytes] | None:
        """The list in a file as a set of lower-case keys; None if there is no file."""
        content = self.content(name)
        return None if content is None else control.keys(content)

    def mapping(self, name: str) -> dict[bytes, bytes]:
        """The map in a file, keys in lower case; empty if there is no file."""
        content = self.content(name)
        return {} if content is None else control.mapping(content)
