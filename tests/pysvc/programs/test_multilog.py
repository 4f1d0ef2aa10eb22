"""multilog as a process"""

import fcntl
import os
import re
import signal
import stat
import subprocess
import termios
from array import array
from pathlib import Path

import pytest

from tests.support.world import Place, Running, eventually

LABEL = re.compile(rb"@[0-9a-f]{24}")
S, U = "@*.s", "@*.u"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def old(folder: Path) -> list[Path]:
    """The finished files, the oldest first."""
    return sorted(folder.glob("@*"))


def log(place: Place, **files: tuple[bytes, int]) -> Path:
    """A log directory with files as a crash leaves them: name=(content, mode)."""
    folder = place.path / "log"
    folder.mkdir()
    for name, (content, bits) in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(bits)
    place.own()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """What is in a directory; labels in names are left out."""
    return {re.sub("@[0-9a-f]{24}", "@", file.name): file.read_bytes() for file in folder.iterdir()}


def unread(pipe: int) -> int:
    """How many bytes wait in a pipe."""
    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def start(place: Place, *arguments: str) -> tuple[Running, int]:
    """A multilog that is up, and the end of the pipe it reads from."""
    reader, writer = os.pipe()
    running = place.start("multilog", *arguments, stdin=reader, stderr=subprocess.PIPE)
    os.close(reader)
    for current in (place.path / name / "current" for name in arguments if name[:1] == "."):
        eventually(lambda current=current: current.exists() and mode(current) == 0o644)
    return running, writer


def test_lines_with_labels(place: Place) -> None:
    done = place.run("multilog", "t", "./log", stdin=b"one\n\nthree")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert LABEL.sub(b"@", (place.path / "log/current").read_bytes()) == b"@ one\n@ \n@ three\n"


def test_names_and_modes(place: Place) -> None:
    place.run("multilog", "./log", stdin=b"x\n", umask=0o077)
    folder = place.path / "log"
    assert mode(folder) == 0o700
    assert {file.name: mode(file) for file in folder.iterdir()} == {
        "current": 0o744, "lock": 0o600, "state": 0o644,
    }  # fmt: skip


def test_current_is_marked_as_incomplete_while_it_is_in_use(place: Place) -> None:
    running, writer = start(place, "./log")
    current = place.path / "log/current"
    assert mode(current) == 0o644
    os.close(writer)
    assert running.wait() == 0
    assert mode(current) == 0o744


def test_no_arguments(place: Place) -> None:
    done = place.run("multilog", stdin=b"x\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_closed_input_is_the_end_of_it(place: Place) -> None:
    done = place.run("sh", "-c", "exec multilog ./log <&-")
    assert (done.returncode, done.stderr) == (0, b"")


def test_selection_alerts_and_status_files(place: Place) -> None:
    (place.path / "status").write_bytes(b"#" * 1010)
    place.own()
    done = place.run(
        "multilog", "-*", "+*fatal*", "./bad", "e", "=status", "=new", "+*", "./all",
        stdin=b"fine\nfatal: 1\nfatal: 2\n",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"fatal: 1\nfatal: 2\n")
    assert (place.path / "bad/current").read_bytes() == b"fatal: 1\nfatal: 2\n"
    assert (place.path / "all/current").read_bytes() == b"fine\nfatal: 1\nfatal: 2\n"
    assert (place.path / "status").read_bytes() == b"fatal: 2".ljust(1001, b"\n") + b"#" * 9
    assert (place.path / "new").read_bytes() == b"fatal: 2".ljust(1001, b"\n")
    assert mode(place.path / "new") == 0o600


@pytest.mark.parametrize("letters", ["-", "+", "-+"])
def test_as_many_patterns_as_one_likes(place: Place, letters: str) -> None:
    patterns = [f"{letters[n % len(letters)]}*pat{n}*" for n in range(1500)]
    done = place.run("multilog", "-*", "+*", *patterns, "./log", stdin=b"pat1498\npat1499\nother\n")
    assert (done.returncode, done.stderr) == (0, b"")
    kept = {"-": b"other\n", "+": b"pat1498\npat1499\nother\n", "-+": b"pat1499\nother\n"}[letters]
    assert (place.path / "log/current").read_bytes() == kept


def test_what_cannot_be_opened_is_fatal(place: Place) -> None:
    (place.path / "file").touch()
    for arguments, text in [
        (["./file"], "open directory ./file: not a directory"),
        (["./no/where"], "open directory ./no/where: file does not exist"),
        (["=no/where"], "create no/where: file does not exist"),
        (["./a", "./a"], "lock directory ./a: temporary failure"),
    ]:
        done = place.run("multilog", *arguments)
        assert (done.returncode, done.stderr) == (111, f"multilog: fatal: unable to {text}\n".encode())


def test_a_directory_in_use(place: Place) -> None:
    _, writer = start(place, "./log")
    done = place.run("multilog", "./log")
    os.close(writer)
    assert done.stderr == b"multilog: fatal: unable to lock directory ./log: temporary failure\n"
    assert done.returncode == 111


def test_complete_lines_are_there_before_more_is_read(place: Place) -> None:
    _, writer = start(place, "./log")
    os.write(writer, b"whole\npart")
    current = place.path / "log/current"
    assert eventually(current.read_bytes) == b"whole\n"
    os.close(writer)
    eventually(lambda: current.read_bytes() == b"whole\npart\n")


def test_number_of_files(place: Place) -> None:
    place.run("multilog", "s1", "n3", "./three", "n1", "./two", stdin=b"x" * 18000)
    for name, count in (("three", 2), ("two", 1)):
        finished = old(place.path / name)
        assert [file.stat().st_size for file in finished] == [4096] * count
        assert (place.path / name / "current").stat().st_size == 18001 - 4 * 4096
        assert {mode(file) for file in finished} == {0o744}


def test_lines_end_files(place: Place) -> None:
    lines = b"".join(b"%099d\n" % n for n in range(200))
    place.run("multilog", "s4096", "n100", "./log", stdin=lines)
    files = [*old(place.path / "log"), place.path / "log/current"]
    assert b"".join(file.read_bytes() for file in files) == lines
    for file in files[:-1]:
        assert file.read_bytes().endswith(b"\n")
        assert 2096 <= file.stat().st_size <= 4096


def test_a_clean_current_goes_on(place: Place) -> None:
    folder = log(place, current=(b"before\n", 0o744), previous=(b"stray", 0o744))
    place.run("multilog", "./log", stdin=b"after\n")
    assert contents(folder) == {"current": b"before\nafter\n", "previous": b"stray", "lock": b""}


CRASHES = {
    "while logging": ({"current": (b"c", 0o644)}, {"@.u": b"c"}),
    "before the new current": ({"previous": (b"p", 0o644)}, {"@.u": b"p"}),
    "processor running": (
        {"current": (b"", 0o644), "processed": (b"half", 0o644), "newstate": (b"n", 0o644)},
        {"@.u": b""},
    ),
    "processor done": (
        {"processed": (b"done", 0o744), "previous": (b"p", 0o744), "state": (b"s", 0o644)},
        {"@.s": b"done"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("moment", CRASHES)
def test_after_a_crash(place: Place, moment: str) -> None:
    before, after = CRASHES[moment]
    folder = log(place, **before)
    assert place.run("multilog", "./log").stderr == b""
    assert contents(folder) == {"current": b"", "state": b"", "lock": b"", **after}


def test_after_a_crash_between_current_and_link(place: Place) -> None:
    folder = log(place, current=(b"", 0o644), previous=(b"p", 0o744))
    place.run("multilog", "./log")
    assert [(file.suffix, file.read_bytes()) for file in old(folder)] == [(".u", b"p"), (".u", b"")]


def test_after_a_crash_between_link_and_unlink(place: Place) -> None:
    folder = log(place, current=(b"c", 0o744), previous=(b"p", 0o744))
    (folder / "current").chmod(0o644)
    os.link(folder / "previous", folder / "@400000000000000100000000.s")
    place.run("multilog", "./log")
    assert [file.suffix for file in old(folder)] == [".s", ".u"]
    assert not (folder / "previous").exists()


def test_a_killed_multilog(place: Place) -> None:
    running, writer = start(place, "./log")
    os.write(writer, b"x\n")
    eventually(lambda: (place.path / "log/current").read_bytes() == b"x\n")
    running.signal(signal.SIGKILL)
    running.wait()
    os.close(writer)
    place.run("multilog", "./log")
    assert contents(place.path / "log")["@.u"] == b"x\n"


def test_term_between_lines_stops_at_once(place: Place) -> None:
    running, writer = start(place, "./log")
    os.write(writer, b"x\n")
    eventually(lambda: (place.path / "log/current").stat().st_size)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert mode(place.path / "log/current") == 0o744
    os.close(writer)


def test_term_in_a_line_waits_for_its_end_and_leaves_the_rest(place: Place) -> None:
    reader, writer = os.pipe()
    running = place.start("multilog", "./log", stdin=reader)
    current = place.path / "log/current"
    eventually(current.exists)
    os.write(writer, b"whole\npart")
    eventually(lambda: current.read_bytes() == b"whole\n")
    running.signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.2)
    os.write(writer, b" end\nnext\n")
    assert running.wait() == 0
    assert current.read_bytes() == b"whole\npart end\n"
    assert os.read(reader, 100) == b"next\n"
    os.close(writer)
    os.close(reader)


def test_alarm_finishes_what_is_there(place: Place) -> None:
    running, writer = start(place, "./log", "-*", "./empty")
    current = place.path / "log/current"
    os.write(writer, b"x\npart")
    eventually(lambda: current.read_bytes() == b"x\n")
    running.signal(signal.SIGALRM)
    eventually(lambda: old(place.path / "log"))
    running.signal(signal.SIGALRM)
    os.close(writer)
    assert running.wait() == 0
    assert [file.read_bytes() for file in old(place.path / "log")] == [b"x\n"]
    assert current.read_bytes() == b"part\n"
    assert old(place.path / "empty") == []


def test_hangup_kills(place: Place) -> None:
    running, writer = start(place, "./log")
    running.signal(signal.SIGHUP)
    assert running.wait() == -signal.SIGHUP
    assert mode(place.path / "log/current") == 0o644
    os.close(writer)


def test_a_processor_makes_the_finished_file(place: Place) -> None:
    processor = "!tr a-z A-Z; pwd >&2; echo seen >&5"
    done = place.run("multilog", "s4096", processor, "./log", stdin=b"x" * 2100 + b"\n")
    folder = place.path / "log"
    assert (done.returncode, done.stderr) == (0, os.fsencode(folder) + b"\n")
    assert contents(folder) == {
        "@.s": b"X" * 2100 + b"\n", "current": b"", "lock": b"", "state": b"seen\n",
    }  # fmt: skip
    assert mode(old(folder)[0]) == 0o744


def test_a_processor_is_named_as_it_was(place: Place) -> None:
    """Its messages and the process list have the shell's word, not its path."""
    done = place.run("multilog", "s4096", '!echo "$0" >&2; cat', "./log", stdin=b"x" * 2100 + b"\n")
    assert done.stderr == b"sh\n"


def test_memory_of_a_processor(place: Place) -> None:
    processor = "!read n <&4; echo $((n + 1)) >&5; echo run $((n + 1)) >&2; exec >&2; ls /proc/$$/fd"
    done = place.run("multilog", "s4096", processor, "./log", stdin=(b"x" * 2100 + b"\n") * 3)
    descriptors = [b"0", b"1", b"2", b"4", b"5"]
    assert done.stderr.splitlines() == [
        b"run 1", *descriptors, b"run 2", *descriptors, b"run 3", *descriptors,
    ]  # fmt: skip
    assert [file.stat().st_size for file in old(place.path / "log")] == [0, 0, 0]


def test_an_empty_processor_keeps_nothing(place: Place) -> None:
    place.run("multilog", "!", "s4096", "./log", stdin=b"x" * 2100 + b"\n")
    assert [file.read_bytes() for file in old(place.path / "log")] == [b""]


def test_a_processor_finds_default_signals(place: Place) -> None:
    done = place.run("multilog", "s4096", "!cat /proc/self/status >&2", "./log", stdin=b"x" * 2100 + b"\n")
    assert re.findall(rb"Sig(?:Blk|Cgt|Ign):\s*(\w+)", done.stderr) == [b"0" * 16] * 3


def test_little_is_held_while_a_file_is_finished(place: Place) -> None:
    """A SIGKILL would lose what has been read and not been written, and a processor may take its time."""
    reader, writer = os.pipe()
    os.write(writer, (b"x" * 63 + b"\n") * 1000)
    processor = "!until test -e ../go; do sleep 0.01; done; cat"
    running = place.start("multilog", "s4096", processor, "./log", stdin=reader)
    eventually((place.path / "log/processed").exists)
    held = 64000 - unread(reader) - (place.path / "log/previous").stat().st_size
    (place.path / "go").touch()
    os.close(writer)
    os.close(reader)
    assert running.wait() == 0
    assert held <= 1024  # as much as the original reads at a time


def test_nobody_reads_the_alerts(place: Place) -> None:
    (alerts, end), (reader, writer) = os.pipe(), os.pipe()
    os.close(alerts)
    processor = "!grep ^SigIgn: /proc/self/status >seen; cat"
    running = place.start("multilog", "e", "s4096", processor, "./log", stdin=reader, stderr=end)
    for fd in (end, reader):
        os.close(fd)
    os.write(writer, b"x" * 2100 + b"\nlast\n")
    os.close(writer)
    assert running.wait() == 0
    folder = place.path / "log"
    assert [file.stat().st_size for file in old(folder)] == [2106]
    assert (folder / "seen").read_text().split() == ["SigIgn:", "0" * 16]


def test_a_processor_is_tried_again(place: Place) -> None:
    """Five seconds later, with all input kept; SIGTERM does not end multilog meanwhile."""
    running, writer = start(place, "s4096", "!test -e ../fixed && cat", "./log")
    os.write(writer, b"x" * 2100 + b"\n")
    assert running.process.stderr is not None
    assert running.process.stderr.readline() == b"multilog: warning: processor failed in ./log, pausing\n"
    running.signal(signal.SIGTERM)
    (place.path / "fixed").touch()
    assert running.wait() == 0
    os.close(writer)
    folder = place.path / "log"
    assert [file.stat().st_size for file in old(folder)] == [2101]
    assert (folder / "current").read_bytes() == b""


def test_the_lock_is_held(place: Place) -> None:
    _, writer = start(place, "./log")
    with open(place.path / "log/lock") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(writer)


def test_memory_stays_flat(place: Place) -> None:
    """Whatever the length of a line: 30 MB of one line within 16 MB."""
    reader, writer = os.pipe()
    running = place.start("multilog", "t", "s16777215", "n2", "./log", stdin=reader)
    os.close(reader)
    for _ in range(480):
        os.write(writer, b"x" * 65536)
    status = Path(f"/proc/{running.pid}/status").read_text()
    os.close(writer)
    assert running.wait() == 0
    assert int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) < 16384
