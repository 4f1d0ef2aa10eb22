"""svscan's slots"""

from pysvc.engines.scanner import LIMIT, Scanner

HERE, THERE = (1, 2), (1, 3)


def test_known_by_identity() -> None:
    it = Scanner()
    assert it.seen(HERE) is None
    service = it.add(HERE, None)
    assert it.seen(HERE) is service
    assert it.seen(THERE) is None


def test_deaths() -> None:
    it = Scanner()
    service = it.add(HERE, (3, 4))
    service.pid, service.log_pid = 10, 11
    it.died(99)
    assert (service.pid, service.log_pid) == (10, 11)
    it.died(10)
    assert (service.pid, service.log_pid) == (0, 11)
    it.died(11)
    assert (service.pid, service.log_pid) == (0, 0)


def test_forgotten_only_when_gone_and_quiet() -> None:
    it = Scanner()
    service = it.add(HERE, (3, 4))
    service.pid, service.log_pid = 10, 11
    it.begin()
    assert it.forget() == []
    it.died(10)
    assert it.forget() == []
    it.died(11)
    assert it.forget() == [service]
    assert it.seen(HERE) is None


def test_still_there() -> None:
    it = Scanner()
    it.add(HERE, None)
    it.begin()
    it.seen(HERE)
    assert it.forget() == []


def test_new_one_is_active() -> None:
    it = Scanner()
    it.begin()
    it.add(HERE, None)
    assert it.forget() == []


def test_full() -> None:
    it = Scanner()
    for inode in range(LIMIT):
        assert not it.full
        it.add((1, inode), None)
    assert it.full
    it.begin()
    it.forget()
    assert not it.full
