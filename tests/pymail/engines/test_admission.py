"""Who may have how many requests"""

from hypothesis import given
from hypothesis import strategies as st

from pymail.engines.admission import EACH, ORDINARY, TOTAL, Admission


def admitted(admission: Admission, uids: list[int]) -> list[int]:
    return [uid for uid in uids if admission.admit(uid)]


def test_one_user_has_a_bound() -> None:
    assert len(admitted(Admission(frozenset({1})), [1000] * 100)) == EACH


def test_the_mail_system_has_no_such_bound() -> None:
    assert len(admitted(Admission(frozenset({1})), [1] * (TOTAL + 5))) == TOTAL


def test_all_users_together_leave_room() -> None:
    admission = Admission(frozenset({1}))
    assert len(admitted(admission, list(range(1000, 2000)))) == ORDINARY
    assert len(admitted(admission, [1] * 100)) == TOTAL - ORDINARY


@given(st.lists(st.integers(1, 3), max_size=300))
def test_what_is_released_can_be_had_again(uids: list[int]) -> None:
    admission = Admission(frozenset({1}))
    first = admitted(admission, uids)
    for uid in first:
        admission.release(uid)
    assert admitted(admission, uids) == first
