"""Bytes as a terminal can show them, compared with cat -v"""

import subprocess

from pysvc.formats import visible


def test_every_byte_looks_as_cat_shows_it() -> None:
    every = bytes(range(256))
    assert visible.show(every) == subprocess.run(["cat", "-v"], input=every, stdout=subprocess.PIPE).stdout


def test_some_bytes() -> None:
    assert visible.show(b"a\t\n\r\0\x7f\xff\x8a") == b"a\t\n^M^@^?M-^?M-^J"
