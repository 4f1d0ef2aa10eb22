"""Registries, program files and their manuals tell the same"""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import pymail.programs
import pysvc.programs
from pysvc.unix.launchers import Launcher
from pysvc.unix.strerr import synopsis

KINDS = {"daemon", "chain", "session", "filter", "tool", "command"}
PACKAGES = {"pysvc": pysvc.programs, "pymail": pymail.programs}
ROWS = [
    (package, name, what, kind)
    for package, registry in PACKAGES.items()
    for name, (what, kind) in registry.PROGRAMS.items()
]


def folder(package: str) -> Path:
    return Path(str(PACKAGES[package].__file__)).parent


def source(package: str, name: str) -> Path:
    return folder(package) / (Launcher(package, name).module.rpartition(".")[2] + ".py")


@pytest.mark.parametrize(("package", "name", "what", "kind"), ROWS, ids=[row[1] for row in ROWS])
def test_row_file_and_manual(package: str, name: str, what: str, kind: str) -> None:
    module = import_module(Launcher(package, name).module)
    manual = module.__doc__
    assert manual is not None
    assert manual.splitlines()[0] == f"{name} - {what}"
    assert synopsis(manual).split()[0] == name
    assert callable(module.main)
    assert kind in KINDS


@pytest.mark.parametrize("package", PACKAGES)
def test_every_program_file_has_its_row(package: str) -> None:
    listed = {source(package, name) for name in PACKAGES[package].PROGRAMS}
    assert {path for path in folder(package).glob("*.py") if path.name != "__init__.py"} == listed


def test_no_name_twice() -> None:
    names = [row[1] for row in ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_it_does_is_a_phrase(package: str) -> None:
    for what, _ in PACKAGES[package].PROGRAMS.values():
        assert what
        assert not what.endswith(".")
        assert what[0].islower()


@pytest.mark.parametrize(("package", "name"), [row[:2] for row in ROWS], ids=[row[1] for row in ROWS])
def test_importing_does_nothing(package: str, name: str) -> None:
    """At the top of a program's file are definitions only."""
    for node in ast.parse(source(package, name).read_bytes()).body:
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"line {node.lineno}"
        else:
            assert not isinstance(node, ast.For | ast.While | ast.With | ast.Try), f"line {node.lineno}"
