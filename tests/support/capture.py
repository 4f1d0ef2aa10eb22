"""A queue program for QMAILQUEUE that keeps what it is given, or refuses it"""

from pathlib import Path

from pymail.formats import envelope
from tests.support.world import Place

SCRIPT = """#!/bin/sh
cat >"{folder}/message"
cat <&1 >"{folder}/envelope"
{ending}
"""


class Capture:
    """`env` makes programs hand their message to it."""

    def __init__(self, place: Place, ending: str = "exit 0") -> None:
        self.folder = place.path / "captured"
        self.folder.mkdir()
        program = place.path / "queue-program"
        program.write_text(SCRIPT.format(folder=self.folder, ending=ending))
        program.chmod(0o755)
        place.own()
        self.env = {"QMAILQUEUE": str(program)}

    @property
    def message(self) -> bytes:
        return Path(self.folder, "message").read_bytes()

    @property
    def envelope(self) -> tuple[bytes, list[bytes]]:
        """(sender, recipients) of a complete envelope."""
        content = Path(self.folder, "envelope").read_bytes()
        assert content.endswith(b"\0\0")
        (kind, sender), *rest = envelope.records(content[:-1])
        assert kind == b"F"
        assert {kind for kind, _ in rest} <= {b"T"}
        return sender, [recipient for _, recipient in rest]
