"""softlimit as a process"""

import resource
import signal
from pathlib import Path

import pytest

from tests.support.world import Place

USAGE = (
    b"softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] "
    b"[-m membytes] [-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes] [-t cpusecs] child\n"
)
NAMES = {
    "c": "Max core file size", "d": "Max data size", "f": "Max file size", "l": "Max locked memory",
    "o": "Max open files", "p": "Max processes", "r": "Max resident set", "s": "Max stack size",
    "t": "Max cpu time", "a": "Max address space",
}  # fmt: skip
M = 9_000_000


def limits(place: Place, *arguments: str) -> dict[str, tuple[str, str]]:
    """(soft, hard) of each limit, as the last program of a chain has them."""
    done = place.run(*arguments, "cat", "/proc/self/limits")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = {line[:26].strip(): tuple(line[26:].split()[:2]) for line in done.stdout.decode().splitlines()[1:]}
    return {letter: rows[name] for letter, name in NAMES.items()}  # type: ignore[misc]


def number(text: str) -> float:
    return float("inf") if text == "unlimited" else int(text)


@pytest.mark.parametrize("letter", "acdfloprst")
def test_soft_limits_of_other_programs_are_the_figure(place: Place, letter: str) -> None:
    """Clamped to the hard limit, which stays; the others stay too."""
    before, after = limits(place, "env"), limits(place, "softlimit", f"-{letter}", "20000000")
    hard = number(before[letter][1])
    assert number(after[letter][0]) == min(20000000, hard)
    assert {**after, letter: before[letter]} == before


def test_m_is_four_limits(place: Place) -> None:
    before, after = limits(place, "env"), limits(place, "softlimit", "-m", str(M))
    assert {letter for letter in NAMES if before[letter] != after[letter]} <= set("dsla")
    assert [number(after[letter][0]) for letter in "dsa"] == [M] * 3
    assert number(after["l"][0]) == min(M, number(before["l"][1]))


@pytest.mark.parametrize(
    ("values", "figure"),
    [(["="], None), (["5000", "="], None), (["=", "5000"], 5000), ([""], 0), (["18446744073709551615"], None),
     (["99999999999999999999999"], 200376420520689663), (["18446744073709551616"], 0)],
)  # fmt: skip
def test_figures(place: Place, values: list[str], figure: int | None) -> None:
    hard = number(limits(place, "env")["c"][1])
    options = [word for value in values for word in ("-c", value)]
    soft = number(limits(place, "softlimit", *options)["c"][0])
    assert soft == (hard if figure is None else min(figure, hard))


@pytest.mark.parametrize(
    "arguments",
    [[], ["-c", "1"], ["-c", "12x", "true"], ["-c", "-1", "true"], ["-c", " 1", "true"],
     ["-a", "1", "-c", "x", "y"]],
)  # fmt: skip
def test_usage(place: Place, arguments: list[str]) -> None:
    done = place.run("softlimit", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", USAGE)


def test_bad_options(place: Place) -> None:
    assert place.run("softlimit", "-q").stderr == b"softlimit: illegal option -- q\n" + USAGE
    assert place.run("softlimit", "-c").stderr == b"softlimit: option requires an argument -- c\n" + USAGE


def test_an_option_is_a_byte(place: Place) -> None:
    done = place.run("softlimit", b"-c0\xc3\xa9", b"-\xc3\xa9")
    assert done.stderr == USAGE
    done = place.run("softlimit", b"-\xc3\xa9")
    assert done.stderr == b"softlimit: illegal option -- \xc3\n" + USAGE


@pytest.mark.parametrize(("size", "written"), [("0", 0), ("10", 10), ("1000", None)])
@pytest.mark.parametrize("arguments", [["-c", "12x", "true"], ["-q"], [], ["no"], ["-f", "=", "no"]])
def test_what_it_says_is_limited_too(
    place: Place, size: str, written: int | None, arguments: list[str]
) -> None:
    """Options act at once, also before what is wrong with the next."""
    with (place.path / "said").open("wb") as said:
        running = place.start("softlimit", "-f", size, *arguments, stderr=said)
    code = running.wait()
    text = (place.path / "said").read_bytes()
    if written is None or "=" in arguments:
        assert code in (100, 111)
        assert text.startswith(b"softlimit: ")
        assert text.endswith(b"\n")
    else:
        assert (code, len(text)) == (-signal.SIGXFSZ, written)


def test_a_program_that_is_not_there(place: Place) -> None:
    done = place.run("softlimit", "-m", str(M), "no")
    assert done.returncode == 111
    assert done.stderr == b"softlimit: fatal: unable to run no: file does not exist\n"


@pytest.mark.parametrize("letter", "ad")
def test_a_program_of_ours_gets_the_figure_for_its_work(place: Place, letter: str) -> None:
    """On top of what is mapped when it begins: some megabytes, an interpreter and its code."""
    soft = number(limits(place, "softlimit", f"-{letter}", str(M), "envuidgid", "root")[letter][0])
    assert M + 1_000_000 < soft < M + 40_000_000


def test_m_for_a_program_of_ours(place: Place) -> None:
    before = limits(place, "env")
    after = limits(place, "softlimit", "-m", str(M), "-o", "=", "envuidgid", "root")
    assert all(M < number(after[letter][0]) < M + 40_000_000 for letter in "dsa")
    assert number(after["l"][0]) == min(M, number(before["l"][1]))
    assert after["o"][0] == before["o"][1]
    assert [after[letter][1] for letter in NAMES] == [before[letter][1] for letter in NAMES]


def test_later_programs_of_the_chain_work_within_it(place: Place) -> None:
    """Nine megabytes are enough for the code of others and for 64 KB buffers."""
    text = b"x" * 3_000_000
    done = place.run("softlimit", "-m", str(M), "envuidgid", "root", "setlock", "lock", "tai64n", stdin=text)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b" " + text)


def test_what_goes_beyond_is_out_of_memory(place: Place) -> None:
    (place.path / "d").mkdir()
    with open(place.path / "d/V", "wb") as file:
        file.truncate(4 * M)
    done = place.run("softlimit", "-m", str(M), "envdir", "d", "true")
    assert (done.returncode, done.stderr) == (111, b"envdir: fatal: out of memory\n")


def test_limits_are_those_of_the_manual() -> None:
    """Which limits -m sets stands in the text as letters, in the code as names."""
    manual = Path(__file__).parents[3].joinpath("pysvc/programs/softlimit.py").read_text()
    from pysvc.programs import softlimit

    assert "-m n  -d, -s, -l and -a at once" in manual
    assert [softlimit.RESOURCES[letter][0] for letter in "dsla"] == list(softlimit.MEMORY)
    assert softlimit.RESOURCES["o"] == (resource.RLIMIT_NOFILE,)
