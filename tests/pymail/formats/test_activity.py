"""The lines of qmail-send's activity record"""

from pymail.formats import activity


def test_sanitise() -> None:
    assert activity.sanitise(bytes(range(256))) == (
        b"_" * 10 + b"/" + b"_" * 22 + bytes(range(33, 37)) + b"_" + bytes(range(38, 127)) + b"_" * 129
    )


def test_lines() -> None:
    assert activity.status([(1, 10), (0, 20)], False) == b"status: local 1/10 remote 0/20\n"
    assert activity.status([(0, 10), (2, 20)], True) == b"status: local 0/10 remote 2/20 exitasap\n"
    assert activity.new_message(7) == b"new msg 7\n"
    assert activity.message_info(7, 83, b"a b@c", 45, 0) == b"info msg 7: bytes 83 from <a_b@c> qp 45 uid 0\n"
    assert activity.starting(1, 7, 1, b"a%b@c") == b"starting delivery 1: msg 7 to remote a_b@c\n"
    assert activity.report(1, "success", b"did 1+0+0\n") == b"delivery 1: success: did_1+0+0/\n"
    assert activity.mangled(1) == b"delivery 1: report mangled, will defer\n"
    assert activity.bounced(7, 79) == b"bounce msg 7 qp 79\n"
    assert activity.triple_bounce("bounce/7") == b"triple bounce: discarding bounce/7\n"
    assert activity.end_message(7) == b"end msg 7\n"
