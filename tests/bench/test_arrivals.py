"""Arrivals are counted as they come, by either way of getting a name; what does not come is missed"""

import os
import threading
import time
from pathlib import Path

import pytest

from tests.bench import arrivals
from tests.bench.arrivals import HEADER, OVERFLOW, WRITTEN, Arrivals


def arrive(folder: Path, *names: str) -> None:
    """Half by link, half by rename, as mail systems do."""
    for at, name in enumerate(names):
        first = folder.parent / name
        first.write_text("x")
        if at % 2:
            first.rename(folder / name)
        else:
            os.link(first, folder / name)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    return tmp_path / "new"


def test_counts_what_comes_while_it_waits(new: Path) -> None:
    came = Arrivals(new)
    before = time.monotonic()
    late = threading.Timer(0.05, arrive, (new, "a", "b", "c"))
    late.start()
    last = came.wait(3, 20)
    assert before + 0.05 <= last <= time.monotonic()
    assert sorted(came.names) == ["a", "b", "c"]
    late.join()
    came.close()


def test_what_was_there_before_does_not_count(new: Path) -> None:
    arrive(new, "old")
    came = Arrivals(new)
    arrive(new, "fresh")
    came.wait(1, 20)
    assert came.names == ["fresh"]
    came.close()


def test_a_file_being_written_counts_when_it_is_closed(new: Path) -> None:
    came = Arrivals(new, WRITTEN)
    with (new / "dump").open("w"):
        came.look()
        assert not came.names
    came.wait(1, 20)
    came.close()


def test_one_file_can_count_for_several(new: Path) -> None:
    came = Arrivals(new)
    arrive(new, "10", "5")
    came.wait(15, 20, weigh=int)
    with pytest.raises(TimeoutError, match="15 of 16 came"):
        came.wait(16, 0, weigh=int)
    came.close()


def test_what_is_missing_ends_the_run(new: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came = Arrivals(new)
    arrive(new, "a")
    monkeypatch.setattr(arrivals, "PATIENCE", 0.05)
    with pytest.raises(TimeoutError, match="1 of 2 came"):
        came.wait(2, 1000)
    came.close()


def test_the_watcher_can_end_it(new: Path) -> None:
    def broken() -> None:
        raise RuntimeError("the load generator failed")

    came = Arrivals(new)
    arrive(new, "a")
    with pytest.raises(RuntimeError):
        came.wait(2, 20, watch=broken)
    came.close()


def test_lost_events_are_no_count() -> None:
    with pytest.raises(OSError, match="lost"):
        arrivals.names(HEADER.pack(-1, OVERFLOW, 0, 0))
