"""Parsers of the queue's files, and of what goes between its programs"""

from pymail.engines import deliveries, spawner
from pymail.engines.jobs import Job
from pymail.engines.passes import Pass, UnknownRecord
from pymail.engines.rewrite import LOCAL, REMOTE, Rewriter, bounce_sender, delivery_sender
from pymail.formats import activity, address, bounce, envelope, spawnreport, tcpto, verdict
from pymail.protocols import handoff, spawn, together
from tests.fuzz.parser import KIB, Blocks, Parser, whole

# --- the pipes and sockets between our own processes ---


def spawn_requests(blocks: Blocks) -> object:
    requests, slots = spawn.Requests(), spawner.Slots(spawnreport.local, spawnreport.cut)
    for block in blocks:
        for request in requests.feed(block):
            refused = slots.refusal(request)
            assert refused is None or refused[:1] in (b"Z", b"D")
            if refused is None:
                slots.start(request.delnum)
    return requests


def spawn_reports(blocks: Blocks) -> object:
    reports = spawn.Reports()
    for block in blocks:
        for delnum, text in reports.feed(block):
            assert 0 <= delnum <= 255
            assert len(text) <= spawn.LONGEST_REPORT
            kind, said = deliveries.outcome(text, last=True)
            assert kind in (deliveries.SUCCESS, deliveries.FAILURE, deliveries.MANGLED)
            assert activity.report(1, kind, said).count(b"\n") == 1
    return reports


def local_output(blocks: Blocks) -> object:
    """What a user's commands print."""
    slots = spawner.Slots(spawnreport.local, spawnreport.cut)
    slots.start(0)
    for block in blocks:
        if block:
            slots.output(0, block)
    slots.ended(0, 0)
    held = slots.busy(), slots._busy[0].output
    report = slots.output(0, b"")
    assert report is not None
    assert report[:1] in (b"K", b"Z", b"D")
    for code in (*range(112, 127), -9, 255):
        assert spawnreport.local(code, whole(blocks))[:1] in (b"K", b"Z", b"D")
    return held


def remote_output(blocks: Blocks) -> object:
    for code in (0, 1, 111, -9):
        assert spawnreport.remote(code, whole(blocks))[:1] in (b"K", b"Z", b"D")
    return None


def queue_answers(blocks: Blocks) -> object:
    for line in whole(blocks).split(b"\n"):
        for word in (b"ready", b"exit"):
            found = handoff.parse(word, line + b"\n")
            assert found is None or found >= 0
    return None


def together_answers(blocks: Blocks) -> object:
    """What a user's process says of deliveries that it was asked for together."""
    said = whole(blocks)
    for count in (1, 2, 8):
        found = together.outcomes(said, count)
        if found is not None:
            assert len(found) == count
            assert together.outcomes(together.answer(found), count) == found
    return None


def queue_requests(blocks: Blocks) -> object:
    """What a client of the queue service sends whole."""
    request = handoff.WHOLE + whole(blocks)
    message, envelope = handoff.parse_whole(request)
    assert handoff.whole(message, envelope) == request
    return None


def queue_text(blocks: Blocks) -> object:
    """What a program in place of qmail-queue says of itself."""
    custom = whole(blocks)
    for code in range(256):
        text = verdict.queue_text(code, custom)
        assert (text == b"") == (code == 0)
        assert text[:1] in (b"", b"D", b"Z")
        assert not set(b"\r\n\0") & set(text)
    return None


# --- the queue ---


def caller_envelope(blocks: Blocks) -> object:
    reader, stored = envelope.Reader(), b""
    for block in blocks:
        stored += reader.feed(block)
        if reader.ended:
            break
    for number, (kind, name) in enumerate(envelope.records(stored)):
        assert kind == (b"T" if number else b"F")
        assert len(name) <= address.LONGEST
    return reader


def queue_file(blocks: Blocks) -> object:
    content = whole(blocks)
    envelope.sender_of(content)
    rewriter = Rewriter(b"env.test", frozenset((b"hack.test",)), frozenset((b"here.test",)), {b"": b"all"})
    for offset, _, name in envelope.recipients(content):
        assert content[offset + 1 : offset + 1 + len(name)] == name
        channel, found = rewriter.rewrite(name)
        assert channel in (LOCAL, REMOTE)
        assert b"@" in found
        assert isinstance(rewriter.without_prefix(found), bytes)
        assert bounce_sender(delivery_sender(b"o-@h-@[]", found)) == delivery_sender(b"o-@h-@[]", found)
    return None


def channel_file(blocks: Blocks) -> object:
    """local/N or remote/N, block by block."""
    current, content = Pass(Job(1, 0, b"", 0, False)), whole(blocks)
    for block in blocks:
        current.feed(block)
        while (found := current.next()) is not None:
            offset, name = found
            assert content[offset : offset + len(name) + 2] == b"T" + name + b"\0"
    return current


def bounce_file(blocks: Blocks) -> object:
    content = whole(blocks)
    sound = bounce.whole_paragraphs(content)
    assert content.startswith(sound)
    assert b"\0" not in sound
    assert bounce.paragraph(content, content).count(b"\n\n") == 1
    return None


def timeouts(blocks: Blocks) -> object:
    table = whole(blocks)
    for found in tcpto.recent(table):
        tcpto.shunned(table, found.address, 1000, 1)
        change = tcpto.timed_out(table, found.address, 1000)
        assert change is None or change[0] + len(change[1]) <= len(table)
    return None


TABLE = b"".join(bytes([127, 0, 0, n, n, 0, 0, 0]) + n.to_bytes(4, "little") + bytes(4) for n in range(8))
RECORDS = b"Fa@b\0Tc@here.test\0Dx%y@hack.test\0T\0"

QUEUE = {
    "spawn-requests": Parser(spawn_requests, [b"\0001/5\0a@b\0c@d\0", b"\x05/5\0\0x\0"], (b"\0", b"/", b"@"),
                             (spawn.TooLong,), holds=132 * KIB),
    "spawn-reports": Parser(spawn_reports, [b"\0Kok\0", b"\xffDno\0"], (b"\0", b"K", b"Z"), holds=12 * KIB),
    "local-output": Parser(local_output, [b"did 1+0+0\n"], (b"\0", b"\n"), holds=4 * KIB),
    "remote-output": Parser(remote_output, [b"r\0Kok\0", b"hno\0Dno\0"], (b"\0", b"r", b"h", b"s", b"K",
                                                                          b"Z", b"D")),
    "together-answers": Parser(together_answers, [b"0 did 1+0+0\n\x00255 \0", b"111 no\n\0"],
                               (b"\0", b" ", b"0 ", b"255 ", b"256 ")),
    "queue-answers": Parser(queue_answers, [b"ready 7\nexit 0\n"], (b"ready ", b"exit ", b"9", b"-", b"\n")),
    "queue-requests": Parser(queue_requests, [b"\x05\0\0\0helloFa\0Tb\0\0"], (b"w", b"\0", b"\xff"),
                             (handoff.Malformed,)),
    "queue-program": Parser(queue_text, [b"Dno (#5.7.1)\n", b"Zlater"], (b"\r\n", b"\0", b"D", b"Z")),
    "envelope": Parser(caller_envelope, [b"Fa@b\0Tc@d\0Te\0\0"], (b"\0", b"F", b"T"),
                       (envelope.Malformed, envelope.TooLong), holds=8 * KIB),
    "queue-files": Parser(queue_file, [RECORDS], (b"\0", b"@", b"%", b"T", b"D", b"hack.test")),
    "channel-files": Parser(channel_file, [RECORDS[5:]], (b"\0", b"T", b"D"), (UnknownRecord,),
                            holds=128 * KIB),
    "bounce-files": Parser(bounce_file, [b"<a@b>:\nno\n\n<c>:\nx\n"], (b"\n", b"\0", b"<")),
    "timeouts": Parser(timeouts, [TABLE], (bytes(16), b"\xff" * 16)),
}  # fmt: skip
