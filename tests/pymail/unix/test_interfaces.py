"""This host's own addresses"""

import subprocess
import sys

import pytest

from pymail.unix.interfaces import local_addresses
from tests.support.world import ROOT

SHOW = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "from pymail.unix.interfaces import local_addresses\n"
    "print(*sorted('.'.join(map(str, address)) for address in local_addresses()))"
)


def shown(*steps: str) -> list[str]:
    """The addresses in a network of their own, after each command."""
    lines = [f'{step}; "$0" -BIS -c "$1"' for step in steps]
    words = ["unshare", "--net", "sh", "-ec", "\n".join(lines), sys.executable, SHOW]
    done = subprocess.run(words, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


def test_here() -> None:
    assert bytes(4) in local_addresses()
    assert all(len(address) == 4 for address in local_addresses())


@pytest.mark.root
def test_only_interfaces_that_are_up_count() -> None:
    assert shown(
        ":", "ip address add 10.9.9.9/32 dev lo", "ip link set lo up", "ip address add 10.9.9.10/8 dev lo",
        "ip link set lo down",
    ) == [
        "0.0.0.0", "0.0.0.0", "0.0.0.0 10.9.9.9 127.0.0.1", "0.0.0.0 10.9.9.10 10.9.9.9 127.0.0.1", "0.0.0.0",
    ]  # fmt: skip


@pytest.mark.root
def test_more_than_one_answer_holds() -> None:
    one = "address add 10.1.$((i / 250)).$((i % 250))/32 dev lo"
    batch = f"for i in $(seq 500); do echo {one}; done | ip -batch -"
    (line,) = shown(f"ip link set lo up; {batch}")
    assert len(line.split()) == 502
