"""The transcripts in tests/dialogs, each on the pure Session and on the real qmail-smtpd

A dialog is lines of text:

    # a remark                        C: sent with CR LF           R: sent as it is, with escapes
    control FILE LINE                 S: a line that must come; TIME and PID stand for numbers
    env NAME=VALUE                    exit CODE, at the end
    queue CODE: of the queue program

and then what the queue was given last: `received: ` the first line of the header put before it, `body: `
the rest with escapes, `envelope: ` <sender> <recipient> …; or `nothing`: no complete message after the last
one that was answered with 250. Lines sent without a reply in between go out in one block.
"""

import re
import subprocess
from pathlib import Path

import pytest

from pymail.formats import control
from pymail.formats.rcpthosts import RecipientHosts
from pymail.formats.verdict import queue_text
from pymail.protocols.commands import Commands
from pymail.protocols.smtp_server import STRAY_NEWLINE, Peer, Rules, Session
from pysvc.formats.number import scan
from tests.support.capture import Capture
from tests.support.homes import private_home
from tests.support.world import ROOT, Place

DIALOGS = sorted((ROOT / "tests/dialogs").glob("*.dialog"))
ENVIRONMENT = {"TCPREMOTEIP": "192.0.2.9", "TCPREMOTEHOST": "client.example", "TCPLOCALHOST": "mail.example"}
QUEUED = b"250 ok TIME qp PID\r\n"
DATE = rb"\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000"


class Dialog:
    """One transcript. turns: (bytes that the client sends, lines that must come then)."""

    def __init__(self, path: Path) -> None:
        self.controls: dict[str, bytes] = {"me": b"mail.example\n"}
        self.env = dict(ENVIRONMENT)
        self.queue = 0
        self.turns: list[tuple[bytes, list[bytes]]] = [(b"", [])]
        self.exit = 1
        self.kept: dict[str, bytes] = {}
        for line in path.read_text().splitlines():
            word, _, rest = line.partition(" ")
            getattr(self, f"_{word.rstrip(':').lower()}", self._keep)(word, rest)

    def _c(self, _: str, rest: str) -> None:
        self._sent(rest.encode() + b"\r\n")

    def _r(self, _: str, rest: str) -> None:
        self._sent(unescaped(rest))

    def _sent(self, data: bytes) -> None:
        if self.turns[-1][1]:
            self.turns.append((b"", []))
        before, expected = self.turns[-1]
        self.turns[-1] = (before + data, expected)

    def _s(self, _: str, rest: str) -> None:
        self.turns[-1][1].append(rest.encode() + b"\r\n")

    def _control(self, _: str, rest: str) -> None:
        name, space, value = rest.partition(" ")
        line = value.encode() + b"\n" if space else b""
        self.controls[name] = self.controls.get(name, b"") + line

    def _env(self, _: str, rest: str) -> None:
        name, _, value = rest.partition("=")
        self.env[name] = value

    def _queue(self, _: str, rest: str) -> None:
        self.queue = int(rest)

    def _exit(self, _: str, rest: str) -> None:
        self.exit = int(rest)

    def _keep(self, word: str, rest: str) -> None:
        if word != "#":
            assert word in ("received:", "body:", "envelope:", "nothing"), word
            self.kept[word.rstrip(":")] = unescaped(rest)

    def check(self, message: bytes, envelope: bytes) -> None:
        """Hold what the queue was given last against the end of the transcript."""
        if "nothing" in self.kept:
            assert not envelope.endswith(b"\0\0")
            return
        if not self.kept:
            return
        first, second, body = message.split(b"\n", 2)
        assert re.fullmatch(rb"  by mail\.example with SMTP; " + DATE, second)
        if "received" in self.kept:
            assert first == b"Received: " + self.kept["received"]
        if "body" in self.kept:
            assert body == self.kept["body"]
        if "envelope" in self.kept:
            sender, *recipients = self.kept["envelope"][1:-1].split(b"> <")
            records = [b"F" + sender, *(b"T" + recipient for recipient in recipients)]
            assert envelope == b"\0".join(records) + b"\0\0"


def unescaped(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def as_expected(expected: bytes, line: bytes) -> bool:
    pattern = re.escape(expected).replace(b"TIME", rb"\d+").replace(b"PID", rb"\d+")
    return re.fullmatch(pattern, line) is not None


class PureServer:
    """A Session with its queue in memory; takes blocks, gives what is said."""

    def __init__(self, dialog: Dialog) -> None:
        environ = {name.encode(): value.encode() for name, value in dialog.env.items()}
        files = dialog.controls
        hosts = control.keys(files["rcpthosts"]) if "rcpthosts" in files else None
        databytes = environ.get(b"DATABYTES", files.get("databytes", b""))
        rules = Rules(
            control.line(files.get("smtpgreeting", files["me"])), RecipientHosts(hosts),
            bad_senders=control.keys(files.get("badmailfrom", b"")), databytes=scan(databytes)[0],
            relay=environ.get(b"RELAYCLIENT"), my_host=control.line(files.get("localiphost", files["me"])),
            my_addresses=frozenset([bytes(4), bytes((127, 0, 0, 1))]),
        )  # fmt: skip
        peer = Peer(environ[b"TCPREMOTEIP"], environ[b"TCPREMOTEHOST"], environ[b"TCPLOCALHOST"],
                    environ.get(b"TCPREMOTEINFO"))  # fmt: skip
        self.session = Session(rules, peer)
        self.queue, self.exit = dialog.queue, 1
        self.commands = Commands()
        self.message = self.envelope = b""
        self.said = self.session.greet()

    def feed(self, block: bytes) -> None:
        if self.session.transfer is not None:
            self._body(block)
            block = b""
        for verb, argument in self.commands.feed(block):
            self.said += self.session.command(verb, argument)
            if self.session.over:
                self.exit = 0
                return
            if self.session.transfer is not None:
                self.message, self.envelope = self.session.received(0), b""
                self._body(self.commands.take_rest())

    def _body(self, block: bytes) -> None:
        transfer = self.session.transfer
        assert transfer is not None
        self.message += transfer.feed(block)
        if transfer.stray:
            self.said += STRAY_NEWLINE
        elif not transfer.receiving:
            self.commands.rest = transfer.rest
            self.session.transfer = None
            if not transfer.refusal:
                records = [b"F" + transfer.sender, *(b"T" + recipient for recipient in transfer.recipients)]
                self.envelope = b"\0".join(records) + b"\0\0"
            self.said += transfer.refusal or transfer.reply(queue_text(self.queue), 7, 0)


@pytest.mark.parametrize("path", DIALOGS, ids=lambda path: path.stem)
def test_on_session(path: Path) -> None:
    dialog = Dialog(path)
    server = PureServer(dialog)
    for sent, expected in dialog.turns:
        server.feed(sent)
        lines = server.said.splitlines(keepends=True)
        server.said = b""
        assert len(lines) == len(expected), (expected, lines)
        for wanted, line in zip(expected, lines, strict=True):
            assert as_expected(wanted, line), (wanted, line)
    assert server.exit == dialog.exit
    dialog.check(server.message, server.envelope)


@pytest.mark.parametrize("path", DIALOGS, ids=lambda path: path.stem)
def test_on_qmail_smtpd(place: Place, path: Path) -> None:
    dialog = Dialog(path)
    home = private_home(place)
    for name, content in dialog.controls.items():
        Path(home.file("control", name)).write_bytes(content)
    capture = Capture(place, f"exit {dialog.queue}")
    process = place.start(
        home.file("bin", "qmail-smtpd"), env={**dialog.env, **capture.env},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ).process  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    for sent, expected in dialog.turns:
        process.stdin.write(sent)
        process.stdin.flush()
        for wanted in expected:
            line = process.stdout.readline()
            assert as_expected(wanted, line), (wanted, line)
        if "nothing" in dialog.kept and QUEUED in expected:
            for kept in capture.folder.iterdir():
                kept.unlink()  # only what comes after it counts
    assert process.stdout.read() == b""
    assert process.wait(20) == dialog.exit
    if dialog.kept:
        envelope = capture.folder / "envelope"
        message = capture.folder / "message"
        dialog.check(
            message.read_bytes() if message.exists() else b"",
            envelope.read_bytes() if envelope.exists() else b"",
        )
