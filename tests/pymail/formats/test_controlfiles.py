"""The table of control files"""

import string

from pymail.formats.controlfiles import BY_NAME, CDB, FILES, LINE, LIST, MAP, NUMBER


def test_names_are_not_repeated() -> None:
    assert len(BY_NAME) == len(FILES)


def test_what_is_shown_has_its_sentences() -> None:
    for file in FILES:
        if file.classic and file.kind in (LINE, NUMBER):
            assert file.before
            assert file.default is not None
        if file.classic and file.kind in (LIST, MAP, CDB):
            assert file.absent
            assert file.default is None


def test_what_me_stands_for_has_its_own_name_as_default() -> None:
    for file in FILES:
        if file.me:
            assert file.default == file.name.encode()


def test_meanings_read_alike() -> None:
    """One phrase: no capital, no full stop at its end."""
    for file in FILES:
        assert file.meaning[0] in string.ascii_lowercase, file.name
        assert not file.meaning.endswith("."), file.name
        assert file.readers
        assert file.reread
