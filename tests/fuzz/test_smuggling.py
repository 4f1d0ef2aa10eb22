"""No second message inside a message: every mixture of CR, LF and dots, coming in and going out

A sender and a receiver that disagree about where a message ends let a stranger hide a whole transaction in
one. Here only CR LF . CR LF ends a message that comes in, and a LF alone ends the connection; a message that
goes out holds nothing that any receiver could take for an end.
"""

import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.protocols.smtp_client import Encoder
from pymail.protocols.smtp_data import COMPLETE, RECEIVING, STRAY, Scanner
from pymail.protocols.smtp_server import STRAY_NEWLINE
from pymail.unix.home import Home
from tests.support.homes import private_home, queued
from tests.support.tcp import serve
from tests.support.world import Place, eventually, free_port, listening

PIECES = (b"\r", b"\n", b"\r\n", b".", b"x")
LONGEST = 6  # pieces: 19530 sequences
SMUGGLED = b"MAIL FROM:<evil@x>\r\nRCPT TO:<joe@here.test>\r\nDATA\r\nevil\r\n.\r\n"
# What receivers have been known to take for the end of a message: line end, dot, line end.
LINE_ENDS = (b"\r\n", b"\n", b"\r")
ENDS = [one + b"." + other for one in LINE_ENDS for other in LINE_ENDS] + [b"\r\n.\0\r\n", b"\n.\r\r\n"]


def sequences(longest: int, pieces: tuple[bytes, ...] = PIECES) -> Iterator[bytes]:
    """Every text of up to so many pieces, each once."""
    sizes = range(longest + 1)
    texts = (b"".join(parts) for size in sizes for parts in itertools.product(pieces, repeat=size))
    return iter(dict.fromkeys(texts))


# --- in ---


def first_end(stream: bytes) -> tuple[str, int]:
    """What must become of a stream of message bytes, and how many of them belong to the message.

    Said as plainly as it can be: the first CR LF . CR LF behind the line end before the message, unless a LF
    without CR comes before its end.
    """
    stray = re.search(rb"(?<!\r)\n", b"\r\n" + stream)
    end = (b"\r\n" + stream).find(b"\r\n.\r\n")
    if stray and (end < 0 or stray.start() < end):
        return STRAY, 0
    return (RECEIVING, len(stream)) if end < 0 else (COMPLETE, end + 3)


def received(blocks: list[bytes]) -> tuple[str, bytes, bytes]:
    """(state, stored, what was left for the commands that follow) by the scanner."""
    scanner, stored, behind = Scanner(), b"", b""
    for block in blocks:
        if scanner.state == RECEIVING:
            stored += scanner.feed(block)
        else:
            behind += block
    return scanner.state, stored, scanner.rest + behind


def plain(message: bytes) -> bytes:
    """What a message of CR LF lines, without its final dot, is stored as."""
    lines = (b"\r\n" + message).split(b"\r\n")[1:]
    return b"\n".join(line[1:] if line[:1] == b"." and line[1:2] != b"\r" else line for line in lines)


def test_every_mixture_coming_in() -> None:
    for text in sequences(LONGEST):
        stream = text + b"\r\n.\r\n" + SMUGGLED
        state, size = first_end(stream)
        found, stored, behind = received([stream])
        assert found == state, text
        if state == COMPLETE:
            assert behind == stream[size:], text
            assert stored == plain(stream[: size - 3]), text


def test_every_mixture_in_every_cut_coming_in() -> None:
    for text in sequences(4):
        stream = b"x" + text + b"\r\n.\r\nQ"
        whole = received([stream])
        for at in range(len(stream) + 1):
            assert received([stream[:at], stream[at:]])[0] == whole[0], (text, at)
            assert whole[0] == STRAY or received([stream[:at], stream[at:]]) == whole, (text, at)
        assert whole[0] == STRAY or received([bytes([byte]) for byte in stream]) == whole


def test_a_message_that_has_not_ended_is_none() -> None:
    """Nothing but the whole end ends it, whatever stands in place of its parts."""
    for end in (*ENDS, b"\r\n.\r", b"\r\n.", b"\n.\n", b"\r\n..\r\n", b"\r\n.x\r\n"):
        assert (received([b"x" + end])[0] == COMPLETE) == (end == b"\r\n.\r\n")


# --- out ---


def encoded(blocks: list[bytes]) -> bytes | None:
    encoder = Encoder()
    sent = b"".join(encoder.feed(block) for block in blocks)
    end = encoder.finish()
    return None if end is None else sent + end


def sound_on_the_wire(sent: bytes) -> bool:
    """Whether no receiver can see an end before the last three bytes, by any notion of a line."""
    message, end = sent[:-3], sent[-3:]
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", sent)
    early = any(one in line_end + message for line_end in LINE_ENDS for one in ENDS)  # behind DATA's own
    return end == b".\r\n" and not bare and not early


def lines_of(message: bytes) -> list[bytes]:
    """The lines of a stored message where CR, LF and CR LF all end one."""
    return re.split(rb"\r\n|\r|\n", message)


def test_every_mixture_going_out() -> None:
    for text in sequences(LONGEST):
        sent = encoded([text])
        if text and text[-1:] not in b"\r\n":
            assert sent is None  # a partial line: it is not sent
            sent = encoded([text + b"\n"])
        assert sent is not None
        assert sound_on_the_wire(sent), text


def test_what_goes_out_means_the_same() -> None:
    """An honest receiver gets every line; the same wherever the message was cut."""
    for text in sequences(4):
        message = text + b"\n"
        sent = encoded([message])
        assert sent is not None
        state, stored, behind = received([sent])
        assert (state, behind) == (COMPLETE, b"")
        assert stored.split(b"\n") == lines_of(message), text
        for at in range(len(message) + 1):
            assert encoded([message[:at], message[at:]]) == sent, (text, at)


def test_the_models_see_what_a_careless_sender_does() -> None:
    """Else the tests above could not fail."""
    for end in ENDS:
        assert not sound_on_the_wire(b"x" + end + b"y\r\n.\r\n")
    assert not sound_on_the_wire(b".\r\n.\r\n")
    assert sound_on_the_wire(b"x\r\n..\r\ny\r\n.\r\n")


# --- over sockets ---

ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<joe@here.test>\r\nDATA\r\n"


@pytest.fixture
def home(place: Place) -> Home:
    return named(private_home(place))


def named(home: Home) -> Home:
    Path(home.file("control", "me")).write_text("here.test\n")
    return home


@pytest.mark.parametrize("end", [end for end in ENDS if end != b"\r\n.\r\n"])
def test_smuggled_commands_never_run(place: Place, home: Home, end: bytes) -> None:
    """A LF alone ends the connection with nothing queued; what has none is text of the one message."""
    said = ENVELOPE + b"Subject: x\r\n\r\nhello" + end + SMUGGLED + b"QUIT\r\n"
    place.start(home.file("bin", "qmail-queued"))
    done = place.run(home.file("bin", "qmail-smtpd"), stdin=said)
    messages = queued(home.file("queue"))
    if re.search(rb"(?<!\r)\n", end):
        assert done.stdout.endswith(STRAY_NEWLINE)
        assert messages == {}
    else:
        assert done.stdout.count(b"\r\n250 ok ") == 1
        (files,) = messages.values()
        assert b"MAIL FROM:<evil@x>\n" in files["mess"]
        assert b"evil" not in files["todo"]


MIXED = [
    b"a\r.\rb\n", b"a\n.\nb\n", b".\n", b"..\n.\n", b"a\r\r\n.\r\r\nb\n", b"a\n.\r\nQUIT\n",
    b"\r.\r\n", b"x\r",
]  # fmt: skip


def test_mixtures_to_a_sink(place: Place, home: Home) -> None:
    """Each is one message to smtp-sink, and one that ends where it should."""
    port = free_port()
    (place.path / "got").mkdir()
    place.own()
    place.start("/usr/sbin/smtp-sink", "-d", "got/%M.", f"127.0.0.1:{port}", "10")
    eventually(lambda: listening(port), what="smtp-sink")
    Path(home.file("control", "smtproutes")).write_text(f":127.0.0.1:{port}\n")
    for text in MIXED:
        done = place.run(home.file("bin", "qmail-remote"), "there.test", "a@b", "c@d", stdin=text)
        assert done.stdout.startswith(b"r\0K"), (text, done)
    eventually(lambda: len(list((place.path / "got").iterdir())) == len(MIXED), what="all messages")
    dumps = [path.read_bytes() for path in (place.path / "got").iterdir()]
    bodies = [dump.partition(b"(UTC)\n")[2] for dump in dumps]  # behind a Received line, ended once more
    assert sorted(bodies) == sorted(b"\n".join(lines_of(text)) + b"\n" for text in MIXED)


def test_through_two_hosts(place: Place) -> None:
    """From one queue into the other: every line comes out as it went in, and one message for each."""
    homes = []
    for name in ("first", "second"):
        (place.path / name).mkdir()
        place.own()
        homes.append(named(private_home(Place(place.world, place.path / name))))
    first, second = homes
    place.start(second.file("bin", "qmail-queued"))
    server = serve(place, "tcpserver", "--", second.file("bin", "qmail-smtpd"))
    Path(first.file("control", "locals")).write_text("")
    Path(first.file("control", "smtproutes")).write_text(f":127.0.0.1:{server.port}\n")
    (place.path / "envelope").write_bytes(b"Fa@b\0Tjoe@there.test\0\0")
    path = {"PATH": first.file("bin") + ":/usr/bin:/bin"}
    place.start(first.file("bin", "qmail-start"), "./M/", env=path, stdout=subprocess.DEVNULL)
    for text in MIXED:
        done = place.run("sh", "-c", 'exec "$0" 1<envelope', first.file("bin", "qmail-queue"), stdin=text)
        assert done.returncode == 0
    queue = second.file("queue")
    eventually(lambda: len([files for files in queued(queue).values() if "todo" in files]) == len(MIXED), 40)
    # Behind the two Received lines of the second host and that of the first.
    got = [files["mess"].split(b"\n", 4)[4].split(b"\n") for files in queued(queue).values()]
    assert sorted(got) == sorted(map(lines_of, MIXED))
