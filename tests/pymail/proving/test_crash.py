"""pymail prove --crash: the real programs lose nothing; and where they would, it is found

Recorded anew at each run; the sample of disks is small and its seed fixed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import Place, World, temporary_directory

SEED = "11"
PATIENCE = 900  # seconds of a machine that has much else to do; the whole module takes half a minute alone
pytestmark = pytest.mark.timeout(PATIENCE)


@pytest.fixture(scope="module")
def kept(world: World) -> Iterator[tuple[Place, Path, str]]:
    """A place, the recording of the run that was proved there, and what was said."""
    with temporary_directory("prove-test-") as path:
        place = Place(world, path)
        try:
            done = place.run(
                "pymail", "prove", "--crash", "--images", "60", "--seed", SEED, "--keep",
                env={"TMPDIR": str(path)}, timeout=PATIENCE,
            )  # fmt: skip
            said = done.stdout.decode()
            assert done.returncode == 0, said + done.stderr.decode()
            (recording,) = path.glob("prove-*/recording")
            yield place, recording, said
        finally:
            place.stop()


def test_nothing_is_lost(kept: tuple[Place, Path, str]) -> None:
    _, _, said = kept
    assert said.splitlines()[0] == f"recording 12 messages on their way, seed {SEED}"
    for model in ("ext4", "posix"):
        found = re.search(rf"{model}: (\d+) images .* (\d+) different; .* from (\d+) with all .*: 0\n", said)
        assert found, said
        images, different, really = map(int, found.groups())
        assert images >= 40
        assert different >= 30
        assert really >= 1
    assert "violations: 0\n" in said


def hexed(path: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in path.encode())


def without_fsync(recording: Path, name: str, place: Place, ends: str) -> Path:
    """The recording of programs that leave out the fsync of what has a path that ends so."""
    lines, left_out = [], set()
    for line in recording.read_text().splitlines(keepends=True):
        pid, _, call = line.partition(" ")
        if call.lstrip().startswith("fsync(") and f"{hexed(ends)}>" in call:
            if "<unfinished" in call:
                left_out.add(pid)
            continue
        if "<... fsync resumed>" in call and pid in left_out:
            left_out.remove(pid)
            continue
        lines.append(line)
    changed = place.path / name
    changed.write_text("".join(lines))
    changed.chmod(0o644)
    assert len(changed.read_text()) < len(recording.read_text())
    return changed


@pytest.mark.parametrize(("ends", "model"), [("/alias/box/new", "posix"), ("", "posix"), ("", "ext4")])
def test_a_missing_fsync_is_found(kept: tuple[Place, Path, str], ends: str, model: str) -> None:
    place, recording, _ = kept
    changed = without_fsync(recording, f"changed-{model}{ends.replace('/', '-')}", place, ends)
    prove = ("pymail", "prove", "--crash", "--recording", str(changed))
    done = place.run(
        *prove, "--images", "40", "--model", model, env={"TMPDIR": str(place.path)}, timeout=PATIENCE
    )
    said = done.stdout.decode()
    assert done.returncode == 1, said + done.stderr.decode()
    assert "is lost on its way" in said
    again = re.search(r"again: pymail (prove --crash --recording \S+ --image \S+)", said)
    assert again, said
    once_more = place.run("pymail", *again[1].split(), env={"TMPDIR": str(place.path)}, timeout=PATIENCE)
    assert once_more.returncode == 1, once_more.stdout.decode() + once_more.stderr.decode()
    assert "violations: 1\n" in once_more.stdout.decode()


@pytest.mark.parametrize("image", ["ext4", "ntfs:1:1", "ext4:999999:0", "ext4:0:1,2,3"])
def test_an_image_that_is_none(kept: tuple[Place, Path, str], image: str) -> None:
    place, recording, _ = kept
    done = place.run("pymail", "prove", "--crash", "--recording", str(recording), "--image", image)
    assert done.returncode == 100
    assert done.stderr.decode().startswith(f"pymail: fatal: unable to make the image {image}")


def test_a_recording_that_is_none(place: Place) -> None:
    (place.path / "file").write_text("hello\n")
    done = place.run("pymail", "prove", "--crash", "--recording", str(place.path / "file"))
    assert done.returncode == 111
    assert b"unable to follow" in done.stderr


def test_without_strace(place: Place) -> None:
    done = place.run("pymail", "prove", "--crash", env={"PATH": "/nowhere"})
    assert done.returncode == 100
    assert b"needs strace" in done.stderr


@pytest.mark.parametrize("options", [[], ["--crash", "--month"], ["--crash", "--image", "ext4:0:0"]])
def test_usage(place: Place, options: list[str]) -> None:
    done = place.run("pymail", "prove", *options)
    assert done.returncode == 100
    assert done.stderr.startswith(b"pymail: fatal: unable to tell what")
