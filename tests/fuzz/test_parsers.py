"""Every parser of outside bytes gives values that it promises, or a documented exception"""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.fuzz.inputs import chunks, inputs
from tests.fuzz.parsers import PARSERS
from tests.support.world import ROOT


@pytest.mark.parametrize("name", PARSERS)
def test_any_input_is_read_or_refused(name: str) -> None:
    parser = PARSERS[name]

    @settings(max_examples=60)
    @given(inputs(parser))
    def check(blocks: list[bytes]) -> None:
        parser.try_on(blocks)

    check()


@pytest.mark.parametrize("name", PARSERS)
def test_samples_are_understood(name: str) -> None:
    """Else nothing would be known of what their mutations are refused for."""
    parser = PARSERS[name]
    understood = 0
    for sample in parser.samples:
        try:
            parser.run([sample])
            parser.run(chunks(sample, 1))
            understood += 1
        except parser.errors:
            pass
    assert understood


# Modules of formats and protocols that read nothing from outside, or whose input another row holds.
OTHERS = {
    "pymail.formats.controlfiles": "a table",
    "pymail.formats.date": "writes only",
    "pymail.formats.hostname": "one word of an administrator's, split at dots",
    "pysvc.formats.number": "in the rows of all that scan numbers",
    "pysvc.formats.ucspi": "writes only",
}


def test_every_format_and_protocol_has_its_row() -> None:
    folders = ("pymail/formats", "pymail/protocols", "pysvc/formats")
    paths = (path for folder in folders for path in (ROOT / folder).glob("*.py"))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}
    tested = {
        name if node.module.replace(".", "/") in folders else node.module
        for path in Path(__file__).parent.glob("[!t_]*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (f"{node.module}.{alias.name}" for alias in node.names)
    }
    packages = {name for name in modules if name.endswith(".__init__")}
    assert modules - tested - packages == set(OTHERS)
