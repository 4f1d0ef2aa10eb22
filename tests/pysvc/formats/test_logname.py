"""Names of finished log files"""

import pytest

from pysvc.formats import logname

A, B, C = (b"@4000000000000000%08x" % n for n in (1, 2, 3))


def test_name() -> None:
    assert logname.name(1700000000_123456789, logname.SAFE) == b"@400000006553f10a075bcbf4.s"


def test_one_less_than_the_number_stays() -> None:
    names = [b"current", C + b".s", A + b".s", b"lock", B + b".u"]
    assert logname.surplus(names, 2) == [A + b".s", B + b".u"]
    assert logname.surplus(names, 3) == [A + b".s"]
    assert logname.surplus(names, 4) == []


def test_a_name_never_sorts_before_those_there_are() -> None:
    names = [b"current", A + b".u", B + b".s", b"@short"]
    assert logname.after(C + b".s", names) == C + b".s"
    assert logname.after(B + b".u", names) == C + b".u"
    assert logname.after(A + b".s", names) == C + b".s"
    assert logname.after(A + b".s", [b"lock"]) == A + b".s"
    assert logname.after(A + b".s", [b"@" + b"z" * 24]) == A + b".s"


@pytest.mark.parametrize("last", [b"f" * 24, b"F" * 24, b"ffff_fffffffffffffffffff", b" " * 24, b"f+f" * 8])
def test_what_is_no_label_has_no_successor(last: bytes) -> None:
    """A name made of it would come before it, and so again and again: each file would replace the last."""
    assert logname.after(A + b".s", [b"@" + last + b".s"]) == A + b".s"


def test_what_counts_is_an_at_sign_and_room_for_a_label() -> None:
    assert logname.surplus([b"@short", b"@" + b"z" * 24, A, b"x" + A], 2) == [A]
