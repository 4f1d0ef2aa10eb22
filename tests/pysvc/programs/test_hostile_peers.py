"""Peers that lie to the programs beside tcpserver: what these log, hand on and let in

For tcpserver itself see test_tcpserver_hostile.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import privatenet
from tests.support.examples import few
from tests.support.lookups import wire
from tests.support.world import Place, free_port

LINE = "PROXY TCP4 192.0.2.7 198.51.100.2 4711 25\r\n"
BACK = "7.2.0.192.in-addr.arpa PTR"
RULES = b"""=mail.trusted.example:allow,RULE="host"
=.example:allow,RULE="domain"
=:allow,RULE="name"
:allow,RULE="none"
"""
EVIL = [b"\x1b]0;owned\x07", b"$(reboot)", b"`x`;'\"", b"a\nTCPREMOTEIP=1.2.3.4", b"\xff\0 x%:"]


def is_plain(text: str) -> bool:
    """Whether a terminal shows a log as it is."""
    return all(" " <= c <= "~" or c == "\n" for c in text)


def through_proxy(place: Place, name: str, options: str, addresses: object = "nxdomain") -> dict[str, str]:
    """The environment of a program behind proxy-server, whose client's address points to a name."""
    assert place.run("tcprules", "r.cdb", "tmp", stdin=RULES).returncode == 0
    zone: dict[str, object] = {BACK: [["PTR", name]], "mail.trusted.example A": addresses}
    found = privatenet.run(
        place, "proxy-server", options, "-f", "127/8", "-x", "r.cdb", "env", dns=[zone],
        env={"TCPREMOTEIP": "127.0.0.1", "TCPREMOTEINFO": "stale", "TCPREMOTEHOST": "proxy"}, input=LINE,
    )  # fmt: skip
    assert is_plain(found.errors)
    assert [line.split()[1] for line in found.lines] == ["ok"]
    return dict(line.split("=", 1) for line in found.output.splitlines())


TRUSTED = wire(b"mail", b"trusted", b"example")


@pytest.mark.root
@pytest.mark.parametrize(
    ("options", "addresses", "rule"),
    [
        ("-vhp", [["A", "192.0.2.7"]], "host"),
        ("-vhp", [["A", "192.0.2.8"]], "none"),
        ("-vhp", [["A", "127.0.0.1"]], "none"),  # the proxy's own
        ("-vhp", "nxdomain", "none"),
        ("-vhp", "short", "none"),
        ("-vhP", [["A", "192.0.2.8"]], "host"),
        ("-vH", [["A", "192.0.2.7"]], "none"),
    ],
)
def test_rules_for_clients_of_a_proxy(place: Place, options: str, addresses: object, rule: str) -> None:
    found = through_proxy(place, TRUSTED, options, addresses)
    assert found["RULE"] == rule
    assert found.get("TCPREMOTEHOST") == (None if rule == "none" else "mail.trusted.example")
    assert (found["TCPREMOTEIP"], "TCPREMOTEINFO" in found) == ("192.0.2.7", False)


@pytest.mark.root
@pytest.mark.parametrize("label", EVIL)
def test_names_of_a_proxys_clients(place: Place, label: bytes) -> None:
    found = through_proxy(place, wire(label, b"other"), "-vh")
    assert not set(found["TCPREMOTEHOST"]) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.\\")
    assert (found["RULE"], found["TCPREMOTEIP"]) == ("name", "192.0.2.7")


@pytest.mark.root
@pytest.mark.parametrize("label", EVIL)
def test_what_tcpclient_learns(place: Place, label: bytes) -> None:
    port = str(free_port())
    zone: dict[str, object] = {"1.0.0.127.in-addr.arpa PTR": [["PTR", wire(label, b"example")]]}
    found = privatenet.run(
        place, "tcpclient", "-v", "127.0.0.1", port, "sh", "-c", "env | grep -a ^TCP",
        dns=[zone], services={f"127.0.0.1 {port}": ""}, ident=f"a:b:c:{label.decode('latin-1')}\n",
    )  # fmt: skip
    values = dict(line.split("=", 1) for line in found.output.splitlines())
    assert set(values) == {"TCPLOCALHOST", "TCPLOCALIP", "TCPLOCALPORT", "TCPREMOTEHOST", "TCPREMOTEINFO",
                           "TCPREMOTEIP", "TCPREMOTEPORT"}  # fmt: skip
    assert values["TCPREMOTEIP"] == "127.0.0.1"
    assert is_plain(found.output) and is_plain(found.errors)
    assert not set(values["TCPREMOTEINFO"]) & set("\"$&'();<>\\`{|}")


@pytest.mark.root
def test_what_a_list_says_is_one_line(place: Place) -> None:
    """To the log and to the client."""
    text = "".join(map(chr, range(100))), "".join(map(chr, range(100, 256)))
    zone: dict[str, object] = {"4.3.2.1.list TXT": [["TXT", part] for part in text]}
    env = {"TCPREMOTEIP": "1.2.3.4"}
    found = privatenet.run(place, "rblsmtpd", "-t0", "-rlist", "true", dns=[zone], env=env)
    assert is_plain(found.errors) and is_plain(found.output.removesuffix("\r\n"))
    assert len(found.lines) == len(found.output.splitlines()) == 1


@few(10)
@given(st.lists(st.sampled_from([b"\n", b"1 > x \n", b"[EOF]\n", b"\r", b"\x1b[m", b"y" * 250]), max_size=12))
def test_nobody_forges_a_record_of_recordio(place: Place, pieces: list[bytes]) -> None:
    """What is logged are the very bytes; but each line bears the pid and the direction that it came from."""
    (place.path / "said").write_bytes(b"".join(pieces))
    script = "echo $$; cat said; cat >/dev/null"  # the output of who does not read may be lost
    done = place.run("recordio", "sh", "-c", script, stdin=b"".join(pieces))
    pid = done.stdout.split(b"\n", 1)[0]
    lines = done.stderr.split(b"\n")
    assert lines.pop() == b""
    assert all(line.startswith((pid + b" < ", pid + b" > ")) for line in lines)
