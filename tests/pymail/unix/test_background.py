"""Calls in threads, their results in the loop"""

import _thread
import os
import select
import time

import pytest

from pymail.unix.background import ABREAST, Background, Once, side_by_side


def wait(background: Background, what: str) -> None:
    poll = select.poll()
    poll.register(background.fd, select.POLLIN)
    assert poll.poll(20000), what


def test_results_come_when_they_are_collected() -> None:
    background, gate, results = Background(), _thread.allocate_lock(), []
    gate.acquire()
    background.start(lambda: gate.acquire() and _thread.get_ident(), results.append)
    background.collect()
    assert (results, background.running) == ([], 1)
    gate.release()
    wait(background, "the first call")
    background.collect()
    assert background.running == 0
    assert results != [_thread.get_ident()]
    background.collect()
    assert len(results) == 1


def test_many_at_a_time() -> None:
    background, results = Background(), []
    for n in range(20):
        background.start(lambda n=n: n, results.append)  # type: ignore[misc]
    while background.running:
        wait(background, "calls")
        background.collect()
    assert sorted(results) == list(range(20))


def test_an_error_reaches_the_loop() -> None:
    background, results = Background(), []
    background.start(lambda: 1 // 0, results.append)
    wait(background, "the call")
    with pytest.raises(ZeroDivisionError):
        background.collect()
    assert (results, background.running) == ([], 0)


@pytest.mark.parametrize("count", [0, 1, 2, ABREAST, 3 * ABREAST + 1])
@pytest.mark.parametrize("abreast", [1, 3, ABREAST, 2 * ABREAST])
def test_side_by_side(count: int, abreast: int) -> None:
    done: list[int] = []
    side_by_side(done.append, range(count), abreast)
    assert sorted(done) == list(range(count))


def test_side_by_side_means_at_the_same_time() -> None:
    gates = [_thread.allocate_lock() for _ in range(ABREAST)]
    for gate in gates:
        gate.acquire()

    def work(n: int) -> None:  # each waits for the next one to have begun
        gates[n].release()
        with gates[(n + 1) % ABREAST]:
            pass

    side_by_side(work, range(ABREAST))


def test_once_for_all_that_need_it() -> None:
    """Whoever comes while it is being done waits for the outcome; a failure is everybody's."""
    once, calls, outcomes = Once(), [], []

    def fail() -> None:
        calls.append("fail")
        time.sleep(0.05)  # time for the others to come
        raise OSError(5, "input/output error")

    def need(n: int) -> None:
        once.do("good", lambda: calls.append("good"))
        try:
            once.do("bad", fail)
        except OSError as error:
            outcomes.append(error.errno)

    side_by_side(need, range(ABREAST))
    assert (sorted(calls), outcomes) == (["fail", "good"], [5] * ABREAST)


def test_a_result_is_announced_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the pipe could not be written to twice."""
    background = Background()
    failures = [OSError(12, "out of memory"), BlockingIOError()]
    plain = os.write

    def write(fd: int, data: bytes) -> int:
        if failures:
            raise failures.pop()
        return plain(fd, data)

    monkeypatch.setattr(os, "write", write)
    got: list[int] = []
    background.start(lambda: 5, got.append)
    wait(background, "the call")
    background.collect()
    assert (got, background.running) == ([5], 0)
