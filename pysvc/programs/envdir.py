"""envdir - run a program with an environment read from a directory

Synopsis:    envdir dir child
Files:       dir/NAME   the variable NAME: the first line, without blanks at its end, each NUL turned
                        into a newline; an empty file removes the variable. Names that begin with a
                        dot are left alone.
Exit codes:  111 wrong usage, the directory or a file cannot be read, or the program cannot be run;
             else the program's own
"""

import os

from pysvc.unix import chain, files
from pysvc.unix.strerr import TEMPORARY, unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__, TEMPORARY)
    env = dict(os.environb)
    with unable_to("switch to current directory"):
        start = os.open(".", os.O_RDONLY)
    _apply(argv[1], env)
    with unable_to("switch to starting directory"):
        os.fchdir(start)
    os.close(start)
    with unable_to(f"run {argv[2]}"):
        chain.run(argv[2:], env)


def _apply(folder: str, env: dict[bytes, bytes]) -> None:
    """Change env as the files in the folder say. Fatal if one cannot be read."""
    with unable_to(f"switch to directory {folder}"):
        os.chdir(folder)
    with unable_to(f"read directory {folder}"):
        names = os.listdir(b".")
    for file in names:
        if file.startswith(b"."):
            continue
        with unable_to(f"read {folder}/{os.fsdecode(file)}"):
            try:
                content = files.read_file(file)
            except FileNotFoundError:
                continue  # gone since, or a link to nothing
        _set(env, file, content)


def _set(env: dict[bytes, bytes], file: bytes, content: bytes) -> None:
    """A file called G=h sets G: what goes into the environment is `file=value`, and `file` alone if empty."""
    entry = file
    if content:
        entry += b"=" + content.partition(b"\n")[0].rstrip(b" \t").replace(b"\0", b"\n")
    name, sets, value = entry.partition(b"=")
    if sets:
        env[name] = value
    else:
        env.pop(name, None)
