"""The map of the packages holds: every import points one way, and programs that start often load little"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.world import ROOT

# folder: the folders that it may import from, besides itself; all may import the two packages themselves
ARROWS = {
    "formats":      "",
    "protocols":    "formats",
    "engines":      "formats protocols",
    "unix":         "formats protocols engines",  # a look-up is a loop around one automaton
    "launch":       "unix",
    "workers":      "unix launch",
    "recurring":    "unix launch workers",
    "queue":        "formats engines protocols unix launch",
    "delivery":     "formats engines protocols unix launch workers queue",
    "supervision":  "formats engines unix launch",
    "programs":     "formats engines protocols unix launch workers recurring queue delivery supervision",
    "installation": "formats engines protocols unix launch queue delivery registry",
    "proving":      "formats engines protocols unix launch queue programs installation registry",
    "views":        "formats unix supervision",
    "registry":     "",
    "package":      "",
}  # fmt: skip
EXCEPTIONS = {
    ("pymail.unix.trigger", "pymail.queue.layout"),  # one name of the table
    ("pymail.unix.mailboxes", "pysvc.launch"),       # a child that acts as the mailbox's owner
}
# Commands that people type start slowly anyway; all others start often, or many at once.
COMMANDS = ("pysvc.programs.pysvc", "pymail.programs.pymail", "pymail.programs.qmailctl")
FOR_COMMANDS = ("installation", "proving", "views")
HEAVY = frozenset(
    "argparse click collections contextlib dataclasses dns enum functools logging pathlib psutil re "
    "selectors signal socket subprocess typing".split()
)
PURE = ("formats", "engines", "protocols")
WORLD = frozenset("os io fcntl select _socket socket pwd grp resource subprocess signal _signal mmap".split())
FILES = sorted(path for package in ("pysvc", "pymail") for path in (ROOT / package).rglob("*.py"))


class Import:
    """One import: the module, whether it happens when the importing module is loaded, and for types only."""

    def __init__(self, module: str, at_load: bool, for_types: bool) -> None:
        self.module, self.at_load, self.for_types = module, at_load, for_types


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def folder_of(module: str) -> str:
    """The row of ARROWS that a module belongs to."""
    _, _, rest = module.partition(".")
    if rest == "programs":
        return "registry"
    return rest.partition(".")[0] or "package"


def imports(path: Path) -> list[Import]:
    return list(_walk(ast.parse(path.read_bytes()), at_load=True, for_types=False))


def _walk(node: ast.AST, at_load: bool, for_types: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, at_load, for_types)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        base = str(node.module)
        for name in sorted({f"{base}.{alias.name}" for alias in node.names}):
            yield Import(name if name in MODULES else base, at_load, for_types)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        at_load = False
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        for child in node.body:
            yield from _walk(child, at_load=False, for_types=True)
        for child in node.orelse:
            yield from _walk(child, at_load, for_types)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, at_load, for_types)


IMPORTS = {name: imports(path) for name, path in MODULES.items()}


def own(module: str) -> bool:
    return module.partition(".")[0] in ("pysvc", "pymail")


def test_every_folder_has_its_row() -> None:
    assert {folder_of(name) for name in MODULES} == set(ARROWS)


def forbidden(name: str) -> set[str]:
    """What a module imports against the arrows."""
    folder = folder_of(name)
    allowed = {folder, "package", *ARROWS[folder].split()}
    if name in COMMANDS:
        allowed |= {"installation", "proving", "registry", "views"}
    used = {found.module for found in IMPORTS[name] if own(found.module)}
    upwards = {module for module in used if name.startswith("pysvc") and module.startswith("pymail")}
    return upwards | {module for module in used if folder_of(module) not in allowed}


def test_imports_point_one_way() -> None:
    assert {(name, module) for name in MODULES for module in forbidden(name)} == EXCEPTIONS


@pytest.mark.parametrize("name", [name for name in MODULES if folder_of(name) == "programs"])
def test_programs_meet_by_name_only(name: str) -> None:
    own_imports = (found.module for found in IMPORTS[name] if own(found.module))
    assert [module for module in own_imports if folder_of(module) == "programs"] == []


def test_no_cycles() -> None:
    graph = {
        name: {found.module for found in IMPORTS[name] if found.module in MODULES and not found.for_types}
        for name in MODULES
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("name", [name for name in MODULES if folder_of(name) in PURE])
def test_pure_folders_do_not_touch_the_world(name: str) -> None:
    used = {found.module.partition(".")[0] for found in IMPORTS[name] if not found.for_types}
    assert not used & WORLD


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name not in COMMANDS and folder_of(name) not in FOR_COMMANDS]
)
def test_heavy_modules_are_not_loaded_at_once(name: str) -> None:
    loaded = {found.module.partition(".")[0] for found in IMPORTS[name] if found.at_load}
    assert not loaded & HEAVY
    assert loaded <= sys.stdlib_module_names | {"pysvc", "pymail"}


def test_the_programs_together_load_nothing_heavy() -> None:
    """Also by way of the standard library."""
    programs = [name for name in MODULES if folder_of(name) == "programs" and name not in COMMANDS]
    loading = f"for name in {programs!r}: __import__(name)"  # one of them is called `except`
    code = f"import sys; sys.path.append({str(ROOT)!r})\n{loading}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-BIS", "-c", code], capture_output=True, check=True)
    assert not HEAVY & set(done.stdout.decode().split())
