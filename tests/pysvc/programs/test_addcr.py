"""addcr and delcr as processes, each case also with the C programs where they are installed"""

import subprocess
from pathlib import Path

import pytest

from tests.support.world import Place

SOURCES = ["", *(["/usr/bin/"] if Path("/usr/bin/addcr").exists() else [])]
both = pytest.mark.parametrize("source", SOURCES)
TEXTS = [
    (b"", b"", b""),
    (b"a\nb\n", b"a\r\nb\r\n", b"a\nb\n"),
    (b"a\r\nb", b"a\r\r\nb", b"a\nb"),
    (b"\r\r\n\n\r", b"\r\r\r\n\r\n\r", b"\r\n\n\r"),
    (b"\0\xff\r\n\0\n", b"\0\xff\r\r\n\0\r\n", b"\0\xff\n\0\n"),
    (b"x\r" * 70000 + b"\n", b"x\r" * 70000 + b"\r\n", b"x\r" * 69999 + b"x\n"),
]


@both
@pytest.mark.parametrize(("text", "added", "removed"), TEXTS)
def test_texts(place: Place, source: str, text: bytes, added: bytes, removed: bytes) -> None:
    for program, expected in (("addcr", added), ("delcr", removed)):
        done = place.run(source + program, "ignored", "-x", stdin=text)
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


@both
@pytest.mark.parametrize("program", ["addcr", "delcr"])
def test_descriptors_that_fail(place: Place, source: str, program: str) -> None:
    path = str(place.command([source + program])[0])
    for redirection in ("<&-", "</dev/null 3>&1 </proc/self/mem", ">&- <data"):
        (place.path / "data").write_bytes(b"x\n")
        assert place.run("sh", "-c", f'"$0" {redirection}', path).returncode == 111, redirection


@both
@pytest.mark.parametrize("program", ["addcr", "delcr"])
def test_what_was_read_is_written_at_once(place: Place, source: str, program: str) -> None:
    process = place.start(source + program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0).process
    assert process.stdin is not None and process.stdout is not None
    for text in (b"prompt: ", b"line\n"):
        process.stdin.write(text)
        expected = text.replace(b"\n", b"\r\n") if program == "addcr" else text
        got = b""
        while len(got) < len(expected):
            got += process.stdout.read(len(expected) - len(got))
        assert got == expected


@both
def test_nobody_reads(place: Place, source: str) -> None:
    """SIGPIPE ends it, as it ends any filter."""
    path = str(place.command([source + "addcr"])[0])
    script = '{ "$0" </dev/zero; echo $? >code; } | head -c 1 >/dev/null'
    place.run("sh", "-c", script, path)
    assert (place.path / "code").read_text() == f"{128 + 13}\n"
