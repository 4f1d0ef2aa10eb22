"""The tally of deaths"""

from pysvc.formats import tally

NOW = 1_700_000_000_000_000_000


def test_the_latest_stay() -> None:
    text = b""
    for cause in ("111", "SEGV", "0"):
        text = tally.add(text, NOW, cause, 2)
    assert [line.split(b" ")[1] for line in text.splitlines()] == [b"SEGV", b"0"]


def test_what_is_no_tally_is_not_copied() -> None:
    """The file may be a link that the directory's owner made."""
    others = b"root:$6$salt$hash:19000:0:::\n@" + b"a" * 24 + b" x:y\n" + b"@short 1\n\xff\n"
    entry = tally.add(b"", NOW, "111", 9)
    assert tally.add(others, NOW, "111", 9) == entry
    assert tally.add(entry + others, NOW, "111", 9) == entry * 2


def test_entries() -> None:
    text = tally.add(tally.add(b"", NOW, "111", 9), NOW + 10**9, "SEGV", 9)
    found = tally.entries(b"@" + b"z" * 24 + b" 1\n" + text)
    assert found == [(NOW + 500, "111"), (NOW + 10**9 + 500, "SEGV")]
