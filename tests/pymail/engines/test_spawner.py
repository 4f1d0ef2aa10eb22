"""The slots of a spawner as values"""

from hypothesis import given
from hypothesis import strategies as st

from pymail.engines import spawner
from pymail.engines.spawner import Slots
from pymail.protocols.spawn import Request


def report(code: int, output: bytes) -> bytes:
    return b"%d:%s" % (code, output)


def request(delnum: int, messid: bytes = b"0/23", recipient: bytes = b"a@b") -> Request:
    return Request(delnum, messid, b"s@t", recipient)


def test_order_of_refusals() -> None:
    """The first reason in the table of the original is the one that is told."""
    slots = Slots(report)
    slots.start(1)
    assert slots.refusal(request(120, b"x", b"a")) == spawner.TOO_BIG
    assert slots.refusal(request(1, b"x", b"a")) == spawner.IN_USE
    assert slots.refusal(request(0, b"x" * 100, b"a")) == spawner.NONNUMERIC
    assert slots.refusal(request(0, b"1" * 100, b"a")) == spawner.TOO_LONG
    assert slots.refusal(request(0, b"", b"a")) == spawner.TOO_SHORT
    assert slots.refusal(request(0, b"1", b"a")) == spawner.NO_HOST
    assert slots.refusal(request(119, b"1//2/")) is None


def test_both_ends_in_any_order() -> None:
    slots = Slots(report)
    slots.start(0)
    assert slots.output(0, b"a") is None
    assert slots.ended(0, 7) is None
    assert slots.output(0, b"b") is None
    assert slots.output(0, b"") == b"7:ab"
    slots.start(0)
    assert slots.output(0, b"") is None
    assert slots.ended(0, 0) == b"0:"


def test_output_is_cut_as_it_comes() -> None:
    slots = Slots(report, lambda output: output[:5])
    slots.start(0)
    for _ in range(9):
        slots.output(0, b"xyz")
    slots.output(0, b"")
    assert slots.ended(0, 0) == b"0:xyzxy"


EVENTS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["start", "say", "eof", "end"])), max_size=60)


@given(EVENTS)
def test_each_delivery_is_reported_once(events: list[tuple[int, str]]) -> None:
    slots, busy = Slots(report), dict[int, set[str]]()
    for delnum, event in events:
        assert (slots.refusal(request(delnum)) == spawner.IN_USE) == (delnum in busy)
        if event == "start":
            if delnum not in busy:
                slots.start(delnum)
                busy[delnum] = set()
            continue
        if delnum not in busy or event in busy[delnum] or (event == "say" and "eof" in busy[delnum]):
            continue
        if event == "say":
            assert slots.output(delnum, b"x") is None
            continue
        busy[delnum].add(event)
        said = slots.output(delnum, b"") if event == "eof" else slots.ended(delnum, 0)
        assert (said is not None) == (busy[delnum] == {"eof", "end"})
        if said is not None:
            del busy[delnum]
