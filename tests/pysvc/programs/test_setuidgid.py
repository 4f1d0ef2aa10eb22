"""setuidgid and envuidgid as processes"""

import pytest

from tests.support.world import TESTER, Place


@pytest.mark.parametrize("name", ["setuidgid", "envuidgid"])
def test_errors(place: Place, name: str) -> None:
    usage = f"{name}: usage: {name} account child\n".encode()
    for arguments, code, text in [
        ([], 100, usage), (["root"], 100, usage),
        (["no-such-account", "true"], 111, f"{name}: fatal: unknown account no-such-account\n".encode()),
        (["0", "true"], 111, f"{name}: fatal: unknown account 0\n".encode()),
    ]:  # fmt: skip
        done = place.run(name, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", text)


@pytest.mark.skipif(TESTER == 0, reason="there is nobody but root")
def test_only_root_can(place: Place) -> None:
    done = place.run("setuidgid", "root", "true")
    assert (done.returncode, done.stderr) == (111, b"setuidgid: fatal: unable to setgid: permission denied\n")


def test_only_the_environment_changes(place: Place) -> None:
    done = place.run("envuidgid", "root", "sh", "-c", "echo $UID $GID; id -u", env={"UID": "7"})
    assert done.stdout.split() == [b"0", b"0", str(TESTER).encode()]


@pytest.mark.root
@pytest.mark.parametrize("chain", [[], ["envuidgid", "root"]])
def test_the_ids_of_the_account(place: Place, chain: list[str]) -> None:
    """All of them, whether the next program is one of ours or not."""
    done = place.run("setuidgid", "daemon", *chain, "cat", "/proc/self/status", as_root=True)
    fields = dict(line.split(b":", 1) for line in done.stdout.splitlines())
    assert [fields[name].split() for name in (b"Uid", b"Gid", b"Groups")] == [[b"1"] * 4, [b"1"] * 4, [b"1"]]


@pytest.mark.root
def test_a_program_that_is_not_there(place: Place) -> None:
    done = place.run("setuidgid", "daemon", "no", as_root=True)
    assert done.returncode == 111
    assert done.stderr == b"setuidgid: fatal: unable to run no: file does not exist\n"
