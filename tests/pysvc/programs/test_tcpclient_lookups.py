"""What tcpclient learns from DNS and IDENT, and which addresses it tries, beside the C program"""

from typing import Any

import pytest

from tests.support import privatenet
from tests.support.privatenet import Outcome
from tests.support.tcp import CLIENTS
from tests.support.world import Place

pytestmark = pytest.mark.root
both = pytest.mark.parametrize("client", CLIENTS)
PEER = "1.0.0.127.in-addr.arpa PTR"
LOCAL = "2.0.0.127.in-addr.arpa PTR"
SHOW = ("sh", "-c", "env | grep -aE '^TCP.*(HOST|INFO)' | sort")
STALE = {"TCPLOCALHOST": "stale", "TCPREMOTEHOST": "stale", "TCPREMOTEINFO": "stale"}


def wire(*labels: bytes) -> str:
    return (b"".join(bytes([len(label)]) + label for label in labels) + b"\0").hex()


def connected(
    place: Place, client: str, *options: str, host: str = "127.0.0.1", program: tuple[str, ...] = SHOW,
    **more: Any,
) -> Outcome:  # fmt: skip
    """A connection from 127.0.0.2 to a server on port 77."""
    address = host if host[0].isdigit() else "127.0.0.1"
    services = {f"{address} 77": "hello"}
    return privatenet.run(
        place, client, "-i", "127.0.0.2", *options, host, "77", *program, services=services, **more
    )  # fmt: skip


@both
def test_names_of_both_ends(place: Place, client: str) -> None:
    dns: list[dict[str, object]] = [
        {PEER: [["PTR", wire(b"Peer", b"a.b\xe9_-")]], LOCAL: [["PTR", wire(b"LOCAL")]]}
    ]
    found = connected(place, client, "-R", dns=dns)
    assert found.output.splitlines() == ["TCPLOCALHOST=local", "TCPREMOTEHOST=peer.a\\056b\\351_-"]
    assert found.queries == [LOCAL, PEER]


@both
def test_ends_without_a_name_get_an_empty_one(place: Place, client: str) -> None:
    found = connected(place, client, "-R", env=STALE)
    assert found.output.splitlines() == ["TCPLOCALHOST=", "TCPREMOTEHOST="]


@both
def test_names_that_cannot_be_found_out_are_removed(place: Place, client: str) -> None:
    found = connected(place, client, "-R", env=STALE, dns=[{PEER: "malformed", LOCAL: "malformed"}])
    assert found.output == ""


@both
def test_the_local_name_is_looked_up_even_without_the_other(place: Place, client: str) -> None:
    found = connected(place, client, "-RH", env=STALE)
    assert (found.output, found.queries) == ("TCPLOCALHOST=\n", [LOCAL])
    found = connected(place, client, "-RHl", "", env=STALE)
    assert (found.output, found.queries) == ("TCPLOCALHOST=\n", [])


@both
@pytest.mark.parametrize(
    ("reply", "info"),
    [("1,2:USERID:UNIX: j o:e\r\n", "jo:e"), ("1 , 2 : ERROR : X\r\n", ""), ("1:2:3:joe", None)],
)
def test_ident(place: Place, client: str, reply: str, info: str | None) -> None:
    found = connected(place, client, "-Hl0", ident=reply, env=STALE, program=("env",))
    variables = dict(line.split("=", 1) for line in found.output.splitlines())
    assert variables.get("TCPREMOTEINFO") == info
    assert found.asked == [f"77 , {variables['TCPLOCALPORT']}\r\n"]


@both
def test_nobody_to_ask_who_it_is(place: Place, client: str) -> None:
    assert connected(place, client, "-Hl0", env=STALE).output == "TCPLOCALHOST=0\n"


@both
@pytest.mark.parametrize("host", ["localhost", "server", "server.example."])
def test_names_come_from_dns_alone(place: Place, client: str, host: str) -> None:
    zone: dict[str, object] = {f"{name} A": [["A", "127.0.0.1"]] for name in ("localhost", "server.example")}
    found = connected(
        place, client, "-vRHl0", host=host, dns=[zone], env={"LOCALDOMAIN": "x example"}, program=("true",)
    )
    unknown = {"localhost": ["localhost.x", "localhost.example"], "server": ["server.x", "server.example"]}
    asked = [query.removesuffix(" A") for query in found.queries if query.endswith(" A")]
    assert asked == unknown.get(host, ["server.example"])
    if host == "localhost":
        assert (found.code, found.lines) == (111, ["tcpclient: fatal: no IP address for localhost"])
    else:
        assert (found.code, found.lines) == (0, ["tcpclient: connected to 127.0.0.1 port 77"])


ALL = {"many A": [["A", f"127.0.0.{last}"] for last in (1, 2, 3)]}


@both
def test_every_address_is_tried(place: Place, client: str) -> None:
    """In random order; what fails is told of, once for each address, and nothing else."""
    found = privatenet.run(
        place, client, "-RHl0", "many", "78", "true", dns=[ALL], env={"DNSREWRITEFILE": "/dev/null"}
    )
    assert (found.code, found.output) == (111, "")
    assert sorted(found.lines) == [
        f"tcpclient: unable to connect to 127.0.0.{last} port 78: connection refused" for last in (1, 2, 3)
    ]


@both
@pytest.mark.parametrize(
    ("limits", "timeouts"),
    [
        ("0+0", 2),  # no second round: told of at once
        ("0", 2),    # the same: the usual 58 seconds are not for those who give a limit
        ("0+1", 2),  # silent in the first round, told of in the second
    ],
)
def test_addresses_that_do_not_answer(place: Place, client: str, limits: str, timeouts: int) -> None:
    found = privatenet.run(
        place, client, "-RHl0", "-T", limits, "many", "78", "true", dns=[ALL],
        env={"DNSREWRITEFILE": "/dev/null"}, silent=["127.0.0.1 78", "127.0.0.3 78"],
    )  # fmt: skip
    refused = "tcpclient: unable to connect to 127.0.0.2 port 78: connection refused"
    said = [line for line in found.lines if line != refused]
    assert (found.code, found.lines.count(refused)) == (111, 1)
    assert sorted(said) == [f"tcpclient: unable to connect to 127.0.0.{n} port 78: timed out" for n in (1, 3)]
    assert len(said) == timeouts
    if limits == "0+1":
        assert found.lines[0] == refused


@both
def test_one_address_gets_both_times_at_once(place: Place, client: str) -> None:
    found = privatenet.run(
        place, client, "-RHl0", "-T", "0+1", "127.0.0.1", "78", "true", silent=["127.0.0.1 78"]
    )
    assert (found.code, found.lines) == (
        111,
        ["tcpclient: unable to connect to 127.0.0.1 port 78: timed out"],
    )


@both
def test_an_address_that_answers_wins(place: Place, client: str) -> None:
    found = privatenet.run(
        place, client, "-vRHl0", "-T", "0+1", "many", "77", "sh", "-c", "cat <&6", dns=[ALL],
        env={"DNSREWRITEFILE": "/dev/null"}, silent=["127.0.0.1 77"], services={"127.0.0.2 77": "hello"},
    )  # fmt: skip
    assert (found.code, found.output) == (0, "hello")
    assert found.lines[-1] == "tcpclient: connected to 127.0.0.2 port 77"
    assert not [line for line in found.lines if "timed out" in line]


def test_a_name_with_ipv6_addresses_alone(place: Place) -> None:
    zone: dict[str, object] = {"six AAAA": [["AAAA", "::1"]]}
    found = privatenet.run(
        place, "tcpclient", "-RHl0", "six", "78", "true", dns=[zone], env={"DNSREWRITEFILE": "/dev/null"}
    )
    assert found.lines == ["tcpclient: unable to connect to ::1 port 78: connection refused"]
    assert found.queries == ["six A", "six AAAA"]
    found = privatenet.run(
        place, "tcpclient", "-4RHl0", "six", "78", "true", dns=[zone], env={"DNSREWRITEFILE": "/dev/null"}
    )
    assert found.lines == ["tcpclient: fatal: no IP address for six"]
