"""Figures, medians, targets and the table"""

import pytest

from tests.bench import report
from tests.bench.loads import Fetch, Inject, Outcome, Smtp
from tests.bench.works import WORKS, Work

SPEED = Work("speed", "Speed", Smtp(100), "messages/s", 100, 0.8, original=(10, 20), times=2)
MEMORY = Work("memory", "Memory", Smtp(100, memory=True), "MB", 0, 1.0, memory=True)


def outcome(seconds: float, cpu: float = 0.0, peak: int = 0) -> Outcome:
    return Outcome(seconds, seconds, [("one", cpu / 4, cpu / 4), ("two", cpu / 2, 0)], peak)


def test_the_middle_run_counts() -> None:
    ours, peers = (2, 50, 1), (4, 1, 0.1)
    value = report.Result(SPEED, list(map(outcome, ours)), list(map(outcome, peers))).value()
    assert (value["ours"], value["peer"], value["ratio"], value["reached"]) == (50, 100, 0.5, False)
    assert value["runs"]["ours"] == [50, 2, 100]


def test_cpu_is_by_message() -> None:
    result = report.Result(SPEED, [outcome(1, cpu=0.5)], [])
    assert result.value()["cpu_ms"] == {"ours": 5, "peer": None}


def test_of_memory_less_is_better() -> None:
    assert report.Result(MEMORY, [outcome(1, peak=9000)], [outcome(1, peak=10_000)]).value()["reached"]
    assert not report.Result(MEMORY, [outcome(1, peak=11_000)], [outcome(1, peak=10_000)]).value()["reached"]


def test_without_a_peer_there_is_no_verdict() -> None:
    cells = report.row(report.Result(SPEED, [outcome(1)], []).value())
    assert cells[2:8] == ["100", "-", "Postfix", "-", "at least 0.8", "-"]
    assert cells[-1] == "10-20: 5.0 times, wanted 2"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.9128, "0.91"), (27.44, "27.4"), (1043.2, "1043"), (100, "100"), (None, "-")]
)
def test_number(value: "float | None", shown: str) -> None:
    assert report.number(value) == shown


def test_table_sets_numbers_right_and_words_left() -> None:
    assert report.table([["work", "rate"], ["a", "5"], ["longer", "120"]]) == (
        "work    rate\na          5\nlonger   120\n"
    )


def test_profile_is_by_process_and_adds_up() -> None:
    lines = report.profile("CPU ms", [outcome(1, cpu=0.4)], 100).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["one", "1.000", "1.000"], ["two", "2.000", "0.000"], ["all", "3.000", "1.000"],
    ]  # fmt: skip


def test_a_process_that_one_run_did_not_have_counts_as_nothing_there() -> None:
    with_it, without = Outcome(cpu=[("one", 3.0, 0.0)]), Outcome(cpu=[])
    assert "one" not in report.profile("x", [with_it, without, without], 1)


def test_quick_works_are_smaller_and_their_figures_the_same() -> None:
    for work in WORKS:
        quick = work.quick(10)
        assert quick.amount < work.amount or work.memory
        assert quick.title == f"{work.title} (1/10)"
        assert quick.amount * units(work) == pytest.approx(work.amount * units(quick))


def units(work: Work) -> int:
    load = work.load
    return load.count * load.recipients if isinstance(load, Smtp) else load.count


def test_few_large_messages_are_not_divided_to_nothing() -> None:
    assert units(Work("x", "x", Smtp(5), "", 5, 1).quick(10)) == 4


def test_every_work_is_named_once_and_says_what_it_loads() -> None:
    from tests.bench.mail import load_words

    assert len({work.name for work in WORKS}) == len(WORKS)
    for work in WORKS:
        assert f"{work.load.count} messages" in load_words(work)
    kinds = {type(work.load) for work in WORKS}
    assert kinds == {Smtp, Inject, Fetch}
