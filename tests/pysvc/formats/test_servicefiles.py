"""The files that switch on more than daemontools knows, and what supervise tells about such services"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import servicefiles, state, tally
from pysvc.formats.servicefiles import Settings
from pysvc.unix import signals


def parse(**contents: bytes) -> tuple[Settings, list[str]]:
    bad: list[str] = []
    files = {name.replace("_", "-"): text for name, text in contents.items()}
    return servicefiles.parse(files, signals.names(), lambda name, why: bad.append(name)), bad


@pytest.mark.parametrize(
    ("text", "name"),
    [(b"HUP\n", "HUP"), (b"SIGHUP", "HUP"), (b"1", "HUP"), (b"int\n", "INT"), (b"037", "37")],
)
def test_down_signal(text: bytes, name: str) -> None:
    found, bad = parse(down_signal=text)
    assert (found.down_signal, bad) == (name, [])


@pytest.mark.parametrize(
    "contents",
    [
        {"down_signal": b"NOISE"}, {"down_signal": b""}, {"down_signal": b"0"}, {"down_signal": b"999"},
        {"timeout_kill": b"soon"}, {"timeout_kill": b"-1"}, {"timeout_finish": b""}, {"backoff": b""},
        {"backoff": b"1 2 3"}, {"backoff": b"x"}, {"notification_fd": b"2"}, {"notification_fd": b"x"},
        {"permanent_failure": b"1-x"}, {"permanent_failure": b"NOISE"}, {"max_death_tally": b"many"},
    ],
)  # fmt: skip
def test_nonsense_counts_as_missing(contents: dict[str, bytes]) -> None:
    found, bad = parse(**contents)
    assert len(bad) == 1
    plain = Settings()
    assert all(getattr(found, name) == getattr(plain, name) for name in Settings.__slots__)


def test_values() -> None:
    found, bad = parse(
        finish=b"", timeout_finish=b"0", timeout_kill=b"700\n", flag_timeout_killpg=b"", backoff=b"60 5\n",
        notification_fd=b"3\n", max_death_tally=b"99999", permanent_failure=b"100 110-112 SIGSEGV\n",
    )  # fmt: skip
    assert bad == []
    assert (found.finish, found.timeout_finish, found.timeout_kill, found.kill_group) == (True, 0, 700, True)
    assert (found.backoff, found.healthy, found.notification, found.tally) == (60_000, 5000, 3, 4096)
    assert found.failures == {"100", "110", "111", "112", "SEGV"}


def test_defaults() -> None:
    found, _ = parse(backoff=b"60", max_death_tally=b"")
    assert (found.timeout_finish, found.healthy, found.tally) == (5000, 10_000, 100)


@given(
    st.sampled_from(["up", "ready", "finishing", "down"]), st.integers(0, 4 * 10**18), st.integers(0, 2**31),
    st.none() | st.tuples(st.integers(0, 4 * 10**18), st.sampled_from(["0", "255", "KILL"])),
)  # fmt: skip
def test_state(doing: str, since: int, pid: int, death: tuple[int, str] | None) -> None:
    given_one = state.State(doing, since, pid)
    given_one.death = death
    found = state.unpack(state.pack(given_one))
    assert (found.doing, found.pid, found.ready) == (doing, pid, 0)
    assert abs(found.since - since) < 1000
    assert (found.death is None) == (death is None)
    assert death is None or (found.death is not None and found.death[1] == death[1])


@given(st.binary())
def test_any_state_can_be_read(data: bytes) -> None:
    """And shown: the file's owner may not be the one who looks at it."""
    found = state.unpack(b"doing " + data + b"\ndeath @4000000037c219bf00000000 " + data + b"\n" + data)
    assert found.doing.isprintable()
    assert found.death is None or found.death[1].isprintable()


def test_tally() -> None:
    text = b""
    for number in range(5):
        text = tally.add(text, 1_700_000_000_000_000_000, str(number), 3)
    assert [line.split()[1] for line in text.splitlines()] == [b"2", b"3", b"4"]
    assert text.startswith(b"@400000006553f10a")


def test_what_is_no_tally_is_not_repeated() -> None:
    assert tally.add(b"root:secret:1\n", 0, "1", 3) == b"@400000000000000a000001f4 1\n"
