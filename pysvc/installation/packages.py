"""Where the code of this installation lies, as its launchers must name it"""

import importlib.util
import os
import sys

LIBRARIES = ("click", "crypt_r", "dns", "psutil", "setproctitle")


def interpreter() -> str:
    """The interpreter itself, not a virtual environment's link to it."""
    return os.path.realpath(sys.executable)


def search_path() -> list[str]:
    """The directories that hold pysvc, pymail and the libraries, in order, none twice."""
    found: list[str] = []
    for name in ("pysvc", "pymail", *LIBRARIES):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        folder = os.path.dirname(os.path.realpath(spec.origin))
        if spec.submodule_search_locations is not None:
            folder = os.path.dirname(folder)
        if folder not in found:
            found.append(folder)
    return found


def launcher_text(package: str, name: str) -> bytes:
    """The launcher of a program, for the interpreter and the code that are running now."""
    from pysvc.unix import launchers

    return launchers.header(interpreter(), search_path()) + launchers.last_line(package, name)
