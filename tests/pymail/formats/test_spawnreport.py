"""Reports of the spawners as values"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import spawnreport


@pytest.mark.parametrize(
    ("code", "report"),
    [
        (0, b"Ktext\n"),
        (71, b"Ztext\n"), (74, b"Ztext\n"), (75, b"Ztext\n"), (111, b"Ztext\n"),
        (1, b"Dtext\n"), (64, b"Dtext\n"), (99, b"Dtext\n"), (100, b"Dtext\n"), (114, b"Dtext\n"),
        (127, b"Dtext\n"),
        (-9, b"Zqmail-local crashed.\n"),
        (112, b"ZInternal qmail-lspawn bug.\n"),
        (113, b"ZNot allowed to perform deliveries as root.\n"),
        (115, b"ZNFS failure in qmail-local.\n"),
        (116, b"ZUnable to find alias user!\n"),
        (117, b"ZTrouble reading users/cdb in qmail-lspawn.\n"),
        (118, b"ZTemporary failure in qmail-lspawn.\n"),
        (119, b"ZOut of memory in qmail-lspawn.\n"),
        (120, b"ZUnable to run qmail-local.\n"),
        (121, b"ZUnable to run qmail-getpw.\n"),
        (126, b"DUnable to run qmail-local.\n"),
    ],
)  # fmt: skip
def test_local(code: int, report: bytes) -> None:
    assert spawnreport.local(code, b"text\n\0more") == report


def test_cut() -> None:
    assert spawnreport.cut(b"x" * 3000) == b"x" * 3000
    assert spawnreport.cut(b"x" * 3001) == b"x" * 2966 + b"\nError report too long, sorry.\n"
    assert len(spawnreport.cut(b"x" * 3001)) == 2997
    grown = spawnreport.cut(b"x" * 3001) + b"abc"
    assert spawnreport.cut(grown) == grown
    assert spawnreport.cut(grown + b"d") == b"x" * 2966 + b"\nError report too long, sorry.\n"


@pytest.mark.parametrize(
    ("output", "report"),
    [
        (b"r\0Kok\0", b"Kok"),
        (b"s1\0Kok\0", b"Z1"), (b"s1\0Dno\0", b"Z1no"), (b"s1\0Zno\0", b"Z1no"),
        (b"h1\0Kok\0", b"D1"), (b"h1\0Dok\0", b"D1ok"), (b"h1\0Zok\0", b"D1"),
        (b"r1\0Zok\0", b"Z1ok"), (b"r1\0Dok\0", b"D1ok"),
        (b"r1\0s2\0Kok\0", b"K1"),
        (b"Zfoo\0", b"Zfoo"), (b"Dfoo\0", b"Dfoo"), (b"Kfoo\0", b"Kfoo"),
        (b"foo", b"D"),
        (b"rfoo\0", b"Dfoo"),
        (b"Kfoo", b"D"),          # what is not terminated does not count
        (b"sfoo", b"Z"),
        (b"r\0Kok\0trailing", b"Kok"),
        (b"\0Kok\0", b"KKok"),   # the first byte is never an end
    ],
)  # fmt: skip
def test_remote_output(output: bytes, report: bytes) -> None:
    assert spawnreport.remote(0, output) == report


@pytest.mark.parametrize(
    ("code", "output", "report"),
    [
        (-11, b"Kok\0", b"Zqmail-remote crashed.\n"),
        (111, b"Kok\0", b"ZUnable to run qmail-remote.\n"),
        (100, b"", b"DUnable to run qmail-remote.\n"),
        (1, b"r\0Kok\0", b"DUnable to run qmail-remote.\n"),
        (0, b"", b"Zqmail-remote produced no output.\n"),
    ],
)
def test_remote_ends(code: int, output: bytes, report: bytes) -> None:
    assert spawnreport.remote(code, output) == report


PIECES = st.sampled_from([b"K", b"Z", b"D", b"r", b"h", b"s", b"x", b"\0"])


@given(st.lists(PIECES, min_size=1).map(b"".join))
def test_success_needs_a_report_of_success(output: bytes) -> None:
    report = spawnreport.remote(0, output)
    assert report[:1] in (b"K", b"Z", b"D") and b"\0" not in report
    if report.startswith(b"K"):
        letters = [part[:1] for part in output.split(b"\0")[:-1] if part[:1] in (b"K", b"Z", b"D")]
        assert letters[0] == b"K" and output[:1] not in (b"s", b"h")
