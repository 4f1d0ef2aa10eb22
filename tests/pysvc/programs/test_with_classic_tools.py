"""Logging and chain programs against the classic C ones: the same arguments and input, the same outcome"""

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.classic import CLASSIC, LABEL, MISSING, tree
from tests.support.world import Place

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")
once = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Outcome = tuple[int, bytes, bytes]
Line = tuple[bytes, int]


def both(place: Place, name: str, *arguments: "str | bytes", **options: object) -> tuple[Outcome, Outcome]:
    """Exit code, output and errors of ours and of the classic program, labels made equal."""
    outcomes = []
    for program in (place.world.bin / name, CLASSIC / name):
        done = place.run(program, *arguments, **options)  # type: ignore[arg-type]
        outcomes.append((done.returncode, LABEL.sub(b"@", done.stdout), LABEL.sub(b"@", done.stderr)))
    return outcomes[0], outcomes[1]


LENGTHS = st.sampled_from([0, 1, 5, 60, 60, 300, 513, 900, 973, 974, 975, 999, 1000, 1001, 1024, 3000, 7000])
LINE = st.tuples(st.sampled_from([b"", b"u", b"uv ", b"v*u", b"\0v", b"x uv: w"]), LENGTHS)
# No hex digits in patterns: they would match labels, and these differ.
PIECES = st.sampled_from([b"*", b"u", b"v", b" ", b"@", b"x", b"*u", b": "])
PATTERN = st.lists(PIECES, max_size=5).map(b"".join)
ACTION = st.one_of(
    PATTERN.map(b"-".__add__), PATTERN.map(b"+".__add__),
    st.sampled_from([b"e", b"=f", b"=g", b"s1", b"s5000", b"s20000", b"n1", b"n100", b"t", b"junk", b""]),
    st.sampled_from([b"!tr u v; cat <&4 >&5; echo again >&5"]),
    st.sampled_from([b"./a", b"./b", b"./c"]),
)  # fmt: skip


@once
@given(
    actions=st.lists(ACTION, max_size=8), stamped=st.booleans(),
    lines=st.lists(LINE, max_size=60), repeat=st.sampled_from([1, 1, 5, 40]), finished=st.booleans(),
)  # fmt: skip
def test_multilog(
    place: Place, actions: list[bytes], stamped: bool, lines: list[Line], repeat: int, finished: bool
) -> None:
    """A regular file as input: there the original's reads, and so where files end, are known."""
    text = b"\n".join(start + b"x" * length for start, length in lines * repeat) + b"\n" * finished
    (place.path / "input").write_bytes(text)
    script = [*([b"t"] if stamped else []), *actions, b"./last"]
    results = []
    for program in (place.world.bin / "multilog", CLASSIC / "multilog"):
        folder = place.path / "work"
        folder.mkdir()
        place.own()
        done = place.run("sh", "-c", 'exec "$@" <../input', "sh", program, *script, cwd=folder)
        results.append((done.returncode, done.stdout, LABEL.sub(b"@", done.stderr), tree(folder)))
        shutil.rmtree(folder)
    ours, classic = results
    assert ours == classic


LABELS = st.tuples(
    st.sampled_from([b"@", b"@", b"@", b"", b"x@", b"@00"]),
    st.one_of(st.integers(-(2**33), 2**40), st.just(1700000000)),
    st.one_of(st.integers(0, 10**9 - 1), st.integers(0, 2**32 - 1)),
    st.sampled_from([b" x\n", b"\n", b" x\ny\n", b"Z\n", b"\t@\n", b""]),
)


@once
@given(st.lists(LABELS, max_size=40), st.sampled_from(["UTC", "Europe/Berlin", "right/UTC"]))
def test_tai64nlocal(place: Place, rows: list[tuple[bytes, int, int, bytes]], zone: str) -> None:
    text = b"".join(b"%b%016x%08x%b" % (at, 2**62 + 10 + s, ns, rest) for at, s, ns, rest in rows)
    ours, classic = both(place, "tai64nlocal", stdin=text, env={"TZ": zone})
    if classic[0] >= 0:  # the original crashes where localtime() does not know a time
        assert ours == classic


@once
@given(st.lists(LINE, max_size=30), st.booleans())
def test_tai64n(place: Place, lines: list[Line], finished: bool) -> None:
    text = b"\n".join(start + b"x" * length for start, length in lines) + b"\n" * finished
    ours, classic = both(place, "tai64n", stdin=text)
    assert ours == classic


@once
@given(
    st.dictionaries(
        st.sampled_from(["A", "B", "PATH", "HOME", "x y", "A=b", ".hidden", "É", "TZ"]),
        st.text("x \t\n\0\r=ÿ", max_size=6).map(str.encode),
        max_size=5,
    )
)  # fmt: skip
def test_envdir(place: Place, files: dict[str, bytes]) -> None:
    folder = place.path / "env"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    place.own()
    ours, classic = both(place, "envdir", "env", "/usr/bin/env", "-0", env={"A": "old", "HOME": "/x"})
    assert sorted(ours[1].split(b"\0")) == sorted(classic[1].split(b"\0"))
    assert (ours[0], ours[2]) == (classic[0], classic[2])


FIGURE = st.sampled_from(["0", "1000000", "300000000", "=", "", "18446744073709551615", "1x", "-1", "9" * 30])
# Only those of which a low figure does not kill what looks at them.
HARMLESS = st.sampled_from("clopr")


@once
@given(st.lists(st.tuples(HARMLESS, FIGURE, st.booleans()), max_size=4), st.sampled_from(["", "300000000"]))
def test_softlimit(place: Place, chosen: list[tuple[str, str, bool]], memory: str) -> None:
    options: list[str] = []
    for letter, figure, joined in chosen:
        options += [f"-{letter}{figure}"] if joined and figure else [f"-{letter}", figure]
    if memory:
        options += ["-m", memory, "-a", memory, "-d", memory, "-s", memory]
    ours, classic = both(place, "softlimit", *options, "cat", "/proc/self/limits")
    assert ours == classic


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, arguments) for name in ("setuidgid", "envuidgid") for arguments in (
            [], ["root"], ["nobody-at-all", "true"], ["1", "true"], ["root", ""], ["root", "no"],
            ["root", "./file"], ["root", "."], ["root", "file/x"], ["--help", "x"], ["-x", "y"],
        )),
        *(("envdir", arguments) for arguments in (
            [], ["d"], ["no", "true"], ["file", "true"], ["d", "no"], ["d", ""], ["d", "./file"], ["--", "d"],
            ["", "true"], ["loop", "true"], ["unreadable", "true"], ["bad", "true"], ["sub", "true"],
            ["d", "./script"], ["d", "false"], ["d/.", "sh", "-c", "exit 7"],
        )),
        *(("softlimit", arguments) for arguments in (
            [], ["-c"], ["-q", "true"], ["-c", "x", "true"], ["-c1", "no"], ["--", "-c", "1"], ["-", "x"],
            ["-c", "1", ""], ["-c", "1", "./file"], ["-c", "1", "-", "x"], ["-m"], ["-c1", "--", "false"],
        )),
        *(("setlock", arguments) for arguments in (
            [], ["l"], ["-n"], ["-q", "l", "true"], ["l", "no"], ["-x", "l", "no"], [".", "true"],
            ["no/l", "true"], ["-x", "no/l", "true"], ["-xX", "no/l", "true"], ["fifo", "true"], ["l", ""],
            ["-nNxX", "--", "l", "false"], ["-", "true"], ["", "true"], ["file/l", "true"],
        )),
        *(("multilog", arguments) for arguments in (
            ["./file"], ["./no/where"], ["=no/where"], ["=."], ["=fifo"], ["./a", "./a"], ["./loop"],
            ["./bad"], ["./unreadable"], ["x", "=file", "./file"],
        )),
    ],
)  # fmt: skip
def test_messages_and_codes(place: Place, name: str, arguments: list[str]) -> None:
    for folder in ("d", "sub/x", "unreadable", "bad"):
        (place.path / folder).mkdir(parents=True)
    (place.path / "loop").symlink_to("loop")
    (place.path / "bad/V").symlink_to("V")
    (place.path / "bad/current").symlink_to("current")
    os.mkfifo(place.path / "fifo")
    (place.path / "file").touch()
    (place.path / "script").write_text("echo no interpreter\n")
    (place.path / "script").chmod(0o755)
    place.own()
    (place.path / "unreadable").chmod(0)
    ours, classic = both(place, name, *arguments)
    assert ours == classic


@pytest.mark.parametrize(
    "path",
    ["", ":", "/etc/passwd:/bin", "/nowhere:/bin", "/nowhere", "unusable:/nowhere", "unusable:/bin"],
)
def test_search_along_path(place: Place, path: str) -> None:
    (place.path / "unusable").mkdir()
    (place.path / "unusable/true").touch()
    place.own()
    for env in ({"PATH": path}, {"PATH": path, "UID": "1"}):
        ours, classic = both(place, "envuidgid", "root", "true", env=env)
        assert ours == classic
    (place.path / "true").write_text("#!/bin/sh\nexit 3\n")
    (place.path / "true").chmod(0o755)
    ours, classic = both(place, "envuidgid", "root", "true", env={"PATH": path})
    assert ours == classic


@pytest.mark.parametrize("first", ["ours", "classic"])
def test_one_goes_on_where_the_other_stopped(place: Place, first: str) -> None:
    """The same directory under the one and then the other program, with a crash between."""
    programs = [place.world.bin / "multilog", CLASSIC / "multilog"]
    order = programs if first == "ours" else programs[::-1]
    for number, program in enumerate([*order, *order]):
        done = place.run(program, "s4096", "n9", "!cat", "./log", stdin=b"%d" % number * 2500 + b"\n")
        assert (done.returncode, done.stderr) == (0, b"")
        if number == 1:
            (place.path / "log/current").write_bytes(b"crashed\n")
            (place.path / "log/current").chmod(0o644)
    names = sorted(file.name for file in (place.path / "log").glob("@*"))
    texts = [(place.path / "log" / name).read_bytes().strip(b"\n") for name in names]
    assert texts == [b"0" * 2500, b"1" * 2500, b"crashed", b"2" * 2500, b"3" * 2500]
    assert [name[-1] for name in names] == ["s", "s", "u", "s", "s"]


def test_a_lock_of_one_is_a_lock_of_the_other(place: Place) -> None:
    ours, classic = place.world.bin / "setlock", CLASSIC / "setlock"
    for holder, other in ((ours, classic), (classic, ours)):
        done = place.run(holder, "l", other, "-n", "l", "echo", "ran")
        assert done.stdout == b""
        assert done.stderr == b"setlock: fatal: unable to lock l: temporary failure\n"
