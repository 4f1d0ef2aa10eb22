"""envdir as a process"""

from pathlib import Path

import pytest

from tests.support.world import Place

Variables = dict[bytes, bytes]


def environment(place: Place, files: dict[str, bytes], env: dict[str, str] | None = None) -> Variables:
    """The environment that a program finds behind an envdir of those files."""
    folder = place.path / "env"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    place.own()
    done = place.run("envdir", "env", "/usr/bin/env", "-0", env=env or {})
    assert (done.returncode, done.stderr) == (0, b"")
    return dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if entry)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"x", b"x"), (b"x\ny\n", b"x"), (b"x \t\n", b"x"), (b" x\r\n", b" x\r"), (b"\n", b""), (b" \t", b""),
        (b"a\0b", b"a\nb"), (b"x\0", b"x\n"), (b"a \0", b"a \n"), (b"\xff=\n", b"\xff="), (b"", None),
        (b"y" * 70000, b"y" * 70000),
    ],
)  # fmt: skip
def test_content(place: Place, content: bytes, value: bytes | None) -> None:
    assert environment(place, {"V": content}, {"V": "old"}).get(b"V") == value


def test_names(place: Place) -> None:
    found = environment(place, {"F=bar": b"", "G=h": b"val", ".hidden": b"x", "Ünï": b"x", "=z": b"x"})
    assert found[b"F"] == b"bar"
    assert found[b"G"] == b"h=val"
    assert found["Ünï".encode()] == b"x"
    assert not any(b"hidden" in name for name in found)


def test_a_link_to_nothing_leaves_the_variable_alone(place: Place) -> None:
    (place.path / "d").mkdir()
    (place.path / "d/V").symlink_to("nowhere")
    done = place.run("envdir", "d", "sh", "-c", "echo $V", env={"V": "old"})
    assert (done.stdout, done.stderr) == (b"old\n", b"")


def test_the_program_runs_where_envdir_did_and_is_found_by_the_old_path(place: Place) -> None:
    (place.path / "d").mkdir()
    (place.path / "d/PATH").write_bytes(b"/nowhere")
    done = place.run("envdir", "d", "sh", "-c", "echo $PATH; /bin/pwd")
    assert done.stdout == b"/nowhere\n" + bytes(place.path) + b"\n"


def test_time_zone_of_a_program_in_the_same_process(place: Place) -> None:
    """Which looks at TZ when it has begun: the C library does so only once."""
    (place.path / "d").mkdir()
    (place.path / "d/TZ").write_bytes(b"XYZ-5")
    done = place.run("envdir", "d", "tai64nlocal", stdin=b"@400000006553f10a075bcbf4 x\n", env={"TZ": "UTC"})
    assert done.stdout == b"2023-11-15 03:13:20.123456500 x\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "usage: envdir dir child"),
        (["d"], "usage: envdir dir child"),
        (["no", "true"], "fatal: unable to switch to directory no: file does not exist"),
        (["file", "true"], "fatal: unable to switch to directory file: not a directory"),
        (["sub", "true"], "fatal: unable to read sub/x: is a directory"),
        (["d", "no"], "fatal: unable to run no: file does not exist"),
        (["d", ""], "fatal: unable to run : access denied"),
    ],
)
def test_errors(place: Place, arguments: list[str], text: str) -> None:
    for folder in ("d", "sub/x"):
        (place.path / folder).mkdir(parents=True)
    Path(place.path / "file").touch()
    done = place.run("envdir", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (111, b"", f"envdir: {text}\n".encode())
