"""Run scripts that only exec, held against the machine's own sh"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pysvc.formats.runscript import parse
from tests.support.world import temporary_directory

SHEBANG = b"#!/bin/sh\n"
SEND_LOG = SHEBANG + b"exec /usr/local/bin/setuidgid qmaill /usr/local/bin/multilog t /var/log/qmail\n"
POP3D = SHEBANG + (
    b"exec /usr/local/bin/softlimit -m 9000000 \\\n"
    b"/usr/local/bin/tcpserver -v -R -H -l 0 0 110 /var/qmail/bin/qmail-popup \\\n"
    b"FQDN /bin/checkpassword /var/qmail/bin/qmail-pop3d Maildir 2>&1\n"
)


def parsed(script: bytes) -> tuple[list[bytes], bool] | None:
    found = parse(script)
    return (found.words, found.stderr_to_stdout) if found is not None else None


def test_log_script() -> None:
    words = b"/usr/local/bin/setuidgid qmaill /usr/local/bin/multilog t /var/log/qmail".split()
    assert parsed(SEND_LOG) == (words, False)


def test_continued_and_redirected() -> None:
    found = parsed(POP3D)
    assert found is not None
    assert (found[0][0], found[0][3], found[0][-1], len(found[0])) == (
        b"/usr/local/bin/softlimit", b"/usr/local/bin/tcpserver", b"Maildir", 16,
    )  # fmt: skip
    assert found[1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"exec a\n", [b"a"]),
        (b"\n# c \\\n\t exec\ta  b\t\n\n#d\n", [b"a", b"b"]),
        (b"exec a b\\\nc\n", [b"a", b"bc"]),
        (b"ex\\\nec a\n", [b"a"]),
        (b"exec a \\\n\n", [b"a"]),
        (b"exec a -x A=b @c %d +e 1:2,3\n", [b"a", b"-x", b"A=b", b"@c", b"%d", b"+e", b"1:2,3"]),
    ],
)
def test_recognised(body: bytes, words: list[bytes]) -> None:
    assert parsed(SHEBANG + body) == (words, False)


@pytest.mark.parametrize(
    "script",
    [
        b"", b"#!/bin/sh", SHEBANG, b"#!/bin/sh -e\nexec a\n", b"#!/bin/bash\nexec a\n",
        b"#! /bin/sh\nexec a\n",
        SHEBANG + b"exec a",         # may be half written
        SHEBANG + b"exec a \\\n",    # continued by nothing yet
        SHEBANG + b"a\n", SHEBANG + b"exec\n", SHEBANG + b"exec 2>&1\n", SHEBANG + b"exec -a b c\n",
        SHEBANG + b"exec a\nexec b\n", SHEBANG + b"A=1 exec a\n", SHEBANG + b"exec a; b\n",
        SHEBANG + b"exec a # b\n", SHEBANG + b"exec a #\n", SHEBANG + b"exec a 'b'\n",
        SHEBANG + b"exec a $b\n",
        SHEBANG + b"exec a `b`\n", SHEBANG + b"exec a *\n", SHEBANG + b"exec a ?\n",
        SHEBANG + b"exec a [b]\n",
        SHEBANG + b"exec a ~\n", SHEBANG + b"exec a {b,c}\n", SHEBANG + b"exec a !b\n",
        SHEBANG + b"exec a ^\n",
        SHEBANG + b"exec a &\n", SHEBANG + b"exec a | b\n", SHEBANG + b"exec a >b\n",
        SHEBANG + b"exec a <b\n",
        SHEBANG + b"exec a 2>&1 b\n", SHEBANG + b"exec a 12>&1\n", SHEBANG + b"exec a b2>&1\n",
        SHEBANG + b"exec a 1>&2\n", SHEBANG + b"exec a 2>&1 2>&1\n", SHEBANG + b"exec a b\\c\n",
        SHEBANG + b"exec a \\\\\n", SHEBANG + b"exec a\r\n", SHEBANG + b"exec a \xe9\n",
        SHEBANG + b"exec a \0\n",
        SHEBANG + b"exec a \\\n# b\n",
    ],
)  # fmt: skip
def test_left_to_the_shell(script: bytes) -> None:
    assert parse(script) is None


@pytest.fixture(scope="module")
def show() -> Iterator[Path]:
    """A program that prints its arguments, each ended by NUL, then where descriptors 1 and 2 lead."""
    with temporary_directory("pysvc-show-") as path:
        program = path / "show"
        program.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\nreadlink /proc/$$/fd/1 /proc/$$/fd/2\n")
        program.chmod(0o755)
        yield program


PIECES = st.sampled_from(
    [b" ", b" ", b" ", b"\t", b"\n", b"\\\n", b" \\\n ", b"#", b"\\", b"a", b"B=c", b"-d", b"2>&1", b" 2>&1",
     b"2", b">&1", b"'", b'"', b"$a", b"~", b"*", b";", b"&", b"(", b"{x,y}", b"%1", b"@", b"+", b":", b",",
     b"/e.f", b"!", b"\r", b"exec", b"exec ", b"\n# g", b" #"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.sampled_from([b"", b"\n", b"# a\n", b" # \\\n", b"\\\n", b"ex\\\n"]),
       after=st.lists(PIECES, max_size=8).map(b"".join))  # fmt: skip
def test_sh_sees_the_same(show: Path, before: bytes, after: bytes) -> None:
    command = b"ec " if before == b"ex\\\n" else b"exec "
    script = SHEBANG + before + command + os.fsencode(show) + b" first" + after + b"\n"
    found = parse(script)
    if found is None:
        return
    (show.parent / "run").write_bytes(script)
    done = subprocess.run(["/bin/sh", "run"], cwd=show.parent, capture_output=True, timeout=20)
    *arguments, ends = done.stdout.split(b"\0")
    assert [os.fsencode(show), *arguments] == found.words
    first, second = ends.split()
    assert (first == second) == found.stderr_to_stdout
    assert not done.stderr
