"""The table of states, and the tests' own check of a queue"""

import itertools
import os
from collections.abc import Callable

import pytest

from pymail.queue.states import KINDS, STATES, state
from tests.support.queue_states import QueueCheck, state_of
from tests.support.sending import Sending


@pytest.mark.parametrize(
    ("kinds", "name"),
    [
        ("", "S1"), ("mess", "S2"), ("mess intd", "S3"), ("mess intd todo", "S4"), ("mess todo", "S4"),
        ("mess intd todo info local remote", "S4"), ("mess info", "S5"), ("mess info remote bounce", "S5"),
        ("todo", None), ("intd", None), ("mess intd info", None), ("mess todo bounce", None), ("info", None),
    ],
)  # fmt: skip
def test_state(kinds: str, name: str | None) -> None:
    assert state(set(kinds.split())) == name


def test_no_two_states_have_a_set_of_files_in_common() -> None:
    for bits in itertools.product((False, True), repeat=len(KINDS)):
        existing = {kind for kind, there in zip(KINDS, bits, strict=True) if there}
        matching = [
            name for name, cells in STATES.items()
            if all(wanted is None or wanted == (kind in existing) for kind, wanted in cells.items())
        ]  # fmt: skip
        assert len(matching) <= 1


def test_both_tables_agree() -> None:
    """The one that the programs' tests use was written without a look at the other."""
    for bits in itertools.product((False, True), repeat=len(KINDS)):
        existing = {kind for kind, there in zip(KINDS, bits, strict=True) if there}
        assert state_of(existing) == (state(existing) if existing else None)


RECEIVED = b"Received: (qmail 45 invoked by uid 1000); 6 Sep 1995 04:46:54 -0000\nSubject: x\n\nhello\n"


def test_a_legal_queue(sending: Sending) -> None:
    queued = sending.put(b"s@t", [b"a@b"], message=RECEIVED)
    files = {"local": b"Ta@b\0Dc@d\0", "remote": b"De@f\0"}
    preprocessed = sending.preprocessed(b"", files, message=RECEIVED)
    private(sending, preprocessed)
    check = QueueCheck(sending.queue)
    assert (check.complaints, check.states) == ([], {queued: "S4", preprocessed: "S5"})


def private(sending: Sending, number: int) -> None:
    """The modes of qmail-send's files."""
    for kind in sending.kinds(number) & {"info", "local", "remote", "bounce"}:
        sending.file(kind, number).chmod(0o600)


Break = Callable[[Sending, int], object]
FAULTS: dict[str, Break] = {
    "has another inode number": lambda s, n: s.file("mess", n).rename(s.file("mess", n + 23)),
    "is in the wrong part": lambda s, n: os.link(s.file("mess", n), s.queue / f"mess/{(n + 1) % 23}/{n}"),
    "has mode": lambda s, n: s.file("info", n).chmod(0o644),
    "is no number": lambda s, n: (s.queue / "todo/x").touch(),
    "has no name of a pid file": lambda s, n: (s.queue / "pid/x").touch(0o644),
    "has not 23 parts": lambda s, n: (s.queue / "local/23").mkdir(),
    "holds": lambda s, n: s.file("local", n).write_bytes(b"Ta@b"),
    "does not begin with Received": lambda s, n: s.file("mess", n).write_bytes(b"Subject: x\n\n"),
    " has ": lambda s, n: s.file("intd", n).touch(),
    "has the inode of the message": lambda s, n: (
        s.file("bounce", n).unlink(missing_ok=True), os.link(s.file("mess", n), s.file("bounce", n))
    ),
}  # fmt: skip


@pytest.mark.parametrize("complaint", FAULTS)
def test_what_is_illegal(sending: Sending, complaint: str) -> None:
    number = sending.preprocessed(b"s@t", {"local": b"Ta@b\0"}, message=RECEIVED)
    private(sending, number)
    assert QueueCheck(sending.queue).complaints == []
    FAULTS[complaint](sending, number)
    assert any(complaint in found for found in QueueCheck(sending.queue).complaints)
