"""What README and ARCHITECTURE name is there"""

import re

import pytest

from tests.support.world import ROOT

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "DIFFERENCES.md")
NAMES = {path.name for folder in ("tests", "pysvc", "pymail") for path in (ROOT / folder).rglob("*.py")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named(document: str) -> None:
    text = (ROOT / document).read_text()
    modules = set(re.findall(r"\b[a-z0-9_]+\.py\b", text))
    paths = set(re.findall(r"(?<![/\w])(?:tests|examples|pysvc|pymail|service)/[\w./-]*\w", text))
    assert {name for name in modules if name not in NAMES and not (ROOT / name).exists()} == set()
    assert {path for path in paths if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_of_modules(document: str) -> None:
    named = set(re.findall(r"\b(tests\.[a-z_.]+[a-z])\b", (ROOT / document).read_text())) - {"tests.bench"}
    paths = [ROOT / name.replace(".", "/") for name in named]
    assert [path for path in paths if not path.with_suffix(".py").exists() and not path.is_dir()] == []
