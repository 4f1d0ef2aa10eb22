"""The table of control files"""

import ast
import string
from collections.abc import Iterator
from importlib import import_module

from pymail.engines import spawner
from pymail.formats.controlfiles import BY_NAME, CDB, FILES, LINE, LIST, MAP, NUMBER, SPAWN_LIMIT
from pymail.programs import PROGRAMS
from tests.support.world import ROOT

READERS = {"line": LINE, "host": LINE, "number": NUMBER, "items": LIST, "keys": LIST, "mapping": MAP}


def test_names_are_not_repeated() -> None:
    assert len(BY_NAME) == len(FILES)


def test_what_is_shown_has_its_sentences() -> None:
    for file in FILES:
        assert file.before or file.after or file.kind == CDB
        assert (file.default is None) == bool(file.absent)
        assert file.default is not None or file.kind != LINE


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


def readings() -> Iterator[tuple[str, str, list[object]]]:
    """(method of Controls, file, default if one is given) wherever pymail reads a control file by name."""
    for path in (ROOT / "pymail").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            first, *rest = node.args
            name = first.value if isinstance(first, ast.Constant) else None
            if node.func.attr in READERS and isinstance(name, str) and name not in PROGRAMS:  # not Fatal.line
                yield node.func.attr, name, [value_of(module, argument) for argument in rest]


def value_of(module: str, expression: ast.expr) -> object:
    """A literal, or a constant of the module."""
    if isinstance(expression, ast.Name):
        return getattr(import_module(module), expression.id)
    return ast.literal_eval(expression)


def test_programs_read_the_files_as_the_table_says() -> None:
    found = list(readings())
    assert len(found) > 20
    for method, name, default in found:
        assert BY_NAME[name].kind == READERS[method], name
        assert default in ([], [BY_NAME[name].default]), name
        assert method != "host" or BY_NAME[name].me, name


def test_the_limit_is_that_of_the_spawn_programs() -> None:
    assert SPAWN_LIMIT == spawner.COUNT
